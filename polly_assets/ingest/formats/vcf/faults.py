"""Errors about the fixed columns of a VCF record, each with what to do about it.

Keep out: which values are wrong (`record`, `alleles`, `info`).
"""

from __future__ import annotations

from collections.abc import Mapping

from polly_assets.ingest.formats.vcf.header import FIXED
from polly_resources.errors import BadInput

_INDEL = "an insertion or deletion is written with the base before it, such as REF A and ALT AT"
_HINTS: Mapping[str, str] = {
    "CHROM": "name the contig as the reference genome does, without quotes",
    "POS": "positions count from 1, in plain digits: no separators, no points, no 1e5",
    "ID": "join several identifiers by ;",
    "REF": f"{_INDEL}; an unknown base is N",
    "ALT": f"{_INDEL}; join several alleles by a comma",
    "QUAL": "write digits with a decimal point",
    "FILTER": "write PASS where all filters were passed",
    "INFO": "such as DP=5;DB, without spaces",
}
_NEVER_MISSING = ("CHROM", "POS", "REF")


def bad_field(column: str, found: str, expected: str, file: str, line: int) -> BadInput:
    """The error of a column (`CHROM` to `INFO`) at a line of the file."""
    missing = not found and column not in _NEVER_MISSING
    names = [name.removeprefix("#") for name in FIXED]
    return BadInput(
        "bad_field",
        f"{column} is {found[:60]!r}, expected {expected}",
        file=file,
        place=f"line {line}, column {names.index(column) + 1}",
        hint="a missing value is written as a point" if missing else _HINTS[column],
    )
