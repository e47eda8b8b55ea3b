"""What words a text has, and what a search text asks for: words, quoted phrases, exclusions.

Owns the rules that every search backend shares, so that all of them find the same; any text is
a valid search. Backends are given words that are split already: engines differ in what they
take for a letter.
Add an operator here only together with its line in `base.SearchIndex.search`.
Keep out: queries of one engine.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass

from polly_resources.errors import BadQuery

MAX_WORDS = 1000
"""Different words that a search may have."""

MAX_TERM_BYTES = 30_000
"""UTF-8 bytes of a term in an index; engines refuse or forget longer ones."""

_WORD = re.compile(r"[^\W_]+")
_DIGEST = "sha256:"
_PART = re.compile(r'(?P<minus>(?<!\S)-)?(?:"(?P<phrase>[^"]*)"|(?P<words>[^\s"]+))')


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the search text between spaces or quotes, still to be split into words."""

    text: str
    phrase: bool = False
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Clause:
    """A word, or words that must follow each other, that a hit must have or must not have."""

    words: tuple[str, ...]
    excluded: bool = False


def normalise(text: str) -> str:
    """Text as documents and searches are compared: Unicode NFKC, so one letter is one letter."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def words(text: str) -> str:
    """The words of a text in order, each lower case, with one space between two.

    No stemming: symbols and accessions are not English. Raises ValueError for text that is not
    Unicode (lone surrogates).
    """
    if not text.isascii():
        text.encode()
    # Lower case letter by letter: only Python minds whether a capital sigma ends a word.
    found = " ".join(_WORD.findall(normalise(text))).replace("\u03a3", "\u03c3").lower()
    if len(found) <= MAX_TERM_BYTES // 4:
        return found
    return " ".join(shortened(word, MAX_TERM_BYTES) for word in found.split(" "))


def shortened(text: str, limit: int) -> str:
    """The text, or a digest in its place where its UTF-8 has more bytes than the limit.

    Different texts stay different. Raises ValueError for text that is not Unicode.
    """
    data = text.encode()
    if len(data) <= limit and not text.startswith(_DIGEST):
        return text
    return _DIGEST + hashlib.sha256(data).hexdigest()


def is_digest(text: str) -> bool:
    """Whether `shortened` made a digest of what this was."""
    return text.startswith(_DIGEST)


def clauses(text: str) -> list[Clause]:
    """What a search text demands, each demand once, in order; all must hold.

    Raises:
        BadQuery: where it has more than `MAX_WORDS` words, or is not Unicode.
    """
    found: dict[Clause, None] = {}
    try:
        for part in parse(text):
            tokens = tuple(words(part.text).split())
            together = part.phrase or part.excluded
            for each in [tokens] if together else [(token,) for token in tokens]:
                if each:
                    found[Clause(each, part.excluded)] = None
    except ValueError as error:
        raise BadQuery("bad_text", f"the search is not Unicode text: {error}") from error
    count = sum(len(clause.words) for clause in found)
    if count > MAX_WORDS:
        raise BadQuery(
            "search_too_long",
            f"the search has {count} different words, expected at most {MAX_WORDS}",
            hint="search for fewer words",
        )
    return list(found)


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
