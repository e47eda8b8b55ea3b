"""Words of a text and their normal forms, with offsets back into the original.

Owns tokenising and the equivalences under which two spellings are one name: case, separators,
letter/digit joints, simple plurals, British spellings, Greek letters, accents. The lexicon
and the matcher use the same functions, so a change here is a new lexicon (`REVISION`).
Keep out: what the words mean.
"""

# ruff: noqa: RUF001 - the Greek letters, dashes and quotes are the data

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

REVISION = 1
"""Raise whenever a normal form changes: saved lexicons are keyed by it."""

HARD = "\n"
"""Stands between words that a name cannot span, such as the two sides of a full stop."""

_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta",
    "η": "eta", "θ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu",
    "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "ς": "sigma", "τ": "tau", "φ": "phi",
    "χ": "chi", "ψ": "psi", "ω": "omega", "ß": "beta", "ϐ": "beta", "ϕ": "phi",
}  # fmt: skip

_WORD = re.compile(r"['’`´]s\b|[α-ωΑ-Ωϐϕ]|[^\W\d_α-ωΑ-Ωϐϕ]+|\d+|\+")
_SOFT = re.compile(r"[\s\-‐‑–_/,'’`´\"]*")
_SPELLING = {
    "tumour": "tumor", "tumoural": "tumoral", "colour": "color", "fibre": "fiber",
    "litre": "liter", "centre": "center", "ageing": "aging", "positive": "+",
}  # fmt: skip
_NO_PLURAL = ("ss", "us", "is", "eas", "ies")


@dataclass(frozen=True, slots=True)
class Words:
    """A text cut into words, joined twice: with spaces, and without.

    `starts[i]` and `ends[i]` are the offsets of word i in the text; `begins[i]` and
    `closes[i]` say whether a name may begin or end there (not inside `MCF7`). `spaced` and
    `compact` hold the normal forms; `spaced_at[i]` and `compact_at[i]` are where word i
    begins in them.
    """

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    begins: tuple[bool, ...]
    closes: tuple[bool, ...]
    spaced: str
    spaced_at: tuple[int, ...]
    compact: str
    compact_at: tuple[int, ...]


@lru_cache(maxsize=1 << 17)
def normal_word(word: str) -> str:
    """The normal form of one word; empty for a possessive `'s`."""
    if word[0] in "'’`´":
        return ""
    folded = word.casefold() if word != "ß" else word
    if folded in _GREEK:
        return _GREEK[folded]
    if not folded.isascii():
        parts = unicodedata.normalize("NFKD", folded)
        folded = "".join(c for c in parts if not unicodedata.combining(c))
    folded = _SPELLING.get(folded, folded)
    if len(folded) > 4:
        folded = folded.replace("ae", "e").replace("oe", "e")
    return _singular(folded)


def _singular(word: str) -> str:
    if len(word) < 4 or not word.endswith("s"):
        return word
    if word.endswith("ies") and len(word) > 5:
        return word[:-3] + "y"
    return word if word.endswith(_NO_PLURAL) else word[:-1]


def compact_name(name: str) -> str:
    """The name as letters and digits only, casefolded: `Hep-G2` and `HepG2` are one."""
    folded = name.casefold()
    return folded if folded.isalnum() else "".join(filter(str.isalnum, folded))


def spaced_name(name: str) -> str:
    """The normal form of a whole name: normal words joined by single spaces."""
    return " ".join(filter(None, map(normal_word, _WORD.findall(name))))


def cut(text: str) -> Words:
    """The words of a text.

    Names span spaces, hyphens, underscores, slashes, commas and quotes; every other
    mark stops them, except a full stop after a single letter (`E. coli`).
    """
    rows: list[tuple[int, int, bool, bool]] = []
    spaced: list[str] = []
    compact: list[str] = []
    spaced_at: list[int] = []
    compact_at: list[int] = []
    at_spaced = at_compact = 0
    last_end = 0
    for found in _WORD.finditer(text):
        start, end = found.span()
        normal = normal_word(found.group())
        if not normal:
            last_end = end
            continue
        if rows:
            hard = not _joins(text, last_end, start, rows[-1])
            spaced.append(HARD if hard else " ")
            at_spaced += 1
            if hard:
                compact.append(HARD)
                at_compact += 1
        spaced.append(normal)
        spaced_at.append(at_spaced)
        at_spaced += len(normal)
        plain = compact_name(text[start:end])
        compact.append(plain)
        compact_at.append(at_compact)
        at_compact += len(plain)
        rows.append((start, end, _begins(text, start), _closes(text, end)))
        last_end = end
    starts, ends, begins, closes = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Words(
        text, starts, ends, begins, closes,
        "".join(spaced), tuple(spaced_at), "".join(compact), tuple(compact_at),
    )  # fmt: skip


def _joins(text: str, end: int, start: int, last: tuple[int, int, bool, bool]) -> bool:
    gap = text[end:start]
    if _SOFT.fullmatch(gap):
        return True
    return gap in (". ", ".") and last[1] - last[0] == 1 and last[2]


def _begins(text: str, start: int) -> bool:
    return start == 0 or not text[start - 1].isalnum() or text[start] in "+"


def _closes(text: str, end: int) -> bool:
    return end == len(text) or not text[end].isalnum() or text[end - 1] == "+"
