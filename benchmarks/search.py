"""Full text with filters and facet counts, beside SQLite FTS5.

Documents are about a kilobyte of made-up words with Zipf frequencies and five facets. Both
engines index the same words; the join order that FTS5 needs for facet counts is forced, for
its own planner may choose badly. Totals and counts are checked to be equal; ranking differs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.common import OURS, Bench, Result, Times, timed, turns_over
from polly_resources.backends import Backends
from polly_resources.records import SearchDocument, SearchRequest
from polly_resources.search.base import SearchIndex
from polly_resources.settings import load

ATLAS = "bench"
PEER = "SQLite FTS5"
FACETS = {"disease": 400, "tissue": 60, "drug": 300, "organism": 8, "year": 30}
VOCABULARY, WORDS = 30_000, 120
PUT_AT_ONCE = 5_000
GOAL = "full text < 2 ms, facets < 10 ms p50 at 1 M documents"


def run(bench: Bench) -> None:
    """Measure and tell."""
    count = 10_000 if bench.quick else 100_000
    index = Backends(load(bench.folder / "search")).search
    peer = sqlite3.connect(bench.folder / "fts5.db")
    times = {OURS: Times(), PEER: Times()}
    _create(peer)
    for batch in _batches(count):
        with timed(times[OURS]):
            index.put(ATLAS, batch)
        with timed(times[PEER]):
            _insert(peer, batch)
    total = {name: Times([sum(t.wall)], [sum(t.cpu)]) for name, t in times.items()}
    what = f"{count:,} documents, {PUT_AT_ONCE:,} at once"
    bench.add(Result("search", f"put {what}", total, "", float(count), "documents"))
    for name, request in _kinds().items():
        queries = [request(text) for text in _texts(20 if bench.quick else 40)]
        sides = {OURS: partial(_ours, index), PEER: partial(_fts5, peer)}
        found = turns_over(queries, sides, _equal)
        bench.add(Result("search", f"{name}, {len(queries)} queries, {what}", found, GOAL))
    peer.close()


def _kinds() -> dict[str, Any]:
    filters = {"organism": ["organism 1"], "tissue": ["tissue 1", "tissue 2", "tissue 3"]}
    return {
        "full text, 10 hits": lambda text: SearchRequest(text, limit=10),
        "full text and two filters": lambda text: SearchRequest(text, filters, limit=10),
        "full text and counts of five facets": lambda text: SearchRequest(
            text, facets=tuple(FACETS), limit=10
        ),
    }


def _word(number: int) -> str:
    """A word of letters only, so that both tokenizers agree."""
    letters = ""
    while number or not letters:
        number, digit = divmod(number, 20)
        letters += "bcdfghjklmnpqrstvwxz"[digit] + "aeiou"[digit % 5]
    return letters


def _texts(count: int) -> list[str]:
    """One to three words each, from common to rare."""
    rng = np.random.default_rng(1)
    ranks = [np.unique(rng.geometric(1 / 300, size)) for size in rng.integers(1, 4, count)]
    return [" ".join(_word(int(rank)) for rank in chosen) for chosen in ranks]


def _batches(count: int) -> Iterator[list[SearchDocument]]:
    rng = np.random.default_rng(0)
    vocabulary = np.array([_word(number) for number in range(VOCABULARY)])
    weights = 1 / np.arange(1, VOCABULARY + 1)
    cumulative = np.cumsum(weights / weights.sum())
    for start in range(0, count, PUT_AT_ONCE):
        size = min(PUT_AT_ONCE, count - start)
        drawn = np.searchsorted(cumulative, rng.random((size, WORDS)))
        words = vocabulary[np.minimum(drawn, VOCABULARY - 1)]
        facets = {name: rng.zipf(1.5, size) % values for name, values in FACETS.items()}
        yield [
            SearchDocument(
                dataset_id=_word(1_000_000_000 + start + row),
                title=" ".join(words[row, :8]),
                text=" ".join(words[row, 8:]),
                concepts="",
                facets={name: [f"{name} {codes[row]}"] for name, codes in facets.items()},
                stored={"total_num_samples": 12},
            )
            for row in range(size)
        ]


def _create(peer: sqlite3.Connection) -> None:
    columns = ", ".join(f"{name} TEXT" for name in FACETS)
    peer.execute("PRAGMA journal_mode = WAL")
    peer.execute(f"CREATE TABLE docs (id INTEGER PRIMARY KEY, dataset_id TEXT, {columns})")
    peer.execute("CREATE VIRTUAL TABLE words USING fts5(text, content='')")


def _insert(peer: sqlite3.Connection, batch: list[SearchDocument]) -> None:
    first = peer.execute("SELECT count(*) FROM docs").fetchone()[0]
    marks = ", ".join("?" * (2 + len(FACETS)))
    rows = [
        (first + n, doc.dataset_id, *(doc.facets[name][0] for name in FACETS))
        for n, doc in enumerate(batch)
    ]
    peer.executemany(f"INSERT INTO docs VALUES ({marks})", rows)
    texts = [(first + n, f"{doc.dataset_id} {doc.title} {doc.text}") for n, doc in enumerate(batch)]
    peer.executemany("INSERT INTO words (rowid, text) VALUES (?, ?)", texts)
    peer.commit()


Answer = tuple[int, int, dict[str, dict[str, int]]]
"""Hits in all, hits on the page, and facet counts."""


def _ours(index: SearchIndex, request: SearchRequest) -> Answer:
    found = index.search(ATLAS, request)
    return found.total, len(found.hits), {n: dict(counts) for n, counts in found.facets.items()}


def _fts5(peer: sqlite3.Connection, request: SearchRequest) -> Answer:
    joined = "words CROSS JOIN docs ON docs.id = words.rowid WHERE words MATCH ?"
    given = [request.text]
    for name, values in request.filters.items():
        joined += f" AND {name} IN ({', '.join('?' * len(values))})"
        given += values
    total = peer.execute(f"SELECT count(*) FROM {joined}", given).fetchone()[0]
    page = f"SELECT dataset_id FROM {joined} ORDER BY rank LIMIT {request.limit}"
    hits = peer.execute(page, given).fetchall()
    facets = {
        name: dict(
            peer.execute(f"SELECT {name}, count(*) FROM {joined} GROUP BY 1", given).fetchall()
        )
        for name in request.facets
    }
    return total, len(hits), facets


def _equal(answers: dict[str, Any]) -> None:
    if answers[OURS] != answers[PEER]:
        raise AssertionError(f"other answers: {answers[OURS][:2]} and {answers[PEER][:2]}")
