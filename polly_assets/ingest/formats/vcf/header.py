"""The header of VCF 4: version, meta lines, the names of the samples.

Owns the frame above the records, which must be right: the version and the line of column names.
Keep out: what a meta line says (`meta`), and records (`record`).

Format: VCF specification 4.0 to 4.5, section 1.2 to 1.5 (https://samtools.github.io/hts-specs/).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from polly_assets.ingest.formats.checks import check_samples
from polly_assets.ingest.formats.streams.tally import Tally
from polly_assets.ingest.formats.vcf.fields import Field
from polly_assets.ingest.formats.vcf.meta import Meta
from polly_resources.errors import BadInput

FIXED = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
MAX_SAMPLES = 2_000_000

_VERSION = re.compile(r"VCFv(4\.[0-5])")


@dataclass(frozen=True, slots=True)
class Header:
    """What stands above the records.

    `info` and `formats` are the keys that are defined, here or by the specification; `filters`,
    `alts` and `contigs` those that the header defines.
    """

    version: tuple[int, int]
    metadata: Mapping[str, Any]
    info: Mapping[str, Field]
    formats: Mapping[str, Field]
    filters: frozenset[str]
    alts: frozenset[str]
    contigs: frozenset[str]
    samples: tuple[str, ...]
    width: int

    @property
    def decoded(self) -> bool:
        """Whether values are percent encoded, as since 4.3."""
        return self.version >= (4, 3)

    def described(self, kind: str, key: str) -> str:
        """The description of an INFO or FORMAT key, '' where there is none."""
        entries = self.metadata.get(kind, ())
        found = (e for e in entries if isinstance(e, dict) and e.get("ID") == key)
        return str(next(found, {}).get("Description", ""))


def read_header(lines: Iterator[tuple[int, str]], file: str, tally: Tally) -> Header:
    """Read up to and with the line of column names.

    Raises BadInput `unsupported_version`, `bad_header`, `missing_header`, `too_many_samples`,
    `duplicate_sample_ids` or `missing_sample_id`.
    """
    meta: Meta | None = None
    number = 0
    for number, line in lines:
        if meta is None:
            meta = Meta(_version(line, number, file), tally)
        elif line.startswith("##"):
            meta.add(line[2:], number)
        elif line.startswith("#"):
            samples, width = _columns(line, number, file)
            return _header(meta, samples, width)
        elif line.strip():
            raise _no_header(f"a line that begins {line[:30]!r}", number, file)
    raise _no_header("the end of the file", number, file)


def _header(meta: Meta, samples: tuple[str, ...], width: int) -> Header:
    major, minor = meta.version
    return Header(
        version=meta.version,
        metadata={"fileformat": f"VCFv{major}.{minor}", **meta.values},
        info=meta.fields("INFO"),
        formats=meta.fields("FORMAT"),
        filters=meta.ids("FILTER"),
        alts=meta.ids("ALT"),
        contigs=meta.ids("contig"),
        samples=samples,
        width=width,
    )


def _version(line: str, number: int, file: str) -> tuple[int, int]:
    key, _, value = line.partition("=")
    found = _VERSION.fullmatch(value.strip())
    if key != "##fileformat" or not found:
        hint = "convert it by `bcftools view`, or what is older than 4.0 by VCFtools' `vcf-convert`"
        if key != "##fileformat" or not value:
            hint = "check that the file is a VCF, and put its version before all other lines"
        raise BadInput(
            "unsupported_version",
            f"the first line is {line[:60]!r}, expected ##fileformat=VCFv4.0 to VCFv4.5",
            file=file,
            place=f"line {number}",
            hint=hint,
        )
    return (4, int(found[1][2:]))


def _columns(line: str, number: int, file: str) -> tuple[tuple[str, ...], int]:
    _check_number(line.count("\t") - len(FIXED), number, file)
    cells = line.split("\t")
    if len(cells) == 1:
        raise BadInput(
            "bad_header",
            f"found a line without tabs, {line[:60]!r}, expected column names separated by tabs",
            file=file,
            place=f"line {number}, column 1",
            hint="export the file anew, with tabs in place of commas and spaces",
        )
    for column, name in enumerate((*FIXED, "FORMAT")[: max(len(cells), len(FIXED))]):
        found = cells[column] if column < len(cells) else ""
        if found != name:
            raise BadInput(
                "bad_header",
                f"found {found[:60]!r}, expected {name}",
                file=file,
                place=f"line {number}, column {column + 1}",
                hint="the columns are, separated by tabs: " + " ".join((*FIXED, "FORMAT")),
            )
    samples = cells[len(FIXED) + 1 :]
    if len(set(samples)) < len(samples) or not all(map(str.strip, samples)):
        first = len(FIXED) + 2
        places = [f"line {number}, column {i}" for i in range(first, first + len(samples))]
        check_samples(samples, places, file)
    return tuple(samples), len(cells)


def _check_number(samples: int, number: int, file: str) -> None:
    if samples > MAX_SAMPLES:
        raise BadInput(
            "too_many_samples",
            f"the header names {samples} samples, expected at most {MAX_SAMPLES}",
            file=file,
            place=f"line {number}",
            hint="look for lost line ends; else split the file, such as by `bcftools view -s`",
        )


def _no_header(found: str, number: int, file: str) -> BadInput:
    return BadInput(
        "missing_header",
        f"found {found}, expected the column names (#CHROM POS ID REF ALT ...) before the records",
        file=file,
        place=f"line {number}",
        hint="the line of column names begins with one #, and lines of metadata with two",
    )
