"""The contract for full-text search over datasets, with exact filters and facet counts.

Equal hits on the same request is what backends share; equal scores is not.
Keep out: which fields a dataset has; documents arrive ready made.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence

from polly_resources.errors import BadInput, BadQuery
from polly_resources.records import IndexEntry, SearchAnswer, SearchDocument, SearchRequest
from polly_resources.served import Served

MAX_FACET_VALUES = 10_000
"""Values that a facet lists at most, the most frequent first."""

TITLE_BOOST = 2.0
"""How much more a word counts for being in the title too."""


def checked_atlas(atlas: str) -> str:
    """The name of an atlas. Raises BadInput where it cannot be one."""
    if not atlas or atlas.startswith(".") or any(c in "/\\\0" for c in atlas):
        raise BadInput(
            "bad_atlas", f"{atlas!r} cannot name an atlas", hint="use letters, digits and _"
        )
    return atlas


def checked_page(request: SearchRequest) -> None:
    """Raises BadQuery for a page that begins or ends below zero."""
    if request.limit < 0 or request.offset < 0:
        raise BadQuery(
            "bad_page",
            f"limit {request.limit} and offset {request.offset}, expected none below 0",
        )


class SearchIndex(Served):
    """One index per atlas."""

    @abstractmethod
    def put(self, atlas: str, documents: Sequence[SearchDocument]) -> None:
        """Add documents, replacing those of the same dataset ids; visible on return."""

    @abstractmethod
    def delete(self, atlas: str, dataset_ids: Sequence[str]) -> None:
        """Remove documents; absent ids are no error."""

    @abstractmethod
    def rebuild(self, atlas: str, documents: Sequence[SearchDocument]) -> None:
        """Replace the whole index in one step; readers see the old one or the new one."""

    @abstractmethod
    def search(self, atlas: str, request: SearchRequest) -> SearchAnswer:
        """Answer one request: all words must match somewhere in title, text or concepts.

        A quoted part is a phrase; `-word` excludes. Empty text matches every document.
        An atlas without documents answers with nothing. Raises BadQuery.

        The dataset id is searched like the title. A word is a run of letters and digits
        (after Unicode NFKC), compared whole and without regard to case; everything else
        separates, in documents and searches alike. A phrase matches within one of the
        fields. An excluded piece that separators split, `-IL-6`, is excluded as a phrase.
        A filter without values matches nothing. Facet counts are over all hits, not the page.
        """

    @abstractmethod
    def scan(self, atlas: str) -> Iterator[IndexEntry]:
        """Every dataset of the index as it was when the first was asked for, in no order."""

    @abstractmethod
    def count(self, atlas: str) -> int:
        """The number of documents in the atlas's index."""
