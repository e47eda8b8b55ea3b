"""Job ids: 26 letters and digits that sort by creation, for every ledger backend.

An id is 10 digits of base 32 for the millisecond, 12 of chance, and 4 that number the
datasets of one file: the job itself is 0, further datasets found in its file follow it
directly. Only digits and capitals occur, so every collation sorts ids alike.
Keep out: storage.
"""

from __future__ import annotations

import secrets
from datetime import datetime

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_STEM, _MEMBER = 22, 4
_CHANCE_BITS = 60


def new_ids(now: datetime, count: int, last: str | None = None) -> list[str]:
    """Ascending ids made at `now`, all above `last` even where the clock went back.

    Args:
        now: the creation time, with its zone.
        count: how many.
        last: the highest id in the ledger; None where it is empty.
    """
    first = int(now.timestamp() * 1000) << _CHANCE_BITS | secrets.randbits(_CHANCE_BITS - 1)
    if last is not None:
        first = max(first, _decode(last[:_STEM]) + 1)
    return [_encode(first + i, _STEM) + _encode(0, _MEMBER) for i in range(count)]


def member_id(job_id: str, member: int) -> str:
    """The id of a further dataset of the job's file; sorts after the job, before the next."""
    return job_id[:_STEM] + _encode(member, _MEMBER)


def member_number(job_id: str) -> int:
    """Which dataset of its file the id stands for, from 0."""
    return _decode(job_id[_STEM:])


def _encode(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 32)
        digits.append(_DIGITS[digit])
    if number:
        raise OverflowError(f"a job id has {width} digits here")
    return "".join(reversed(digits))


def _decode(text: str) -> int:
    number = 0
    for digit in text:
        number = number * 32 + _DIGITS.index(digit)
    return number
