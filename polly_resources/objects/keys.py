"""What an object key is, in every store alike, so that objects can move from one to another.

Keep out: what one kind of server cannot hold (its backend).
"""

from __future__ import annotations

from polly_resources.errors import BadInput

_PART_BYTES = 255


def checked(key: str) -> list[str]:
    """The parts of a key between its slashes.

    Raises BadInput `bad_key` unless each part could be a file's name: 1 to 255 bytes of
    UTF-8, not '.' or '..', without NUL.
    """
    parts = key.split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise bad_key(key, "parts between slashes must not be empty, '.' or '..'")
    try:
        longest = max(len(part.encode()) for part in parts)
    except UnicodeEncodeError:
        raise bad_key(key, "a key is Unicode text") from None
    if "\0" in key:
        raise bad_key(key, "a key has no NUL")
    if longest > _PART_BYTES:
        raise bad_key(key, f"a part is too long: {longest} bytes, at most {_PART_BYTES}")
    return parts


def is_key(key: str) -> bool:
    """Whether a name that a server tells can be a key here."""
    try:
        checked(key)
    except BadInput:
        return False
    return True


def bad_key(key: str, why: str) -> BadInput:
    """The error for what cannot be a key."""
    return BadInput(
        "bad_key",
        f"{key!r} cannot be an object key: {why}",
        hint="keys look like landing/demo/GSE1_family.soft.gz",
    )
