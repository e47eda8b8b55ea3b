"""The search index in folders: Tantivy, one index per atlas, for one machine.

An atlas's folder holds versions of its index and a small file, `CURRENT`, that names the
one in force; a rebuild makes a new version and renames the pointer. Writers of all
processes take turns by a file lock; readers never wait.
Keep out: fields, tokenizer and queries (`tantivy_schema`), the grammar (`text`).
"""

from __future__ import annotations

import fcntl
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import tantivy
import tenacity

from polly_resources.errors import BadInput, BadQuery, Misconfigured, Unavailable
from polly_resources.records import (
    IndexEntry,
    SearchAnswer,
    SearchDocument,
    SearchHit,
    SearchRequest,
)
from polly_resources.search import tantivy_schema
from polly_resources.search.base import SearchIndex, checked_atlas, checked_page

_POINTER = "CURRENT"
_VERSION = "version-"
_HEAP_BYTES = 50_000_000

_Mark = tuple[str, int, int, int]


@dataclass(frozen=True, slots=True)
class _Reader:
    """An opened state of an index, and the mark by which a newer state is told."""

    mark: _Mark
    schema: tantivy.Schema
    searcher: tantivy.Searcher


class TantivyIndex(SearchIndex):
    """Indexes below `tantivy:///absolute/root`; folders are made by the first write.

    Args:
        address: where the indexes are, percent-encoded.
        busy_seconds: how long a write waits for another writer before Unavailable.
    """

    def __init__(self, address: str, *, busy_seconds: float = 30.0) -> None:
        _, mark, rest = address.partition("tantivy://")
        if not mark or not rest.startswith("/"):
            raise Misconfigured(
                "bad_address",
                f"search address {address!r}, expected tantivy:///absolute/folder",
                hint="correct POLLY_SEARCH",
            )
        self._root = Path(unquote(rest))
        self._busy_seconds = busy_seconds
        self._tokenizer = tantivy_schema.tokenizer()
        self._readers: dict[str, _Reader] = {}

    def about(self) -> str:
        """See `Served.about`."""
        return f"Tantivy {version('tantivy')}"

    def put(self, atlas: str, documents: Sequence[SearchDocument]) -> None:
        """See `SearchIndex.put`; of documents with one id the last counts.

        Raises BadInput for a document that cannot be indexed, Unavailable where another
        process writes for long or the index is damaged.
        """
        made = _made(documents)
        with self._writing(atlas) as home:
            folder = _current(home)
            if folder is None:
                self._new_version(home, made)
                return
            with self._writer(_opened(folder)) as writer:
                for dataset_id, document in made.items():
                    writer.delete_documents_by_term("dataset_id", dataset_id)
                    writer.add_document(document)

    def delete(self, atlas: str, dataset_ids: Sequence[str]) -> None:
        """See `SearchIndex.delete`."""
        with self._writing(atlas) as home:
            folder = _current(home)
            if folder is not None:
                with self._writer(_opened(folder)) as writer:
                    for dataset_id in dataset_ids:
                        writer.delete_documents_by_term("dataset_id", dataset_id)

    def rebuild(self, atlas: str, documents: Sequence[SearchDocument]) -> None:
        """See `SearchIndex.rebuild`; also the cure of a damaged index."""
        made = _made(documents)
        with self._writing(atlas) as home:
            self._new_version(home, made)

    def search(self, atlas: str, request: SearchRequest) -> SearchAnswer:
        """See `SearchIndex.search`; hits by relevance, then in the order of the index.

        Raises BadQuery for a negative page or a search of too many words, Unavailable
        where the index is damaged.
        """
        checked_page(request)
        reader = self._reader(atlas)
        if reader is None:
            return SearchAnswer(0, (), {name: {} for name in request.facets})
        try:
            query = tantivy_schema.query(reader.schema, request)
        except ValueError as error:
            raise BadQuery("bad_text", f"the search is not Unicode text: {error}") from error
        with _damage(self._root / atlas):
            return _answer(reader, query, request)

    def scan(self, atlas: str) -> Iterator[IndexEntry]:
        """See `SearchIndex.scan`."""
        reader = self._reader(atlas)
        if reader is None or not reader.searcher.num_docs:
            return
        with _damage(self._root / atlas):
            query = tantivy.Query.all_query()
            found: Any = reader.searcher.search(query, reader.searcher.num_docs, count=False)
            for _, address in found.hits:
                yield tantivy_schema.entry(reader.searcher.doc(address))

    def count(self, atlas: str) -> int:
        """See `SearchIndex.count`."""
        reader = self._reader(atlas)
        return 0 if reader is None else int(reader.searcher.num_docs)

    def _home(self, atlas: str) -> Path:
        return self._root / checked_atlas(atlas)

    def _reader(self, atlas: str) -> _Reader | None:
        """The newest state of the index; opened again only after a write."""
        home = self._home(atlas)
        while (folder := _current(home)) is not None:
            try:
                with _damage(folder):
                    reader = self._readers.get(atlas)
                    mark = _mark(folder)
                    if reader is None or reader.mark != mark:
                        index = _opened(folder)
                        reader = _Reader(mark, index.schema, index.searcher())
                        self._readers[atlas] = reader
                    return reader
            except Unavailable:
                if _current(home) == folder:
                    raise
        return None

    @contextmanager
    def _writing(self, atlas: str) -> Iterator[Path]:
        """The atlas's folder, made where it is missing, while no other writer has it."""
        home = self._home(atlas)
        try:
            home.mkdir(parents=True, exist_ok=True)
            lock = (home / "lock").open("ab")
        except OSError as error:
            raise Misconfigured(
                "search_unwritable",
                f"the search index cannot be written: {error}",
                file=str(home),
                hint="POLLY_SEARCH must name a folder that this user may write",
            ) from error
        with lock:
            self._take(lock, home)
            yield home

    def _take(self, lock: Any, home: Path) -> None:
        retry = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(BlockingIOError),
            stop=tenacity.stop_after_delay(self._busy_seconds),
            wait=tenacity.wait_random(0.002, 0.05),
            reraise=True,
        )
        try:
            retry(fcntl.flock, lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Unavailable(
                "search_index_busy",
                f"another writer held the search index for {self._busy_seconds:g} s",
                file=str(home),
                hint="try again",
            ) from error

    def _new_version(self, home: Path, documents: dict[str, tantivy.Document]) -> None:
        """Build a version, put it in force, and remove the others."""
        folder = home / f"{_VERSION}{uuid.uuid4().hex}"
        folder.mkdir()
        index = tantivy.Index(tantivy_schema.schema(), path=str(folder))
        with self._writer(index) as writer:
            for document in documents.values():
                writer.add_document(document)
        pointer = home / f"{_POINTER}.new"
        pointer.write_text(folder.name)
        pointer.replace(home / _POINTER)
        for other in home.glob(f"{_VERSION}*"):
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)

    @contextmanager
    def _writer(self, index: tantivy.Index) -> Iterator[tantivy.IndexWriter]:
        """A writer that commits at the end, or takes everything back on an error."""
        index.register_tokenizer("words", self._tokenizer)
        try:
            writer = index.writer(_HEAP_BYTES, 1)
            try:
                yield writer
                writer.commit()
            except BaseException:
                writer.rollback()
                raise
            finally:
                writer.wait_merging_threads()
        except (OSError, ValueError) as error:
            raise Unavailable(
                "search_unavailable",
                f"the search index did not take the write: {error}",
                hint="look whether the disk is full, then try again",
            ) from error


