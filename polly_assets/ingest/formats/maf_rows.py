"""The rows of a Mutation Annotation Format file: one variant in one tumour sample each.

Owns what a row says and which faults refuse it: a row without a sample, with a position that
is no number, or of another width. What leaves the row readable is kept and noticed. A row of
the file is one row of `variants`: its `alt` is Tumor_Seq_Allele2, or Tumor_Seq_Allele1 where
only that differs from the reference. Keep out: the header (`maf_columns`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polly_assets.ingest.formats.lines import Lines
from polly_assets.ingest.formats.maf_columns import CLASSES, places
from polly_assets.ingest.formats.table import fit, unique_names, unquote
from polly_assets.ingest.formats.tally import Tally
from polly_assets.ingest.formats.variants import Variants
from polly_resources.errors import BadInput
from polly_resources.records import Notice

_MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", ".", "[not available]"))
_WHOLE = re.compile(r"(\d{1,18})(\.0*)?")
_ALLELE = re.compile(r"-|[ACGTNacgtn]+|<[^<>\s]+>")
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
    lines, tally = Lines(path, file), Tally()
    numbered = iter(lines)
    metadata, header, line = _preamble(numbered, file)
    rows = _Rows(header, places(header, file, line), file, tally)
    variants = Variants()
    for number, text in numbered:
        if text and not text.isspace() and not text.startswith("#"):
            variants.append(rows.row(text, number))
    rows.tell_of_columns()
    if not variants.rows:
        tally.note("no_variants", f"{file} has a header and no rows")
    sequenced = str(metadata.get(_SEQUENCED, "")).split()
    return Maf(
        samples=list(dict.fromkeys((*rows.samples, *sequenced))),
        variants=variants.done(),
        metadata=metadata,
        notices=(*lines.notices, *tally.notices()),
    )


def _preamble(lines: Iterator[tuple[int, str]], file: str) -> tuple[dict[str, Any], list[str], int]:
    """What the comments say, the column names, and the line of these."""
    said: dict[str, Any] = {}
    number = 0
    for number, line in lines:
        if line.startswith("#"):
            key, _, value = line[1:].strip().partition(" ")
            if value.strip() and key.rstrip(":") not in said:
                said[key.rstrip(":")] = value.strip()
            elif key:
                said.setdefault("comments", []).append(line[1:].strip())
        elif line.strip():
            header = [unquote(cell).strip() for cell in line.split("\t")]
            while len(header) > 1 and not header[-1]:
                header.pop()
            return said, header, number
    raise BadInput(
        "no_rows",
        "found no line with column names, expected the header of a MAF",
        file=file,
        place=f"line {number}",
        hint="check that the file was exported completely",
    )


class _Rows:
    def __init__(
        self, header: Sequence[str], at: Mapping[str, int], file: str, tally: Tally
    ) -> None:
        self._header, self._at, self._file, self._tally = header, at, file, tally
        self._keys = [json.dumps(name, ensure_ascii=False) + ":" for name in unique_names(header)]
        self._builds: set[str] = set()
        self._seen: set[int] = set()
        self._count = 0
        self.samples: dict[str, None] = {}

    def row(self, line: str, number: int) -> Sequence[Any]:
        """The values of one row, in the order of `variants.FIELDS`."""
        cells = fit(line.split("\t"), len(self._header), number, self._file)
        if '"' in line:
            cells = [unquote(cell) for cell in cells]
        value = {what: _present(cells[at]) for what, at in self._at.items()}
        sample = self._sample(value["sample"], number)
        start, end = self._position(value, "start", number), self._position(value, "end", number)
        if start is not None and end is not None and end < start:
            message = f"End_Position {end} is before Start_Position {start}; both are kept"
            self._tally.note("end_before_position", message, self._place("end", number))
        ref, alt = self._alleles(value, number)
        self._check(value, (sample, value.get("chromosome"), start, ref, alt), number)
        entrez, gene = value.get("entrez"), value.get("gene")
        counts = {w: self._reads(value, w, number) for w in ("depth", "ref_depth", "alt_depth")}
        depth, of_ref, of_alt = counts["depth"], counts["ref_depth"], counts["alt_depth"]
        if depth is None and of_ref is not None and of_alt is not None:
            depth = of_ref + of_alt
        ids, filters, index = value.get("ids"), value.get("filters"), self._count
        self._count += 1
        return (
            sample, index, 1 if alt else 0, None if ids == "novel" else ids,
            value.get("chromosome"), start, end, ref, alt, gene or entrez,
            value.get("consequence"), value.get("protein"), None, _copies(value, ref, alt),
            depth, of_alt, self._quality(value, number),
            re.split("[;,]", filters) if filters else None, None, self._json(cells),
        )  # fmt: skip

    def _json(self, cells: Sequence[str]) -> str:
        pairs = zip(self._keys, cells, strict=True)
        return (
            "{" + ",".join(key + (_quoted(cell) if cell else "null") for key, cell in pairs) + "}"
        )

    def _sample(self, sample: str | None, number: int) -> str:
        if sample is None:
            raise BadInput(
                "missing_sample_id",
                "the row has no Tumor_Sample_Barcode, expected the id of its sample",
                file=self._file,
                place=self._place("sample", number),
                hint="give each row the id of its sample",
            )
        self.samples[sample] = None
        return sample

    def _position(self, value: Mapping[str, str | None], what: str, number: int) -> int | None:
        text = value.get(what)
        if text is None:
            return None
        if found := _WHOLE.fullmatch(text):
            return int(found[1])
        raise BadInput(
            "bad_field",
            f"{self._header[self._at[what]]} is {text[:60]!r}, expected a whole number",
            file=self._file,
            place=self._place(what, number),
            hint="positions count from 1, without separators",
        )

    def _reads(self, value: Mapping[str, str | None], what: str, number: int) -> int | None:
        text = value.get(what)
        if text is None:
            return None
        if found := _WHOLE.fullmatch(text):
            return int(found[1])
        self._other_type(what, text, number)
        return None

    def _quality(self, value: Mapping[str, str | None], number: int) -> float | None:
        text = value.get("qual")
        try:
            return None if text is None else float(text)
        except ValueError:
            self._other_type("qual", text or "", number)
            return None

    def _other_type(self, what: str, text: str, number: int) -> None:
        name = self._header[self._at[what]]
        message = f"{name} is {text[:60]!r} and not a number; kept as text in metadata"
        self._tally.note("value_of_other_type", message, self._place(what, number))

    def _alleles(
        self, value: Mapping[str, str | None], number: int
    ) -> tuple[str | None, str | None]:
        ref, alt = value.get("ref"), value.get("alt")
        if alt is None or alt == ref:
            alt = next((a for a in (value.get("other"), alt) if a and a != ref), alt)
        for what, allele in (("ref", ref), ("alt", alt)):
            if allele and what in self._at and not _ALLELE.fullmatch(allele):
                message = f"{self._header[self._at[what]]} is {allele[:60]!r}, which is no bases"
                self._tally.note("odd_allele", message, self._place(what, number))
        if alt is not None and alt == ref:
            message = f"the row's alleles are all {ref[:60] if ref else ref!r}: nothing is mutated"
            self._tally.note("allele_is_reference", message, f"line {number}")
        return ref, alt

    def _check(
        self, value: Mapping[str, str | None], identity: tuple[object, ...], number: int
    ) -> None:
        """Notice what makes a row doubtful though it can be read."""
        kind = value.get("consequence")
        classed = self._header[self._at["consequence"]].lower() == "variant_classification"
        if classed and kind not in CLASSES:
            message = f"Variant_Classification is {kind!r}, which GDC and cBioPortal do not define"
            place = self._place("consequence", number)
            self._tally.note("odd_variant_classification", message, place)
        if identity[2] is not None:
            if (mark := hash(identity)) in self._seen:
                message = f"{identity[0]} has {identity[1]}:{identity[2]} twice; both are kept"
                self._tally.note("repeated_records", message, f"line {number}")
            self._seen.add(mark)
        if build := value.get("build"):
            self._builds.add(build)
            if len(self._builds) > 1:
                message = f"rows are of several genome builds: {', '.join(sorted(self._builds))}"
                self._tally.note("several_builds", message, self._place("build", number))

    def _place(self, what: str, number: int) -> str:
        return f"line {number}, column {self._at[what] + 1}"

    def tell_of_columns(self) -> None:
        """Notice columns that the format knows and the file has not."""
        if "protein" not in self._at:
            message = "no column HGVSp_Short or Amino_Acid_Change: protein changes are not known"
            self._tally.note("no_protein_change", message)
        if not {"chromosome", "start"} <= self._at.keys():
            message = "no columns Chromosome and Start_Position: places are not known"
            self._tally.note("no_positions", message)


def _present(cell: str) -> str | None:
    text = cell.strip()
    return None if text.lower() in _MISSING else text


def _quoted(cell: str) -> str:
    return json.dumps(cell, ensure_ascii=False)


def _copies(value: Mapping[str, str | None], ref: str | None, alt: str | None) -> int | None:
    """How many of both tumour alleles are the mutated one, where both are given."""
    both = [value.get("other"), value.get("alt")]
    return both.count(alt) if None not in both and alt and alt != ref else None
