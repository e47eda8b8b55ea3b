"""Routes that ask: SQL, search, one gene, curation of free text.

Add a route that reads and changes nothing. Keep out: jobs, atlases and files.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from polly_api.http.models import CurateQuery, CurateReply, SearchQuery, SqlQuery
from polly_api.http.replies import TABLE_REPLY, TheDoor, table_reply
from polly_resources.records import SearchAnswer, SearchRequest

router = APIRouter(tags=["query"])


@router.post("/sql", operation_id="sql", responses=TABLE_REPLY, response_class=Response)
def sql(request: Request, door: TheDoor, query: SqlQuery) -> Response:
    """Run a read-only statement; `Accept` chooses JSON rows, CSV or an Arrow stream."""
    return table_reply(request, door.sql(query.query, max_rows=query.max_rows))


@router.get("/gene", operation_id="gene", responses=TABLE_REPLY, response_class=Response)
def gene(request: Request, door: TheDoor, gene: str, atlas: str) -> Response:
    """One gene in every dataset of an atlas: dataset_id, sample_id, feature_id, name, value."""
    return table_reply(request, door.gene(gene, atlas))


@router.post("/search", operation_id="search")
def search(door: TheDoor, query: SearchQuery) -> SearchAnswer:
    """Datasets that match words and filters, best first, with the facet counts asked for."""
    wanted = SearchRequest(query.text, query.filters, query.facets, query.limit, query.offset)
    return door.search(query.atlas, wanted)


@router.post("/curate", operation_id="curate")
def curate(door: TheDoor, query: CurateQuery) -> CurateReply:
    """Ontology terms and other curated fields for free-text records, with their provenance."""
    return CurateReply(door.curate(query.records))