def _made(documents: Sequence[SearchDocument]) -> dict[str, tantivy.Document]:
    made: dict[str, tantivy.Document] = {}
    for document in documents:
        try:
            made[document.dataset_id] = tantivy_schema.document(document)
        except ValueError as error:
            raise BadInput(
                "bad_document", f"{document.dataset_id!r} holds what is not Unicode text: {error}"
            ) from error
    return made


def _current(home: Path) -> Path | None:
    """The version in force; None where nothing was ever written."""
    try:
        return home / (home / _POINTER).read_text()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _mark(folder: Path) -> _Mark:
    facts = (folder / "meta.json").stat()
    return folder.name, facts.st_mtime_ns, facts.st_ino, facts.st_size


def _opened(folder: Path) -> tantivy.Index:
    with _damage(folder):
        index = tantivy.Index.open(str(folder))
        if index.schema != tantivy_schema.schema():
            raise ValueError("its fields are those of another release")
        # The default reader would watch the folder from a thread of its own.
        index.config_reader("manual")
        return index


@contextmanager
def _damage(folder: Path) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        # Tantivy panics on some damage; its exception has no importable class.
        if not isinstance(error, OSError | ValueError) and "Panic" not in type(error).__name__:
            raise
        raise Unavailable(
            "search_index_damaged",
            f"the search index cannot be read: {error}",
            file=str(folder),
            hint="rebuild it from the tables: reindex the atlas",
        ) from error


def _answer(reader: _Reader, query: tantivy.Query, request: SearchRequest) -> SearchAnswer:
    searcher = reader.searcher
    # Tantivy refuses a limit of 0, and takes memory for every hit up to the page's end.
    most = max(int(searcher.num_docs), 1)
    limit = min(max(request.limit, 1), most)
    found: Any = searcher.search(query, limit, offset=min(request.offset, most))
    hits = []
    for score, address in found.hits[: request.limit]:
        dataset_id, stored = tantivy_schema.stored(searcher.doc(address))
        hits.append(SearchHit(dataset_id, float(score), stored))
    facets = tantivy_schema.count_facets(reader.schema, searcher, query, request.facets)
    return SearchAnswer(int(found.count), tuple(hits), facets)
