"""The meta lines of VCF 4: `##key=value`, and `##key=<ID=...,...>` that define fields.

Owns their grammar. A meta line that is not as the specification wants it takes no record away,
so it is kept and noticed (`odd_meta_line`); of a key that is defined twice the first counts.
Keep out: the version and the column names (`header`).

Format: VCF specification 4.0 to 4.5, section 1.4 (https://samtools.github.io/hts-specs/).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from polly_assets.ingest.formats.streams.tally import Tally
from polly_assets.ingest.formats.vcf.fields import TYPES, Field
from polly_assets.ingest.formats.vcf.reserved import RESERVED, unlike

_KEY = r'\s*(?P<key>[^=,<>"\s]+)='
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_LIST = r"\[[^\]]{0,1000}\]"
_PART = re.compile(rf'{_KEY}(?P<value>{_QUOTED}|{_LIST}|[^,"]*)(?:,|$)')
_PLAIN_PART = re.compile(rf'{_KEY}(?P<value>{_QUOTED}|[^,"]*)(?:,|$)')
_NUMBER = re.compile(r"[0-9]+|[ARGP.]|L[ARG]|M")
_NAME = re.compile(r"[0-9A-Za-z_.-]*[0-9A-Za-z][0-9A-Za-z_.-]*")
_CONTIG = re.compile(r"HLA-\S+|[0-9A-Za-z!#$%&+./;?@^_|~-][0-9A-Za-z!#$%&*+./;=?@^_|~-]*")
_ALT = re.compile(
    r"(DEL|INS|DUP|INV|CNV|BND)(:\S+)?|[ACGTNRYSWKMBDHV]|NON_REF|CN[0-9]+|\*|X", re.IGNORECASE
)
_URL = re.compile(r"<?[A-Za-z][0-9A-Za-z+.-]*://\S+")

_WITH_ID = ("INFO", "FORMAT", "FILTER", "ALT", "contig", "META", "SAMPLE")
_ADDRESSES = ("assembly", "pedigreeDB")
_ORDER: Mapping[str, tuple[str, ...]] = {
    "ALT": ("ID", "Description"),
    "FILTER": ("ID", "Description"),
    "FORMAT": ("ID", "Number", "Type", "Description"),
    "INFO": ("ID", "Number", "Type", "Description"),
}
_UNQUOTED = ("ID", "Number", "Type", "IDX")
_SHAPES: Mapping[str, re.Pattern[str]] = {
    "ALT": _ALT, "contig": _CONTIG, "FILTER": _NAME, "FORMAT": _NAME, "INFO": _NAME,
    "SAMPLE": _NAME,
}  # fmt: skip
_LONGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class _Entry:
    """What stands between angle brackets, and which of its values have quotes."""

    values: dict[str, str]
    quoted: frozenset[str]


class Meta:
    """The meta lines by key, in order."""

    def __init__(self, version: tuple[int, int], tally: Tally) -> None:
        self.version = version
        self._tally = tally
        self._defined: dict[tuple[str, str], Mapping[str, str]] = {}
        self._repeated: set[str] = set()
        self.values: dict[str, Any] = {}

    def add(self, text: str, number: int) -> None:
        """Take one line, without its `##`."""
        key, equals, value = text.partition("=")
        odd = list(self._oddities(key, equals, value))
        entry: Any = value
        if value.startswith("<") and value.endswith(">"):
            if (parsed := _structured(value[1:-1])) is not None:
                entry = parsed.values
                odd += self._structure(key, parsed)
            elif key in _WITH_ID or not value.startswith('<"'):
                odd.append(f"##{key} is not <key=value,...>")
        elif key in (*_WITH_ID, "PEDIGREE"):
            odd.append(f"##{key} is not written in angle brackets")
        for message in odd:
            self._tally.note("odd_meta_line", message, f"line {number}")
        if not equals:
            key, entry = "comments", text
        if key != "fileformat":
            self._keep(key, entry)

    def _keep(self, key: str, entry: Any) -> None:
        if key in _WITH_ID or key in self._repeated:
            self.values.setdefault(key, []).append(entry)
        elif key in self.values:
            self.values[key] = [self.values[key], entry]
            self._repeated.add(key)
        else:
            self.values[key] = entry

    def _oddities(self, key: str, equals: str, value: str) -> Iterator[str]:
        """What is wrong with a line of any key."""
        if not equals or not value.strip() or not key.strip():
            yield f"##{f'{key}{equals}{value}'[:60]} is no key with a value"
        elif key == "fileformat":
            yield f"##fileformat is given again as {value[:30]}; the first line counts"
        elif key in _ADDRESSES and not _URL.fullmatch(value):
            yield f"##{key} is {value[:60]!r}, expected an address such as https://..."
        elif value.startswith('"') and not (len(value) > 1 and value.endswith('"')):
            yield f"##{key} begins a quoted text that does not end"

    def _structure(self, key: str, entry: _Entry) -> Iterator[str]:
        """What is wrong with a line of keys and values."""
        values = entry.values
        name = values.get("ID", "")
        shown = f"##{key} {name}".rstrip()
        if key in _WITH_ID:
            if not name:
                yield f"##{key} has no ID"
            elif self._defined.setdefault((key, name), values) is not values:
                yield f"{shown} is defined again; the first counts"
            elif key in _SHAPES and not _SHAPES[key].fullmatch(name):
                yield f"{shown} has an ID that the specification does not provide"
        if key in _ORDER:
            yield from _ordered(shown, key, entry)
        if key in ("INFO", "FORMAT"):
            yield from self._typed(shown, key, name, values)
        elif key in _WITH_ID and not _NUMBER.fullmatch(values.get("Number", ".")):
            yield f"{shown} has Number={values['Number']}, expected a count, A, R, G or ."
        if key == "FILTER" and name == "0":
            yield f"{shown} has the ID 0, which is reserved"
        if key == "PEDIGREE":
            odd = [k for k, v in values.items() if not _NAME.fullmatch(v)]
            if odd:
                yield f"{shown} has no plain name (or whitespace) in {', '.join(odd)}"

    def _typed(self, shown: str, key: str, name: str, values: Mapping[str, str]) -> Iterator[str]:
        number, type_ = values.get("Number", "."), values.get("Type", "String")
        if not _NUMBER.fullmatch(number):
            yield f"{shown} has Number={number}, expected a count, A, R, G or ."
        elif type_ not in TYPES:
            yield f"{shown} has Type={type_}, expected one of {', '.join(TYPES)}"
        elif type_ == "Flag" and key == "FORMAT":
            yield f"{shown} is a Flag, which samples cannot have"
        elif (type_ == "Flag") != (number == "0") and "Number" in values:
            yield f"{shown} has Number={number} and Type={type_}; a Flag has 0, others have not"
        elif differs := unlike(key, name, number, type_, self.version):
            yield f"{shown} has {differs} as the specification defines it"

    def fields(self, kind: str) -> dict[str, Field]:
        """The keys of INFO or FORMAT that the header or the specification defines."""
        decoded = self.version >= (4, 3)
        known = dict(RESERVED[kind])
        for (of, key), entry in self._defined.items():
            if of == kind:
                number, type_ = entry.get("Number", "."), entry.get("Type", "String")
                known[key] = (
                    number if _NUMBER.fullmatch(number) else ".",
                    type_ if type_ in TYPES else "String",
                )
        return {key: Field(key, n, t, decoded=decoded) for key, (n, t) in known.items()}

    def ids(self, kind: str) -> frozenset[str]:
        """The IDs that the header defines of a kind of line."""
        return frozenset(name for of, name in self._defined if of == kind)


def _ordered(shown: str, key: str, entry: _Entry) -> Iterator[str]:
    """Whether a definition has what it needs, in order, its texts quoted."""
    needed = _ORDER[key]
    if lacking := [one for one in needed[1:] if one not in entry.values]:
        yield f"{shown} has no {', '.join(lacking)}"
    elif tuple(one for one in entry.values if one in needed) != needed:
        yield f"{shown} has its keys in another order than {', '.join(needed)}"
    bare = [k for k in entry.values if k not in entry.quoted and k not in _UNQUOTED]
    if bare:
        yield f"{shown} has no quotes around {', '.join(bare)[:60]}"


def _structured(text: str) -> _Entry | None:
    """The keys and values between angle brackets; None where it is no list of these."""
    found: dict[str, str] = {}
    with_quotes = set()
    at, last_bracket = 0, text.rfind("]")
    if len(text) > _LONGEST:
        return None
    while at < len(text):
        part = (_PART if at < last_bracket else _PLAIN_PART).match(text, at)
        if part is None:
            return None
        key, value = part["key"], part["value"]
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
            with_quotes.add(key)
        found.setdefault(key, value)
        at = part.end()
    return _Entry(found, frozenset(with_quotes)) if found else None
