"""Text that people wrote to be read: notes, protocols, licences, letters; and damaged text.

Owns the rule that tells it from a table by its first lines. It errs on the side of tables, whose
readers tell their own faults. Keep out: names of notes (`never_data`).
"""

from __future__ import annotations

import re

_LINES = 40
_SEPARATORS = ("\t", ",", ";", "|")
_WORDS = re.compile(r"(?:^|[\s(])[^\W\d_]+[,;:]?(?: [^\W\d_]{1,20}[,;:.]?){2}")
"""Three words, one space between each."""
_BLANKS = dict.fromkeys(map(ord, "\t\r\n\ufeff"))


def is_prose(head: bytes) -> bool:
    """Whether the first bytes of a file are sentences and no table.

    Half of the lines have three words in a row, and no separator gives most lines one width or
    numbers.
    """
    lines = _lines(head)
    if not lines or "\t" in lines[0]:
        return False
    said = sum(_WORDS.search(line) is not None for line in lines)
    return 2 * said >= len(lines) and not any(_separates(lines, mark) for mark in _SEPARATORS)


def is_text_with_nul(head: bytes) -> bool:
    """Whether the first bytes are lines of text but for NUL bytes, as a broken transfer leaves."""
    rest = head.replace(b"\0", b"")
    text = rest.decode("utf-8", "replace")
    return (
        len(rest) < len(head) < 2 * len(rest)
        and b"\n" in rest
        and text.translate(_BLANKS).isprintable()
        and "\ufffd" not in text[:-1]
    )


def _lines(head: bytes) -> list[str]:
    codec = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    lines = head.decode(codec, "replace").splitlines()
    whole = lines[:-1] if len(lines) > _LINES else lines  # the last one may be cut
    return [line.strip() for line in whole if line.strip()][:_LINES]


def _separates(lines: list[str], mark: str) -> bool:
    """Whether most lines have one and the same number of marks, or cells that are numbers."""
    counts = [line.count(mark) for line in lines]
    width = max(counts, key=counts.count)
    alike = width > 0 and 2 * counts.count(width) > len(lines)
    numbers = sum(any(map(_is_number, line.split(mark)[1:])) for line in lines)
    return alike or 2 * numbers > len(lines)


def _is_number(cell: str) -> bool:
    return cell.strip().removeprefix("-").replace(".", "", 1).isdecimal()
