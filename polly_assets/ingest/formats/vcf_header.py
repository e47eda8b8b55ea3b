"""The header of VCF 4: version, meta lines, the names of the samples.

Owns the grammar above the records. The version and the line of column names must be right; a
meta line that is not as the specification wants it takes no record away, so it is kept and
noticed (`odd_meta_line`). Keep out: records (`vcf_record`).

Format: VCF specification 4.0 to 4.5, section 1.2 to 1.5 (https://samtools.github.io/hts-specs/).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from polly_assets.ingest.formats.checks import check_samples
from polly_assets.ingest.formats.tally import Tally
from polly_assets.ingest.formats.vcf_fields import (
    RESERVED_FORMAT,
    RESERVED_INFO,
    TYPES,
    Field,
)
from polly_resources.errors import BadInput

FIXED = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")

_VERSION = re.compile(r"VCFv(4\.[0-5])")
_PART = re.compile(r'\s*(?P<key>[^=,<>"\s]+)=(?P<value>"(?:[^"\\]|\\.)*"|\[[^\]]*\]|[^,"]*)(?:,|$)')
_NUMBER = re.compile(r"\d+|[ARGP.]|L[ARG]|M")
_WITH_ID = ("INFO", "FORMAT", "FILTER", "ALT", "contig", "META", "SAMPLE")
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "ALT": ("Description",),
    "FILTER": ("Description",),
    "FORMAT": ("Number", "Type", "Description"),
    "INFO": ("Number", "Type", "Description"),
}


@dataclass(frozen=True, slots=True)
class Header:
    """What stands above the records; `line` is the number of the column names."""

    version: tuple[int, int]
    metadata: Mapping[str, Any]
    info: Mapping[str, Field]
    formats: Mapping[str, Field]
    samples: tuple[str, ...]
    width: int
    line: int

    def described(self, kind: str, key: str) -> str:
        """The description of an INFO or FORMAT key, '' where there is none."""
        entries = self.metadata.get(kind, ())
        found = (e for e in entries if isinstance(e, dict) and e.get("ID") == key)
        return str(next(found, {}).get("Description", ""))


def read_header(lines: Iterator[tuple[int, str]], file: str, tally: Tally) -> Header:
    """Read up to and with the line of column names.

    Raises BadInput `unsupported_version`, `bad_header`, `missing_header`,
    `duplicate_sample_ids` or `missing_sample_id`.
    """
    version: tuple[int, int] | None = None
    meta = _Meta(tally)
    number = 0
    for number, line in lines:
        if version is None:
            version = _version(line, number, file)
        elif line.startswith("##"):
            meta.add(line[2:], number)
        elif line.startswith("#"):
            samples, width = _columns(line, number, file)
            decoded = version >= (4, 3)
            return Header(
                version=version,
                metadata={"fileformat": f"VCFv{version[0]}.{version[1]}", **meta.values},
                info=meta.fields("INFO", RESERVED_INFO, decoded),
                formats=meta.fields("FORMAT", RESERVED_FORMAT, decoded),
                samples=samples,
                width=width,
                line=number,
            )
        elif line.strip():
            raise _no_header(f"a line that begins {line[:30]!r}", number, file)
    raise _no_header("the end of the file", number, file)


def _version(line: str, number: int, file: str) -> tuple[int, int]:
    key, _, value = line.partition("=")
    found = _VERSION.fullmatch(value.strip())
    if key != "##fileformat" or not found:
        raise BadInput(
            "unsupported_version",
            f"the first line is {line[:60]!r}, expected ##fileformat=VCFv4.0 to VCFv4.5",
            file=file,
            place=f"line {number}",
            hint="export the file as VCF 4.3, such as by `bcftools view`",
        )
    return (4, int(found[1][2:]))


def _columns(line: str, number: int, file: str) -> tuple[tuple[str, ...], int]:
    cells = line.split("\t")
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
    places = [f"line {number}, column {i + len(FIXED) + 2}" for i in range(len(samples))]
    check_samples(samples, places, file)
    return tuple(samples), len(cells)


def _no_header(found: str, number: int, file: str) -> BadInput:
    return BadInput(
        "missing_header",
        f"found {found}, expected the column names (#CHROM POS ID REF ALT ...) before the records",
        file=file,
        place=f"line {number}",
        hint="the line of column names begins with one #, and lines of metadata with two",
    )


class _Meta:
    """The meta lines by key, in order."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._defined: dict[tuple[str, str], Mapping[str, Any]] = {}
        self.values: dict[str, Any] = {}

    def add(self, text: str, number: int) -> None:
        key, equals, value = text.partition("=")
        if not equals or not value.strip() or not key.strip():
            self._odd(f"##{text[:60]} is no key with a value", number)
            key, value = ("comments", text) if not equals else (key, value)
        entry: Any = value
        if value.startswith("<") and value.endswith(">"):
            parsed = _structured(value[1:-1])
            if parsed is not None:
                entry = parsed
                self._check(key, parsed, number)
            elif key in _WITH_ID:
                self._odd(f"##{key} is not <key=value,...>", number)
        elif key in _WITH_ID:
            self._odd(f"##{key} is not written in angle brackets", number)
        if key in _WITH_ID:
            self.values.setdefault(key, []).append(entry)
        elif key in self.values:
            held = self.values[key]
            self.values[key] = [*(held if isinstance(held, list) else [held]), entry]
        else:
            self.values[key] = entry

    def _check(self, key: str, entry: Mapping[str, str], number: int) -> None:
        name = entry.get("ID", "")
        if key in _WITH_ID:
            if not name:
                self._odd(f"##{key} has no ID", number)
            elif self._defined.setdefault((key, name), entry) is not entry:
                self._odd(f"##{key} {name} is defined again; the first counts", number)
        if lacking := [one for one in _NEEDED.get(key, ()) if one not in entry]:
            self._odd(f"##{key} {name} has no {', '.join(lacking)}", number)
        if "Number" in entry and not _NUMBER.fullmatch(entry["Number"]) and key in _WITH_ID:
            found = f"Number={entry['Number']}"
            self._odd(f"##{key} {name} has {found}, expected a count, A, R, G or .", number)
        if key in ("INFO", "FORMAT") and entry.get("Type", TYPES[0]) not in TYPES:
            self._odd(f"##{key} {name} has Type={entry['Type']}", number)
        if key == "FORMAT" and entry.get("Type") == "Flag":
            self._odd(f"##FORMAT {name} is a Flag, which samples cannot have", number)
        spaced = [k for k, v in entry.items() if _spaced(v)] if key == "PEDIGREE" else []
        if spaced:
            self._odd(f"##{key} {name} has whitespace in {', '.join(spaced)}", number)

    def _odd(self, message: str, number: int) -> None:
        self._tally.note("odd_meta_line", message, f"line {number}")

    def fields(
        self, kind: str, reserved: Mapping[str, tuple[str, str]], decoded: bool
    ) -> dict[str, Field]:
        """The keys of INFO or FORMAT that the header or the specification defines."""
        found = {
            key: Field(number, type_, decoded=decoded) for key, (number, type_) in reserved.items()
        }
        for (of, key), entry in self._defined.items():
            if of == kind:
                number = entry.get("Number", ".")
                known = number if _NUMBER.fullmatch(number) else "."
                type_ = entry.get("Type", "String")
                typed = type_ if type_ in TYPES else "String"
                found[key] = Field(known, typed, decoded=decoded)
        return found


def _spaced(value: str) -> bool:
    return any(c.isspace() for c in value)


def _structured(text: str) -> dict[str, str] | None:
    """The keys and values between angle brackets; None where it is no list of these."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            return None
        value = part["value"]
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        found.setdefault(part["key"], value)
        at = part.end()
    return found
