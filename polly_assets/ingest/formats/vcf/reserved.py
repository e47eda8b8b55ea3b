"""The keys of INFO and FORMAT that the specification of VCF defines itself.

Owns their numbers and types, and the values that they cannot have. Add a key of a new version to
its table. Keep out: how values are read (`fields`).

Source: VCF 4.3 to 4.5, tables 1 and 2 and section 3 (https://samtools.github.io/hts-specs/).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_KINDS = {"I": "Integer", "F": "Float", "S": "String", "0": "Flag"}


def _table(rows: str) -> Mapping[str, tuple[str, str]]:
    parts = (row.split(":") for row in rows.split())
    return {key: (number, _KINDS[kind]) for key, number, kind in parts}


RESERVED: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "INFO": _table(
        "AA:1:S AC:A:I AD:R:I ADF:R:I ADR:R:I AF:A:F AN:1:I BQ:1:F CIGAR:A:S DB:0:0 DP:1:I "
        "END:1:I H2:0:0 H3:0:0 MQ:1:F MQ0:1:I NS:1:I SOMATIC:0:0 VALIDATED:0:0 1000G:0:0 "
        "IMPRECISE:0:0 NOVEL:0:0 SVTYPE:1:S SVLEN:.:I CIPOS:.:I CIEND:.:I HOMLEN:.:I HOMSEQ:.:S "
        "CILEN:.:I CN:.:F CICN:.:F MATEID:.:S PARID:.:S EVENT:.:S"
    ),
    "FORMAT": _table(
        "AD:R:I ADF:R:I ADR:R:I DP:1:I EC:A:I FT:1:S GL:G:F GP:G:F GQ:1:F GT:1:S HQ:2:I MQ:1:F "
        "PL:G:I PP:G:I PQ:1:F PS:1:I LEN:1:I CN:1:F CNQ:1:F"
    ),
}
"""By kind of line the number and type of each key that a header need not define."""

_NOT_NEGATIVE = (0.0, float("inf"))
_SHARES = (0.0, 1.0)
_BOUNDS: Mapping[str, tuple[float, float]] = {
    "AF": _SHARES,
    **dict.fromkeys(
        ("AC", "AD", "ADF", "ADR", "AN", "DP", "EC", "END", "MQ0", "NS"), _NOT_NEGATIVE
    ),
}
_SHAPES = {"CIGAR": re.compile(r"\.|([0-9]+[MIDNSHPX=])+")}


def bounds_of(key: str) -> tuple[float, float] | None:
    """The least and the greatest value of a key of numbers; None where any will do."""
    return _BOUNDS.get(key)


def shape_of(key: str) -> re.Pattern[str] | None:
    """What each value of a key of texts must look like; None where any will do."""
    return _SHAPES.get(key)


def unlike(kind: str, key: str, number: str, type_: str, version: tuple[int, int]) -> str:
    """How a definition differs from the specification's own; '' where it does not.

    Whole numbers may be declared as Float and the reverse, and before 4.3 any count as `.`:
    files of all times do so, and nothing is read wrongly.
    """
    known = RESERVED[kind].get(key)
    if known is None:
        return ""
    numbers = {known[1], type_} <= {"Integer", "Float"}
    if type_ != known[1] and not numbers:
        return f"Type={type_}, expected {known[1]}"
    loose = known[0] == "." or (number == "." and version < (4, 3))
    return "" if loose or number == known[0] else f"Number={number}, expected {known[0]}"
