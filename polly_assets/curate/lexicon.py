"""The lexicon: every searched name of every ontology in two tries, saved and memory-mapped.

Owns the files of a saved lexicon and looking names up in them. `compile_lexicon` in
`lexicon_build` makes them; a change to their layout or meaning raises `REVISION`.
Keep out: which names enter (`naming`), and where in a text to look (`matcher`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import marisa_trie
import pyarrow as pa

from polly_assets.curate.naming import Kind
from polly_resources.errors import Unavailable

REVISION = 2
"""Raise whenever the same ontologies would yield another lexicon."""

SPACED, COMPACT, CURIES = "spaced.marisa", "compact.marisa", "curies.marisa"
ENTRIES, TERMS = "entries.arrow", "terms.arrow"
FILES = (SPACED, COMPACT, CURIES, ENTRIES, TERMS)


@dataclass(frozen=True, slots=True)
class LexiconTerm:
    """A term that can be found: `index` is its row; `version` is `ONTOLOGY release`."""

    index: int
    curie: str
    label: str
    field: str
    version: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that a name may name. `form` is the spelling where capitals matter."""

    term: LexiconTerm
    kind: Kind
    form: str


class Lexicon:
    """A saved lexicon, opened read-only; its files are shared between processes."""

    def __init__(self, folder: Path) -> None:
        """Open the files in `folder`. Raises Unavailable where they cannot be read."""
        try:
            self._spaced, self._compact, self._curies = (
                marisa_trie.Trie().mmap(str(folder / name)) for name in (SPACED, COMPACT, CURIES)
            )
            entries = _table(folder / ENTRIES)
            terms = _table(folder / TERMS)
        except (OSError, RuntimeError, pa.ArrowInvalid) as error:
            raise Unavailable(
                "lexicon_unreadable",
                f"the saved lexicon cannot be opened: {error}",
                file=str(folder),
                hint="remove the folder; it is built again on the next use",
            ) from error
        self._lists = entries.column("entries").chunk(0)
        self._fields = {name: terms.column(name).chunk(0) for name in terms.column_names}
        self._spaced_count = len(self._spaced)
        self._known: dict[int, tuple[Entry, ...]] = {}
        self._terms: dict[int, LexiconTerm] = {}
        self._ancestors: dict[int, frozenset[int]] = {}

    def __len__(self) -> int:
        """The number of distinct names."""
        return len(self._lists)

    def spaced(self, text: str) -> Iterator[tuple[int, tuple[Entry, ...]]]:
        """Names that begin `text` (normal words with spaces): length and entries."""
        for key, number in self._spaced.iter_prefixes_with_ids(text):
            yield len(key), self._entries(number)

    def compact(self, text: str) -> Iterator[tuple[int, tuple[Entry, ...]]]:
        """Cell lines and gene symbols that begin `text` (letters and digits only)."""
        for key, number in self._compact.iter_prefixes_with_ids(text):
            yield len(key), self._entries(self._spaced_count + number)

    def whole(self, name: str) -> tuple[Entry, ...]:
        """What the normal name means, taken whole; nothing where it is unknown."""
        return self._entries(self._spaced[name]) if name in self._spaced else ()

    def symbol(self, compact: str) -> tuple[Entry, ...]:
        """What the compact name means, taken whole; nothing where it is unknown."""
        if compact not in self._compact:
            return ()
        return self._entries(self._spaced_count + self._compact[compact])

    def term(self, curie: str) -> LexiconTerm | None:
        """The term of a CURIE, where the lexicon has it."""
        return self._term(self._curies[curie]) if curie in self._curies else None

    def ancestors(self, index: int) -> frozenset[int]:
        """The rows of a term's ancestors, without itself."""
        known = self._ancestors.get(index)
        if known is None:
            known = frozenset(self._fields["ancestors"][index].as_py())
            self._ancestors[index] = known
        return known

    def _entries(self, number: int) -> tuple[Entry, ...]:
        known = self._known.get(number)
        if known is None:
            rows = self._lists[number].as_py()
            known = tuple(Entry(self._term(r["term"]), Kind(r["kind"]), r["form"]) for r in rows)
            self._known[number] = known
        return known

    def _term(self, index: int) -> LexiconTerm:
        term = self._terms.get(index)
        if term is None:
            curie, label, field, version = (
                str(self._fields[name][index].as_py())
                for name in ("curie", "label", "field", "version")
            )
            term = self._terms[index] = LexiconTerm(index, curie, label, field, version)
        return term


def _table(path: Path) -> pa.Table:
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
