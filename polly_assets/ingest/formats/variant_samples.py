"""What tables beside variants say of their samples: by sample, or by the patient of each.

Owns joining the clinical tables of cBioPortal, GDC and others to the samples of a file of variants.
A table of its folder describes those of its samples that it names, by the column that names most
of them; one that has the file's own name (`x_clinical.tsv`) must name some. Keep out: which tables
these are (`variant_folders`, `grouping`), and JSON (`beside.sidecars`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from polly_assets.ingest.formats.base import Source
from polly_assets.ingest.formats.beside.sample_names import ID_RANKS, folded
from polly_assets.ingest.formats.beside.sidecars import Described, describe, read_sidecars
from polly_assets.ingest.formats.matching import respelled
from polly_assets.ingest.formats.separated.layout import read_rows
from polly_assets.ingest.formats.streams.table import unique_names
from polly_assets.ingest.formats.variant_folders import KEY
from polly_resources.errors import BadInput
from polly_resources.records import Notice

_RANKS = {
    **ID_RANKS,
    "aliquot_submitter_id": 0,
    "sample_submitter_id": 0,
    "samples_submitter_id": 0,
    "cases_submitter_id": 2,
    "submitter_id": 2,
}
_OTHER_RANK = 3
_TABLES = ("csv", "tsv")
"""How the keys begin of tables that have the file's own name."""

