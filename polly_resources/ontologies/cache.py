"""Keeps converted ontologies as Arrow files, so that the next load takes a fraction.

One file per ontology and release: columns of `Term`, ancestors as codes into one dictionary.
The folder may be absent, read-only or damaged: a cache is never needed.
Keep out: where terms come from.
"""

from __future__ import annotations

import contextlib
import uuid
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from polly_resources.records import Term

REVISION = 1
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
    try:
        with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
            return _terms(reader.read_all())
    except (OSError, pa.ArrowException):
        return None


def _store(sink: object, table: pa.Table) -> None:
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(sink, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=max(1, table.num_rows))


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
    curies = ancestors.values.dictionary.to_pylist().__getitem__
    codes = ancestors.values.indices.to_numpy()
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
