"""The rows of a Mutation Annotation Format file: one variant in one tumour sample each.

Owns which faults refuse a row (one without a sample, with a position that is no number, or of
another width) and what is noticed of rows that can be read. Rows are taken many at a time.
Keep out: the header (`columns`) and what a row becomes (`frame`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from polly_assets.ingest.formats.maf.columns import CLASSES, NAMES, names_of, places
from polly_assets.ingest.formats.maf.frame import ROW_IDENTITY, Frame
from polly_assets.ingest.formats.streams.table import unique_names
from polly_assets.ingest.formats.streams.tally import Tally
from polly_assets.ingest.formats.tabbed import LineNumbers, Tabbed, first_row
from polly_assets.ingest.formats.variants import Variants
from polly_resources.errors import BadInput
from polly_resources.records import Notice

_ALLELE = r"^(?:-|[ACGTNacgtn]+|<[^<>\s]+>)$"
_SEQUENCED = "sequenced_samples"


@dataclass(frozen=True, slots=True)
class Maf:
    """A MAF read to its end."""

    samples: Sequence[str]
    variants: Variants
    metadata: Mapping[str, Any]
    notices: Sequence[Notice] = field(default_factory=tuple)


def read_maf(path: Path, file: str) -> Maf:
    """Read the whole file. Raises BadInput."""
    table, tally = Tabbed(path, file), Tally()
    metadata = _said(table.comments)
    header = _header(table, file)
    rows = _Rows(header, places(header, file, table.line), file, tally)
    for cells, lines in table.frames(unique_names(header)):
        rows.add(cells, lines)
    rows.tell()
    if not rows.variants.rows:
        tally.note("no_variants", f"{file} has a header and no rows")
    sequenced = str(metadata.get(_SEQUENCED, "")).split()
    return Maf(
        samples=list(dict.fromkeys((*rows.samples, *sequenced))),
        variants=rows.variants.done(),
        metadata=metadata,
        notices=(*table.notices, *tally.notices()),
    )


def _said(comments: Sequence[str]) -> dict[str, Any]:
    """What the comments above the column names say, by their first words."""
    said: dict[str, Any] = {}
    for comment in map(str.strip, comments):
        key, _, value = comment.partition(" ")
        if value.strip() and key.rstrip(":") not in said:
            said[key.rstrip(":")] = value.strip()
        elif key:
            said.setdefault("comments", []).append(comment)
    return said


def _header(table: Tabbed, file: str) -> list[str]:
    if table.header:
        return names_of(table.header, file, table.line)
    raise BadInput(
        "no_rows",
        "found no line with column names, expected the header of a MAF",
        file=file,
        place=f"line {table.line}",
        hint="check that the file was exported completely",
    )


class _Rows:
    def __init__(
        self, header: Sequence[str], at: Mapping[str, int], file: str, tally: Tally
    ) -> None:
        self._header, self._at, self._file, self._tally = header, at, file, tally
        self._builds: set[str] = set()
        self._identities: list[npt.NDArray[np.uint64]] = []
        self._lines: list[LineNumbers] = []
        self.samples: dict[str, None] = {}
        self.variants = Variants()

    def add(self, cells: pl.DataFrame, at: LineNumbers) -> None:
        """Take rows and their lines. Raises BadInput at the first that cannot be read."""
        frame = Frame(cells, self._at)
        self._refuse(frame, at)
        self._notice(frame, at)
        self.samples.update(dict.fromkeys(frame.rows["sample_id"].unique(maintain_order=True)))
        self.variants.extend_frame(frame.rows)
        placed = frame.rows["position"].is_not_null().to_numpy()
        self._identities.append(frame.rows[ROW_IDENTITY].to_numpy()[placed])
        self._lines.append(at[placed])

    def _refuse(self, frame: Frame, at: LineNumbers) -> None:
        """Raises BadInput for the first row whose sample or place cannot be read."""
        sample = frame.values["sample"]
        wrong = {
            "header": sample.str.to_lowercase() == NAMES["sample"][0],
            "sample": sample.is_null(),
            "start": frame.no_number("start"),
            "end": frame.no_number("end"),
        }
        first = [
            (row, what) for what, rows in wrong.items() if (row := first_row(rows)) is not None
        ]
        if not first:
            return
        row, what = min(first, key=lambda found: found[0])
        if what == "header":
            raise BadInput(
                "header_repeated",
                "found the column names again, expected a row",
                file=self._file,
                place=f"line {at[row]}",
                hint="where files were joined, keep the first line of column names only",
            )
        place = f"line {at[row]}, column {self._at[what] + 1}"
        if what == "sample":
            raise BadInput(
                "missing_sample_id",
                "the row has no Tumor_Sample_Barcode, expected the id of its sample",
                file=self._file,
                place=place,
                hint="give each row the id of its sample",
            )
        text = frame.values[what][row]
        raise BadInput(
            "bad_field",
            f"{self._header[self._at[what]]} is {text[:60]!r}, expected a whole number",
            file=self._file,
            place=place,
            hint="positions count from 1, without separators",
        )

    def _notice(self, frame: Frame, at: LineNumbers) -> None:
        """Count what makes rows doubtful though they can be read."""
        rows, values = frame.rows, frame.values

        def tell(code: str, what: str, found: pl.Series, message: str) -> None:
            if (row := first_row(found)) is None:
                return
            place = f"line {at[row]}"
            if what in self._at:
                place += f", column {self._at[what] + 1}"
                message = f"{self._header[self._at[what]]} is {_short(values[what][row])}{message}"
            self._tally.note(code, message, place, times=int(found.sum()))

        before = rows["end_position"] < rows["position"]
        tell("end_before_position", "end", before, ", before Start_Position; both are kept")
        for what in ("start", "end"):
            text = ", in scientific form: it may have been rounded"
            tell("rounded_position", what, frame.rounded(what), text)
        for what in ("depth", "ref_depth", "alt_depth", "qual"):
            text = " and not a number; kept as text in metadata"
            tell("value_of_other_type", what, frame.no_number(what), text)
        for what, allele in (("ref", rows["ref"]), ("alt", rows["alt"])):
            if what in self._at:
                text = ", where the row's allele is no bases"
                tell("odd_allele", what, ~allele.str.contains(_ALLELE), text)
        same = "the row's alleles are all that of the reference: nothing is mutated"
        tell("allele_is_reference", "", rows["alt"] == rows["ref"], same)
        number = values["entrez"].str.contains(r"^-?[0-9]+(\.0*)?$")
        text = ", where a number of NCBI Gene is expected"
        tell("odd_gene_number", "entrez", ~number, text)
        if self._header[self._at["consequence"]].strip().lower() == "variant_classification":
            odd = ~values["consequence"].is_in(list(CLASSES)).fill_null(value=False)
            text = ", which GDC and cBioPortal do not define"
            tell("odd_variant_classification", "consequence", odd, text)
        self._notice_builds(values["build"], at)

    def _notice_builds(self, builds: pl.Series, at: LineNumbers) -> None:
        for build in builds.drop_nulls().unique(maintain_order=True):
            self._builds.add(build)
            if len(self._builds) == 2:
                row = first_row(builds == build) or 0
                message = f"rows are of several genome builds: {', '.join(sorted(self._builds))}"
                place = f"line {at[row]}, column {self._at['build'] + 1}"
                self._tally.note("several_builds", message, place)

    def tell(self) -> None:
        """Notice rows that come twice, and columns that the format knows and the file has not."""
        if self._lines:
            self._tell_repeated(np.concatenate(self._identities), np.concatenate(self._lines))
        if "protein" not in self._at:
            message = "no column HGVSp_Short or Amino_Acid_Change: protein changes are not known"
            self._tally.note("no_protein_change", message)
        if not {"chromosome", "start"} <= self._at.keys():
            message = "no columns Chromosome and Start_Position: places are not known"
            self._tally.note("no_positions", message)

    def _tell_repeated(self, identities: npt.NDArray[np.uint64], lines: LineNumbers) -> None:
        order = np.argsort(identities, kind="stable")
        same = identities[order][1:] == identities[order][:-1]
        if not same.any():
            return
        again, before = order[1:][same], order[:-1][same]
        first = int(again.argmin())
        message = (
            f"sample, place and alleles are those of line {lines[before[first]]}; both are kept"
        )
        place = f"line {lines[again[first]]}"
        self._tally.note("repeated_records", message, place, times=len(again))


def _short(text: str | None) -> str:
    return repr(text[:60]) if text is not None else "missing"