_MISSING = ("", "'--")
_BOUNDARY = re.compile(r"[-_.:]")
_LISTED = 5
_JOINED = "; "
_KEY = "\0key"
"""A column beside those of the file, none of which is called so."""


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of text, null where missing, and its columns that may name samples.

    `own` says whether it has the name of the file that it describes.
    """

    file: str
    own: bool
    cells: pl.DataFrame
    ids: Sequence[str]
    notices: Sequence[Notice]

    @property
    def rank(self) -> int:
        """0 where a column names samples, more where only patients are named."""
        return _rank(self.ids[0])


def described_variants(source: Source, ids: Sequence[str]) -> Described:
    """The samples with these ids, as all tables beside the file describe them.

    Raises BadInput where a table cannot be read, and `sidecar_matches_nothing`.
    """
    samples = pl.DataFrame({"sample_id": ids}, schema={"sample_id": pl.String})
    features = pl.DataFrame(schema={"feature_id": pl.String})
    keys = [key for key in sorted(source.sidecars) if key.startswith((KEY, *_TABLES))]
    tables = [_read(source.sidecars[key], own=not key.startswith(KEY)) for key in keys]
    notices: list[Notice] = []
    for table in sorted(tables, key=lambda one: one.rank):  # samples first: they name patients
        samples, found = _joined(samples, table)
        notices += found
    others = {key: path for key, path in source.sidecars.items() if key not in keys}
    source = replace(source, sidecars=others)
    described = describe(source, samples, features, read_sidecars(source))
    return replace(described, notices=(*notices, *described.notices))


def _rank(name: str) -> int:
    return _RANKS.get(folded(name), _OTHER_RANK)


def _read(path: Path, *, own: bool) -> _Table:
    header, rows, notices = read_rows(path, path.name)
    names = unique_names([name.strip() for name in header])
    columns = ([cells[at].strip() for _, cells in rows] for at in range(len(names)))
    cells = pl.DataFrame(
        [
            pl.Series(name, [None if cell in _MISSING else cell for cell in column], pl.String)
            for name, column in zip(names, columns, strict=True)
        ]
    )
    known = sorted((name for name in names if _rank(name) < _OTHER_RANK), key=_rank)
    return _Table(path.name, own, cells, known or names[:1], notices)


def _joined(samples: pl.DataFrame, table: _Table) -> tuple[pl.DataFrame, list[Notice]]:
    """The samples with what the table says of them."""
    found = [(name, _matched(samples, name, table.cells[name])) for name in table.ids]
    key, of = max(found, key=lambda one: len(one[1]))
    notices = list(table.notices)
    theirs = table.cells[key].drop_nulls().unique(maintain_order=True)
    surplus = [one for one in theirs if one not in of.values()]
    if table.own and surplus and not of and samples.height:
        raise _matches_nothing(table.file, surplus, samples["sample_id"].to_list())
    if surplus:
        none = "" if of else ": it says nothing of these samples, and stays in the original"
        text = f"{len(surplus)} ids of {table.file} are of no sample ({_some(surplus)}){none}"
        notices.append(Notice("metadata_without_samples", text))
    if not of:
        return samples, notices
    named = _named(samples, key)
    others = {one: other for one, other in of.items() if other not in (one, named.get(one))}
    notices += _notices(samples["sample_id"].to_list(), of, others, f"{key} of {table.file}")
    described = table.cells.filter(pl.col(key).is_not_null())
    groups = described.group_by(pl.col(key).alias(_KEY), maintain_order=True)
    rows = groups.agg(pl.all().drop_nulls().unique(maintain_order=True).str.join(_JOINED))
    if rows.height < described.height:
        text = f"{table.file} has several rows of one {key}; their different values were joined"
        notices.append(Notice("rows_joined", text))
    rows = rows.with_columns(pl.exclude(_KEY).replace("", None))
    rows = rows if others else rows.drop(key)
    names = unique_names([*samples.columns, *rows.columns[1:]])
    keys = pl.Series(_KEY, [of.get(one) for one in samples["sample_id"]], dtype=pl.String)
    rows.columns = [_KEY, *names[samples.width :]]
    joined = samples.with_columns(keys).join(rows, on=_KEY, how="left", maintain_order="left")
    return joined.drop(_KEY), notices


def _matches_nothing(file: str, theirs: Sequence[str], mine: Sequence[str]) -> BadInput:
    return BadInput(
        "sidecar_matches_nothing",
        f"none of its {len(theirs)} ids ({_some(theirs)}) is one of the {len(mine)} samples "
        f"({_some(mine)})",
        file=file,
        hint="the ids of samples or patients must be spelled alike in both files; to load the "
        "table by itself, give it another name",
    )


def _named(samples: pl.DataFrame, name: str) -> dict[str, str | None]:
    """By sample what a column of the samples says that is called like this one."""
    alike = next((one for one in samples.columns[1:] if folded(one) == folded(name)), None)
    return dict(zip(samples["sample_id"], samples[alike], strict=True)) if alike else {}


def _matched(samples: pl.DataFrame, name: str, column: pl.Series) -> dict[str, str]:
    """By sample the id of a column that stands for it.

    That is the same id, else a column of the samples that is called alike has it, else it is
    spelled otherwise, else the sample's id begins with it, as barcodes begin with the patient's.
    """
    ids = set(column.drop_nulls())
    mine = samples["sample_id"].to_list()
    named = _named(samples, name)
    respelt = {new: old for old, new in respelled(mine, ids).items()}
    found = {}
    for one in mine:
        starts = (one[: cut.start()] for cut in reversed(list(_BOUNDARY.finditer(one))))
        ways = (one, named.get(one), respelt.get(one), *starts)
        if (other := next((way for way in ways if way in ids), None)) is not None:
            found[one] = other
    return found


def _notices(
    mine: Sequence[str], of: Mapping[str, str], others: Mapping[str, str], column: str
) -> list[Notice]:
    notices = []
    if without := [one for one in mine if one not in of]:
        text = f"{len(without)} samples are not in {column}: {_some(without)}"
        notices.append(Notice("samples_without_metadata", text))
    if others:
        shown = _some([f"{one} by {other}" for one, other in others.items()])
        text = f"{len(others)} samples are described by the {column}: {shown}"
        notices.append(Notice("ids_respelled", text))
    return notices


def _some(ids: Sequence[str]) -> str:
    more = len(ids) - _LISTED
    return ", ".join(ids[:_LISTED]) + (f" and {more} more" if more > 0 else "")
