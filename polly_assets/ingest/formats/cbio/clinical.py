"""cBioPortal's clinical tables: attributes of samples and of patients.

Owns the four lines of description above the column names, types, and ids that must be there
once. Missing is what cBioPortal takes for it: empty cells everywhere, and in numbers also NA and
`[Not Available]` and its like. Keep out: which datasets have which samples (`study`).

Format: https://docs.cbioportal.org/file-formats/#clinical-data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Reader, Source
from polly_assets.ingest.formats.beside.sidecars import describe, read_sidecars
from polly_assets.ingest.formats.streams.lines import Lines
from polly_assets.ingest.formats.streams.table import fit, unique_names
from polly_assets.ingest.formats.streams.tally import Tally
from polly_assets.ingest.formats.tabbed import beginning
from polly_resources.errors import BadInput
from polly_resources.records import Notice

SAMPLE, PATIENT = "SAMPLE_ID", "PATIENT_ID"
TYPES = ("STRING", "NUMBER", "BOOLEAN")

_DESCRIBING = ("display names", "descriptions", "data types", "priorities")
_ID = re.compile(r"[0-9A-Za-z._-]+")
_BANNED = ("MUTATION_COUNT", "FRACTION_GENOME_ALTERED")
_MISSING = ("", "na", "n/a", "nan", "null", "[null]", "[na]")
_BOOLEANS = {"TRUE": True, "YES": True, "FALSE": False, "NO": False}


@dataclass(frozen=True, slots=True)
class Clinical:
    """A clinical table: `key` is its first column and names samples, or else patients."""

    key: str
    frame: pl.DataFrame
    descriptions: dict[str, str]
    notices: tuple[Notice, ...]


def is_clinical(header: str) -> bool:
    """Whether a line names the columns of a clinical table."""
    names = {cell.strip().upper() for cell in header.split("\t")}
    return PATIENT in names or {SAMPLE, "SAMPLE_TYPE"} <= names


def read_clinical(path: Path, file: str, *, key: str = "") -> Clinical:
    """Read a clinical table: of samples, or of patients where it has none, if `key` is not given.

    Raises BadInput `missing_columns`, `duplicate_columns`, `ragged_row`, `duplicate_sample_ids`,
    `duplicate_patient_ids`, `missing_sample_id`, `missing_patient_id` or `no_rows`.
    """
    lines, tally = Lines(path, file), Tally()
    numbered = iter(lines)
    above, header, line = _above(numbered, file)
    key = _key(header, key, file, line)
    column = [name.upper() for name in header].index(key)
    rows = [
        (n, fit(text.split("\t"), len(header), n, file)) for n, text in numbered if text.strip()
    ]
    if not rows:
        raise _no_rows(file, line)
    _check_ids(rows, column, key, file)
    _notice_names(header, [(n, row[column].strip()) for n, row in rows], column, tally, line)
    if key == SAMPLE:
        _notice_patients(header, rows, tally, line)
    kinds = _kinds(above, len(header), file, tally)
    others = [i for i in range(len(header)) if i != column]
    names = unique_names([header[i] for i in others], "sample_id")
    columns = {key: pl.Series([row[column].strip() for _, row in rows], dtype=pl.String)}
    for i, name in zip(others, names, strict=True):
        cells = [row[i].strip() for _, row in rows]
        columns[name] = _typed(cells, kinds[i], name, tally)
    told = dict(zip(names, (_described(above, i) for i in others), strict=True))
    return Clinical(
        key=key,
        frame=pl.DataFrame(columns),
        descriptions={name: text for name, text in told.items() if text},
        notices=(*lines.notices, *tally.notices()),
    )


def _above(lines: Iterator[tuple[int, str]], file: str) -> tuple[list[list[str]], list[str], int]:
    """The describing lines, the column names, and the line of these."""
    above: list[list[str]] = []
    number = 0
    for number, line in lines:
        if line.startswith("#"):
            above.append(line[1:].split("\t"))
        elif line.strip():
            header = [cell.strip() for cell in line.split("\t")]
            while len(header) > 1 and not header[-1]:
                header.pop()
            return above, header, number
    raise _no_rows(file, number)


def _no_rows(file: str, line: int) -> BadInput:
    return BadInput(
        "no_rows",
        "found no row below the header, expected column names and at least one row",
        file=file,
        place=f"line {line}",
        hint="check that the file was exported completely",
    )


def _key(header: Sequence[str], wanted: str, file: str, line: int) -> str:
    upper = [name.upper() for name in header]
    for key in (wanted,) if wanted else (SAMPLE, PATIENT):
        if upper.count(key) > 1:
            raise BadInput(
                "duplicate_columns",
                f"{upper.count(key)} columns are called {key}, expected one",
                file=file,
                place=f"line {line}",
                hint="remove or rename the others",
            )
        if key in upper:
            return key
    expected = wanted or f"{SAMPLE} or {PATIENT}"
    raise BadInput(
        "missing_columns",
        f"the header has the columns {', '.join(header)[:80]}, expected {expected}",
        file=file,
        place=f"line {line}",
        hint="a clinical table names its samples or its patients, separated by tabs",
    )


def _check_ids(rows: Sequence[tuple[int, list[str]]], column: int, key: str, file: str) -> None:
    what = key.partition("_")[0].lower()
    first: dict[str, int] = {}
    for line, row in rows:
        found = row[column].strip()
        if found and found not in first:
            first[found] = line
            continue
        raise BadInput(
            f"duplicate_{what}_ids" if found else f"missing_{what}_id",
            f"{what} {found!r} is also at line {first[found]}, expected each {what} once"
            if found
            else f"the row has no {key}, expected an id",
            file=file,
            place=f"line {line}, column {column + 1}",
            hint=f"give each {what} one row, with its own {key}",
        )


def _notice_names(
    header: Sequence[str], ids: Sequence[tuple[int, str]], column: int, tally: Tally, line: int
) -> None:
    """Notice ids and column names that cBioPortal would not take."""
    for number, name in ids:
        if not _ID.fullmatch(name):
            message = f"id {name[:60]!r} has other characters than letters, digits, . _ and -"
            tally.note("odd_clinical_id", message, f"line {number}, column {column + 1}")
    for at, name in enumerate(header):
        if name in header[:at]:
            message = f"column {name[:60]!r} is there again; its values have a name of their own"
            tally.note("odd_clinical_header", message, f"line {line}, column {at + 1}")
        if name != name.upper() or " " in name or name in _BANNED:
            message = (
                f"column {name[:60]!r} is not in upper case without spaces, or is one that "
                "cBioPortal computes itself"
            )
            tally.note("odd_clinical_header", message, f"line {line}, column {at + 1}")


def _notice_patients(
    header: Sequence[str], rows: Sequence[tuple[int, list[str]]], tally: Tally, line: int
) -> None:
    """Notice samples whose patient is not named, which cBioPortal would not take."""
    upper = [name.upper() for name in header]
    if PATIENT not in upper:
        tally.note("odd_clinical_header", f"no column {PATIENT} names the patients", f"line {line}")
        return
    column = upper.index(PATIENT)
    for number, row in rows:
        if not row[column].strip():
            message = f"the row has no {PATIENT}"
            tally.note("odd_clinical_id", message, f"line {number}, column {column + 1}")


def _kinds(above: Sequence[Sequence[str]], width: int, file: str, tally: Tally) -> list[str]:
    """The type of each column; text where the lines above do not say."""
    if len(above) < len(_DESCRIBING):
        message = (
            f"{file} has {len(above)} lines that begin with # above its column names, expected "
            f"{len(_DESCRIBING)} ({', '.join(_DESCRIBING)}): all columns are text"
        )
        tally.note("no_clinical_header", message, "line 1")
        return ["STRING"] * width
    for number, row in enumerate(above[: len(_DESCRIBING)], 1):
        if len(row) != width:
            message = f"the line of {_DESCRIBING[number - 1]} has {len(row)} columns, not {width}"
            tally.note("odd_clinical_header", message, f"line {number}")
    kinds = [cell.strip().upper() for cell in above[2][:width]]
    kinds += ["STRING"] * (width - len(kinds))
    if unknown := sorted(set(kinds) - set(TYPES)):
        message = f"data types {', '.join(unknown)[:80]} are none of {', '.join(TYPES)}"
        tally.note("odd_clinical_header", message, "line 3")
    return kinds


def _described(above: Sequence[Sequence[str]], column: int) -> str:
    row = above[1] if len(above) >= len(_DESCRIBING) else ()
    return row[column].strip() if column < len(row) else ""


def _typed(cells: Sequence[str], kind: str, name: str, tally: Tally) -> pl.Series:
    text = pl.Series([cell or None for cell in cells], dtype=pl.String)
    if kind not in ("NUMBER", "BOOLEAN"):
        return text
    present = [None if _is_missing(cell) else cell for cell in cells]
    if kind == "NUMBER":
        typed = pl.Series(present, dtype=pl.String).cast(pl.Float64, strict=False)
    else:
        known = [_BOOLEANS.get(cell.upper()) if cell else None for cell in present]
        typed = pl.Series(known, dtype=pl.Boolean)
    if typed.null_count() > present.count(None):
        odd = next(c for c, t in zip(present, typed, strict=True) if c is not None and t is None)
        message = f"column {name} is declared {kind} and has {odd[:60]!r}; it was read as text"
        tally.note("value_of_other_type", message)
        return text
    return typed


def _is_missing(cell: str) -> bool:
    return cell.lower() in _MISSING or (cell.startswith("[") and cell.endswith("]"))


class ClinicalReader(Reader):
    """Reads a clinical table that is given alone: a dataset of samples without a matrix."""

    name = "cbio_clinical"
    suffixes = (".txt",)

    def sniff(self, name: str, head: bytes) -> bool:
        """By the column names, in files called `data_clin...` or described by lines of #."""
        text = beginning(head)
        lines = [line for line in text.splitlines() if line.strip()]
        header = next((line for line in lines if not line.startswith("#")), "")
        named = name.rpartition("/")[2].startswith("data_clin")
        return (named or text.startswith("#")) and "\0" not in text and is_clinical(header)

    def read(self, source: Source) -> Iterator[ParsedDataset | FailedDataset]:
        """The one dataset of the file."""
        found = read_clinical(source.path, source.name)
        samples = found.frame.rename({found.key: "sample_id"})
        features = pl.DataFrame(schema={"feature_id": pl.String})
        described = describe(source, samples, features, read_sidecars(source))
        alone = Notice("no_matrix", f"{source.name} describes samples and has no values")
        yield ParsedDataset(
            dataset_id=described.dataset_id,
            format=self.name,
            metadata={"attributes": found.descriptions, **described.metadata},
            samples=described.samples,
            features=described.features,
            matrices=(),
            data_type=described.data_type,
            notices=(*found.notices, alone, *described.notices),
        )
