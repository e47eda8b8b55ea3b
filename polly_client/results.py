"""What searches give Python users.

Keep out: searching.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from polly_api.words import SearchAnswer, SearchHit

if TYPE_CHECKING:
    import polars as pl


class SearchResult:
    """One page of hits, best first.

    Attributes:
        total: How many datasets match, on all pages.
        hits: Those of this page: `dataset_id`, `score` and `stored` fields.
        facets: For each field asked for, its values and how many matches have them.
    """

    def __init__(self, answer: SearchAnswer) -> None:
        self.total: int = answer.total
        self.hits: tuple[SearchHit, ...] = answer.hits
        self.facets: Mapping[str, Mapping[str, int]] = answer.facets

    def to_polars(self) -> pl.DataFrame:
        """The hits as a frame: dataset_id, score, then the stored fields."""
        import polars as pl

        rows = [{"dataset_id": hit.dataset_id, "score": hit.score, **hit.stored} for hit in self]
        start = {"dataset_id": pl.String, "score": pl.Float64}
        return pl.DataFrame(rows, infer_schema_length=None) if rows else pl.DataFrame(schema=start)

    def __iter__(self) -> Iterator[SearchHit]:
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)

    def __repr__(self) -> str:
        return f"SearchResult({len(self.hits)} of {self.total} hits)"
