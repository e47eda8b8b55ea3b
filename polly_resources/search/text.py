"""What a user's search text asks for: words, quoted phrases, exclusions.

Owns the grammar that every search backend shares; any text is a valid search.
Add an operator here only together with its line in `base.SearchIndex.search`.
Keep out: how a backend splits text into words.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_PART = re.compile(r'(?P<minus>(?<!\S)-)?(?:"(?P<phrase>[^"]*)"|(?P<words>[^\s"]+))')


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the search text between spaces or quotes, still to be split into words."""

    text: str
    phrase: bool = False
    excluded: bool = False


def normalise(text: str) -> str:
    """Text as documents and searches are compared: Unicode NFKC, so one letter is one letter."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def parse(text: str) -> list[Part]:
    """The parts of a search text, normalised, in order.

    A minus excludes only at the start of a piece, so `IL-6` and `+/-` are plain. A quote
    without its partner is punctuation.
    """
    return [
        Part(
            text=found["words"] if found["phrase"] is None else found["phrase"],
            phrase=found["phrase"] is not None,
            excluded=found["minus"] is not None,
        )
        for found in _PART.finditer(normalise(text))
    ]
