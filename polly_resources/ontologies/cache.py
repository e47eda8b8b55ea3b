"""Keeps converted ontologies as Arrow files, so that the next load takes a fraction.

One file per ontology and release: columns of `Term`. Siblings share their ancestors, so these
are codes into a dictionary of lists, and its CURIEs codes into another. Files are mapped into
memory and not compressed, so that a few terms cost a few pages.
The folder may be absent, read-only or damaged: a cache is never needed.
Keep out: where terms come from.
"""

from __future__ import annotations

import contextlib
import os
import re
import uuid
from array import array
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polly_resources.records import Term

REVISION = 3
"""Count up when the readers' or this file's output changes: older files are then ignored."""


def record(path: Path, terms: Iterable[Term]) -> Iterator[Term]:
    """The terms as they come; once the last is taken, they are stored in one atomic step.

    A folder that cannot be written is no failure: nothing is stored.
    """
    table = yield from _tabulated(terms)
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("xb") as sink:
                _store(sink, table)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        _remove_older(path)


def read(path: Path) -> Iterator[Term] | None:
    """The stored terms in their order, or None where there is no sound file."""
    table = _open(path)
    return None if table is None else _terms(table)


def lookup(path: Path, curies: Collection[str]) -> Iterator[Term] | None:
    """The stored terms of these CURIEs in their order, or None where there is no sound file."""
    table = _open(path)
    if table is None:
        return None
    wanted = pc.is_in(table.column("curie"), value_set=pa.array(curies, pa.string()))
    return _terms(table.take(pc.indices_nonzero(wanted)))


def _open(path: Path) -> pa.Table | None:
    try:
        with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
            table = reader.read_all()
            table.validate()
    except (OSError, pa.ArrowException):
        return None
    return table


def _remove_older(path: Path) -> None:
    """Remove the same ontology's files of other releases, rows and revisions."""
    ours = re.compile(re.escape(path.name.partition("-")[0]) + r"-.+-[0-9a-f]{12}\.arrow")
    for other in path.parent.iterdir():
        if other != path and ours.fullmatch(other.name):
            other.unlink(missing_ok=True)


def _store(sink: BinaryIO, table: pa.Table) -> None:
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=max(1, table.num_rows))
    # Nothing in the file would tell of pages lost in a crash.
    sink.flush()
    os.fsync(sink.fileno())


def _tabulated(terms: Iterable[Term]) -> Generator[Term, None, pa.Table]:
    """Passes the terms on and returns them as columns."""
    curies, labels, deprecated, replaced_by = [], [], [], []
    synonyms: list[str] = []
    synonym_ends = array("i", [0])
    lineages: dict[tuple[str, ...], int] = {}
    codes = array("i")
    for term in terms:
        curies.append(term.curie)
        labels.append(term.label)
        deprecated.append(term.deprecated)
        replaced_by.append(term.replaced_by)
        synonyms.extend(term.synonyms)
        synonym_ends.append(len(synonyms))
        codes.append(lineages.setdefault(term.ancestors, len(lineages)))
        yield term
    return pa.table(
        {
            "curie": pa.array(curies, pa.string()),
            "label": pa.array(labels, pa.string()),
            "synonyms": _lists(synonym_ends, pa.array(synonyms, pa.string())),
            "ancestors": pa.DictionaryArray.from_arrays(
                pa.array(codes, pa.int32()), _lineages(lineages)
            ),
            "deprecated": pa.array(deprecated, pa.bool_()),
            "replaced_by": pa.array(replaced_by, pa.string()),
        }
    )


def _lineages(lineages: Iterable[Sequence[str]]) -> pa.ListArray:
    codes: dict[str, int] = {}
    members, ends = array("i"), array("i", [0])
    for lineage in lineages:
        members.extend([codes.setdefault(curie, len(codes)) for curie in lineage])
        ends.append(len(members))
    curies = pa.DictionaryArray.from_arrays(
        pa.array(members, pa.int32()), pa.array(list(codes), pa.string())
    )
    return _lists(ends, curies)


def _lists(ends: array[int], values: pa.Array) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), values)


def _terms(table: pa.Table) -> Iterator[Term]:
    if not table.num_rows:
        return iter(())
    columns = {name: table.column(name).chunk(0) for name in table.column_names}
    names = columns["synonyms"].flatten().to_pylist()
    ends = columns["synonyms"].value_lengths().to_numpy().cumsum().tolist()
    coded = columns["ancestors"]
    used, places = np.unique(coded.indices.to_numpy(), return_inverse=True)
    lineages = _tuples(coded.dictionary.take(pa.array(used)))
    return (
        Term(curie, label, tuple(names[start:end]), lineages[place], deprecated, replaced_by)
        for curie, label, start, end, place, deprecated, replaced_by in zip(
            columns["curie"].to_pylist(),
            columns["label"].to_pylist(),
            [0, *ends[:-1]],
            ends,
            places.tolist(),
            columns["deprecated"].to_pylist(),
            columns["replaced_by"].to_pylist(),
            strict=True,
        )
    )


def _tuples(lists: pa.ListArray) -> list[tuple[str, ...]]:
    members = lists.flatten()
    used, places = np.unique(members.indices.to_numpy(), return_inverse=True)
    curies = members.dictionary.take(pa.array(used)).to_pylist().__getitem__
    ends = lists.value_lengths().to_numpy().cumsum().tolist()
    starts = [0, *ends[:-1]]
    return [
        tuple(map(curies, places[start:end].tolist()))
        for start, end in zip(starts, ends, strict=True)
    ]
