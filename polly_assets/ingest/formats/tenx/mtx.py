"""A MatrixMarket matrix with its barcodes and its features, as 10x Cell Ranger writes it.

Owns what rows and columns are: features and cells by the two lists beside the matrix, which
versions 1 to 3 and depositors call differently. Features x cells is the rule; the other way
round is recognised by the lengths of the lists.
Keep out: the grammar of MatrixMarket (`matrix_market`) and which files belong together
(`triples`).

Format: https://www.10xgenomics.com/support/software/cell-ranger/latest/analysis/outputs/cr-outputs-mex-matrices
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from polly_assets.ingest.formats.base import (
    DenseMatrix,
    FailedDataset,
    Matrix,
    ParsedDataset,
    Reader,
    Source,
)
from polly_assets.ingest.formats.beside.sidecars import describe, read_sidecars
from polly_assets.ingest.formats.checks import check_features, check_many_samples
from polly_assets.ingest.formats.h5ad.exchanged import exchanged
from polly_assets.ingest.formats.streams.spool_sparse import Assembly
from polly_assets.ingest.formats.tenx.lists import NameList, read_list
from polly_assets.ingest.formats.tenx.matrix_market import KINDS, MatrixMarket, open_matrix_market
from polly_assets.ingest.formats.tenx.names import BARCODES, FEATURES, MATRIX, NAMES, member
from polly_assets.ingest.formats.wording import counted
from polly_assets.schema import SINGLE_CELL
from polly_resources.errors import BadInput
from polly_resources.records import Notice

_FILES = {MATRIX: "matrix.mtx", BARCODES: "barcodes.tsv", FEATURES: "features.tsv or genes.tsv"}
_METADATA = "metadata_json:"


class MtxReader(Reader):
    """Reads a `.mtx` with the barcodes and features beside it, each gzipped or not."""

    name = "tenx_mtx"
    suffixes = (".mtx", "barcodes.tsv", "features.tsv", "genes.tsv")

    def sniff(self, name: str, head: bytes) -> bool:
        """By suffix or banner; lists of names are taken to say that their matrix is missing."""
        if name.removesuffix(".gz").endswith(".mtx"):
            return True
        if head.lower().removeprefix(b"\xef\xbb\xbf").startswith(b"%%matrixmarket"):
            return True
        found = member(name.rpartition("/")[2])
        return found is not None and b"\0" not in head and not _has_numbers(head)

    def read(self, source: Source) -> Iterator[ParsedDataset | FailedDataset]:
        """The one dataset of the triple; matrix X is sparse where the file is."""
        yield _read(source)


def _has_numbers(head: bytes) -> bool:
    """Whether a second column holds numbers, as of a matrix."""
    rows = [line.split(b"\t") for line in head.splitlines()[1:-1]]
    cells = [row[1].strip(b'" ') for row in rows if len(row) > 1]
    return any(cell.replace(b".", b"", 1).isdigit() for cell in cells)


def _read(source: Source) -> ParsedDataset:
    _check_members(source)
    market = open_matrix_market(source.path, source.name)
    found, notices = _lists(source)
    turned, lists = _orientation(market, found, source.name)
    notices += [notice for each in lists.values() for notice in each.notices]
    if turned:
        shape = f"{market.header.rows} cells x {market.header.columns} features"
        notices.append(Notice("transposed_x", f"stored as {shape}; read as such"))
    samples, features = lists[BARCODES].frame(), _named(lists[FEATURES].frame(), source)
    check_many_samples(samples["sample_id"], lists[BARCODES].place, lists[BARCODES].file)
    features, more = check_features(features)
    matrix, repeated = _matrix(market, turned)
    if repeated:
        message = (
            f"{counted(repeated, 'entry repeats', 'entries repeat')} a place, and all were summed"
        )
        notices.append(Notice("duplicate_entries", message, source.name))
    described = describe(source, samples, features, read_sidecars(source))
    return ParsedDataset(
        dataset_id=described.dataset_id,
        format=MtxReader.name,
        metadata=_metadata(market.header.comments) | dict(described.metadata),
        samples=described.samples,
        features=described.features,
        matrices=(matrix,),
        data_type=described.data_type or SINGLE_CELL,
        notices=(*notices, *more, *described.notices),
    )


def _check_members(source: Source) -> None:
    own = member(source.name.rpartition("/")[2])
    held = {*source.sidecars, own.role if own else MATRIX}
    missing = [role for role in _FILES if role not in held]
    if not missing:
        return
    raise BadInput(
        "missing_member",
        f"found no {' and no '.join(_FILES[role] for role in missing)} beside it, expected "
        "matrix, barcodes and features",
        file=source.name,
        hint="put the three files in one folder, with the same beginning of their names or none",
    )


def _lists(source: Source) -> tuple[dict[str, NameList], list[Notice]]:
    """The list of each role, and Notices on lists given twice or under each other's name."""
    found, notices = {}, []
    for role in (FEATURES, BARCODES):
        found[role] = first = read_list(source.sidecars[role], role)
        for key, path in source.sidecars.items():
            if not key.startswith(f"{role}_"):
                continue
            if (other := read_list(path, role)).columns[0] != first.columns[0]:
                raise BadInput(
                    "conflicting_lists",
                    f"found {first.file} and {other.file}, which name other {role}; expected one "
                    "list, or the same names",
                    file=source.name,
                    hint="remove the list that is not of this matrix",
                )
            message = f"{other.file} names the same {role} as {first.file}, which was read"
            notices.append(Notice("list_given_twice", message, other.file))
    cells, features = found[BARCODES], found[FEATURES]
    if exchanged(cells.ids, features.ids):
        message = (
            f"{cells.file} names genes and {features.file} does not; each was read as the other"
        )
        notices.append(Notice("lists_exchanged", message))
        found = {
            FEATURES: replace(cells, role=FEATURES),
            BARCODES: replace(features, role=BARCODES),
        }
    return found, notices


