"""Ids of one file found again in another that spells them otherwise.

Owns the rules, tried from the strictest to the loosest: each is used only where it leaves no
choice. Keep out: what the ids are of, and what becomes of those that are not found.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

_ENDINGS = re.compile(
    r"^.*[/\\]|(\.(sorted|dedup|bam|sam|cram|fastq|fq|gz|txt|tsv|csv|counts?|genes|results))+$"
)
_OTHER = re.compile(r"[^0-9a-z]+")
_R_PREFIX = re.compile(r"^x(?=[0-9.])")


def folded(name: str) -> str:
    """A name without case, and with every run of other characters than letters and digits a dot.

    `S-1`, `s 1` and R's `S.1` are one, `S1` and `S-1` are two.
    """
    return _OTHER.sub(".", name.strip().casefold()).strip(".")


def _bare(name: str) -> str:
    return folded(_ENDINGS.sub("", name.strip().casefold()))


def loosest(name: str) -> str:
    """A name without everything that `respelled` may pass over."""
    return _R_PREFIX.sub("", _bare(name))


_FORMS: Sequence[Callable[[str], str]] = (
    str.strip,
    lambda name: name.strip().casefold(),
    folded,
    _bare,
    loosest,
)


def respelled(mine: Iterable[str], theirs: Iterable[str]) -> dict[str, str]:
    """How mine are spelled among theirs that are not mine: theirs to mine.

    By the first of these forms that only one of mine and one of theirs has: without spaces
    around, without case, `folded`, without folder and ending (`.bam`, `.counts.txt`), without
    the X that R puts before a digit.
    """
    own, other = dict.fromkeys(mine), dict.fromkeys(theirs)
    same = own.keys() & other.keys()
    own = {name: None for name in own if name not in same}
    other = {name: None for name in other if name not in same}
    found: dict[str, str] = {}
    for form in _FORMS:
        if not own or not other:
            break
        left, right = _alone(own, form), _alone(other, form)
        for key in left.keys() & right.keys():
            found[right[key]] = left[key]
            del own[left[key]], other[right[key]]
    return found


def _alone(names: Iterable[str], form: Callable[[str], str]) -> dict[str, str]:
    """Names by their form, where no other name has it."""
    forms = {name: form(name) for name in names}
    counts = Counter(forms.values())
    return {key: name for name, key in forms.items() if key and counts[key] == 1}
