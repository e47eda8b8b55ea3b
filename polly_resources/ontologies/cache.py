"""Keeps converted ontologies as Arrow files, so that the next load takes a fraction.

One file per ontology and release: columns of `Term`, ancestors as codes into one dictionary.
Files are mapped into memory and not compressed, so that a few terms cost a few pages.
The folder may be absent, read-only or damaged: a cache is never needed.
Keep out: where terms come from.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from polly_resources.records import Term

REVISION = 2
"""Count up when the readers' or this file's output changes: older files are then ignored."""


def write(path: Path, terms: Iterable[Term]) -> bool:
    """Store terms in one atomic step. False where the folder cannot be written."""
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as sink:
            _store(sink, _table(terms))
        part.replace(path)
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return True


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


def _store(sink: BinaryIO, table: pa.Table) -> None:
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=max(1, table.num_rows))
    # Nothing in the file would tell of pages lost in a crash.
    sink.flush()
    os.fsync(sink.fileno())


def _table(terms: Iterable[Term]) -> pa.Table:
    curies, labels, deprecated, replaced_by = [], [], [], []
    synonyms: list[str] = []
    synonym_ends = array("i", [0])
    codes: dict[str, int] = {}
    ancestors, ancestor_ends = array("i"), array("i", [0])
    for term in terms:
        curies.append(term.curie)
        labels.append(term.label)
        deprecated.append(term.deprecated)
        replaced_by.append(term.replaced_by)
        synonyms.extend(term.synonyms)
        synonym_ends.append(len(synonyms))
        ancestors.extend([codes.setdefault(curie, len(codes)) for curie in term.ancestors])
        ancestor_ends.append(len(ancestors))
    return pa.table(
        {
            "curie": pa.array(curies, pa.string()),
            "label": pa.array(labels, pa.string()),
            "synonyms": _lists(synonym_ends, pa.array(synonyms, pa.string())),
            "ancestors": _lists(
                ancestor_ends,
                pa.DictionaryArray.from_arrays(
                    pa.array(ancestors, pa.int32()), pa.array(list(codes), pa.string())
                ),
            ),
            "deprecated": pa.array(deprecated, pa.bool_()),
            "replaced_by": pa.array(replaced_by, pa.string()),
        }
    )


def _lists(ends: array[int], values: pa.Array) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), values)


def _terms(table: pa.Table) -> Iterator[Term]:
    def column(name: str) -> pa.Array:
        chunked = table.column(name)
        return chunked.chunk(0) if chunked.num_chunks else pa.array([], chunked.type)

    synonyms, ancestors = column("synonyms"), column("ancestors")
    names: Sequence[str] = synonyms.values.to_pylist()
    coded = ancestors.values
    if len(coded) < len(coded.dictionary):
        coded = coded.dictionary_decode().dictionary_encode()
    curies = coded.dictionary.to_pylist().__getitem__
    codes = coded.indices.to_numpy()
    return (
        Term(
            curie,
            label,
            tuple(names[s_start:s_end]),
            tuple(map(curies, codes[a_start:a_end].tolist())),
            deprecated,
            replaced_by,
        )
        for curie, label, s_start, s_end, a_start, a_end, deprecated, replaced_by in zip(
            column("curie").to_pylist(),
            column("label").to_pylist(),
            synonyms.offsets.to_pylist()[:-1],
            synonyms.offsets.to_pylist()[1:],
            ancestors.offsets.to_pylist()[:-1],
            ancestors.offsets.to_pylist()[1:],
            column("deprecated").to_pylist(),
            column("replaced_by").to_pylist(),
            strict=True,
        )
    )
