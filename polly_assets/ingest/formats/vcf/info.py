"""The INFO column of VCF: keys with values, and flags.

Owns its grammar, and what is odd about a record's keys. Keep out: types and counts of values
(`fields`), and what annotators write into them (`effects`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from polly_assets.ingest.formats.streams.tally import Tally
from polly_assets.ingest.formats.vcf.faults import bad_field
from polly_assets.ingest.formats.vcf.fields import Field, Sized, quoted
from polly_assets.ingest.formats.vcf.header import FIXED, Header

_KEY = re.compile(r"[A-Za-z_][0-9A-Za-z_.]*|1000G")
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_WITH_LENGTH = ("<DEL", "<DUP", "<INV", "<CNV")
_LONGEST_KEY = 100
_MANY = 100_000
_COLUMN = FIXED.index("INFO") + 1

Texts = Mapping[str, str | None]
"""The keys of one record with their values as the file has them; None where there is none."""


class Infos:
    """Reads the INFO column of one file's records."""

    def __init__(self, header: Header, file: str, tally: Tally) -> None:
        self._header, self._file, self._tally = header, file, tally
        self._fields = dict(header.info)
        self._sized: dict[int, dict[str, Sized]] = {}

    def read(self, text: str, alts: int, number: int) -> tuple[Texts, str]:
        """The keys and values, and all of them as JSON. Raises BadInput `bad_field`."""
        found: dict[str, str | None] = {}
        if text == ".":
            return found, "{}"
        sized = self._sized.setdefault(alts, {})
        shown: list[str] = []
        parts = text.removesuffix(";").split(";")
        for part in parts:
            key, equals, value = part.partition("=")
            field = sized.get(key)
            if field is None:
                field = self._field(key, part, number).sized(alts)
                sized[key] = field
            if (known := field.known.get(value) if equals else None) is None:
                known, doubt = field.look(value if equals else None)
                if doubt is not None:
                    place = f"line {number}, column {_COLUMN}"
                    self._tally.note(doubt.code, f"INFO {doubt.message}", place)
            found[key] = value if equals else None
            shown.append(known)
        if len(found) < len(parts):
            return self._repeated(parts, shown, number)
        return found, f"{{{','.join(shown)}}}"

    def _repeated(
        self, parts: Sequence[str], shown: Sequence[str], number: int
    ) -> tuple[Texts, str]:
        """The JSON of an INFO in which a key comes twice: its values are one list."""
        first: dict[str, str | None] = {}
        values: dict[str, list[str]] = {}
        for part, known in zip(parts, shown, strict=True):
            key, equals, value = part.partition("=")
            first.setdefault(key, value if equals else None)
            values.setdefault(key, []).append(known.removeprefix(f"{quoted(key)}:"))
        twice = next(key for key, several in values.items() if len(several) > 1)
        message = f"INFO {twice} is given twice; its values were joined"
        self._tally.note("repeated_info", message, f"line {number}, column {_COLUMN}")
        told = []
        for key, several in values.items():
            bare = [one[1:-1] if one.startswith("[") else one for one in several]
            joined = f"[{','.join(bare)}]" if len(several) > 1 else several[0]
            told.append(f"{quoted(key)}:{joined}")
        return first, f"{{{','.join(told)}}}"

    def _field(self, key: str, part: str, number: int) -> Field:
        return self._fields.get(key) or self._new(key, part, number)

    def _new(self, key: str, part: str, number: int) -> Field:
        place = f"line {number}, column {_COLUMN}"
        if not key or key.split() != [key] or len(key) > _LONGEST_KEY:
            expected = "key=value or a flag, joined by ;, or . alone"
            raise bad_field("INFO", part, expected, self._file, number)
        if not _KEY.fullmatch(key):
            message = f"INFO {key} is not named as the specification wants it"
            self._tally.note("odd_info_key", message, place)
        message = f"INFO {key} is not defined in the header: its values are text"
        self._tally.note("undefined_key", message, place)
        if len(self._fields) > _MANY:
            self._fields = dict(self._header.info)
            self._sized.clear()
        field = self._fields[key] = Field(key, decoded=self._header.decoded)
        return field

    def end(self, info: Texts, pos: int, ref: str, allele: tuple[int, str | None, int]) -> int:
        """The last base: by END, by SVLEN of the allele (number, text, of how many), or REF."""
        index, alt, alts = allele
        end = whole(info.get("END"))
        if end is not None and end >= pos:
            return end
        if alt is not None and alt.startswith(_WITH_LENGTH):
            lengths = (info.get("SVLEN") or "").split(",")
            length = whole(lengths[index - 1] if len(lengths) == alts else lengths[0])
            if length is not None:
                return pos + abs(length)
        return pos + len(ref) - 1

    def check_end(self, info: Texts, pos: int, number: int) -> None:
        """Notice an END that is before the record begins."""
        end = whole(info.get("END"))
        if end is not None and end < pos:
            message = f"END {end} is before POS {pos}; not taken as the end"
            self._tally.note("end_before_position", message, f"line {number}, column {_COLUMN}")


def whole(text: str | None) -> int | None:
    """A whole number, else None."""
    return int(text) if text and _WHOLE.fullmatch(text) else None