def _named(features: pl.DataFrame, source: Source) -> pl.DataFrame:
    """The features with the names that kallisto writes beside their ids."""
    if NAMES not in source.sidecars:
        return features
    names = read_list(source.sidecars[NAMES], NAMES)
    if names.count != features.height:
        raise BadInput(
            "shape_mismatch",
            f"{names.file} has {counted(names.count, 'name')}, "
            f"expected {features.height}, one per feature",
            file=source.name,
            hint="the files are of different runs, or one was cut short: transfer them again",
        )
    return features.with_columns(names.ids.alias("name"))


def _orientation(
    market: MatrixMarket, lists: Mapping[str, NameList], file: str
) -> tuple[bool, Mapping[str, NameList]]:
    """Whether cells are rows, and the lists without a header where they have one too many."""
    header = market.header
    sizes = (header.rows, header.columns)
    roles = (FEATURES, BARCODES)
    for turned, expected in ((False, sizes), (True, sizes[::-1])):
        fitted = [lists[role].fitted(n) for role, n in zip(roles, expected, strict=True)]
        if all(fitted):
            return turned, {r: f for r, f in zip(roles, fitted, strict=True) if f is not None}
    found = " and ".join(f"{lists[role].file} has {lists[role].count}" for role in roles)
    raise BadInput(
        "shape_mismatch",
        f"the matrix has {counted(sizes[0], 'row')} and {counted(sizes[1], 'column')}; {found}, "
        "expected a line for each row and for each column",
        file=file,
        place=f"line {header.lines}",
        hint="the three files are of different runs, or one was cut short: transfer them again",
    )


def _matrix(market: MatrixMarket, turned: bool) -> tuple[Matrix, int]:
    header = market.header
    if header.layout == "array":
        values = market.dense()
        return DenseMatrix(values.T if turned else values), 0
    shape = (header.columns, header.rows) if turned else (header.rows, header.columns)
    assembly = Assembly(*shape, header.entries)
    assembly.extend(
        (columns, rows, values) if turned else (rows, columns, values)
        for rows, columns, values in market.entries()
    )
    return assembly.finish(KINDS[header.kind])


def _metadata(comments: Sequence[str]) -> dict[str, Any]:
    """The comments: Cell Ranger's JSON by key, others as a list."""
    found: dict[str, Any] = {}
    others = []
    for comment in comments:
        try:
            content = json.loads(comment.removeprefix(_METADATA))
        except ValueError:
            content = None
        if comment.startswith(_METADATA) and isinstance(content, dict):
            found |= content
        else:
            others.append(comment)
    return found | ({"comments": others} if others else {})
