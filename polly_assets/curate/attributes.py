"""Values that are no ontology search: sex, age, strain, sample type.

Owns reading them from a value whose key asks for them, and the few phrases that state them in
running text. A strain is one row of `data/strains.tsv`; a sample type one row of `_TYPES`.
Keep out: names of the lexicon, and deciding between several statements of a record.
"""

# ruff: noqa: RUF001 - dashes between numbers are the data

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from polly_assets.curate.naming import strain_rows

SEX_CURIES = {"female": "PATO:0000383", "male": "PATO:0000384", "mixed": ""}


@dataclass(frozen=True, slots=True)
class Value:
    """A value read from `text[start:end]`, with its confidence by the rule that read it."""

    field: str
    label: str
    start: int
    end: int
    confidence: float
    curie: str = ""


_SEX_KEYED = re.compile(
    r"(?P<female>f|fem|females?|wom[ae]n|girls?)|(?P<male>m|males?|m[ae]n|boys?)"
    r"|(?P<mixed>mixed|both(?: sexes)?|pooled(?: male and female)?|m(?:ale)?s?\s*(?:and|/|&|\+"
    r"|,)\s*"
    r"f(?:emale)?s?|f(?:emale)?s?\s*(?:and|/|&|\+|,)\s*m(?:ale)?s?|mixed (?:sex|gender)\w*)",
    re.IGNORECASE,
)
_SEX_FREE = re.compile(
    r"(?<![A-Za-z])(?:(?P<female>females?|wom[ae]n|girls?)|(?P<male>males?|men|man"
    r"|boys?))(?![A-Za-z])",
    re.IGNORECASE,
)


def sex_in_value(text: str) -> Iterator[Value]:
    """Sex under a key that asks for it: words and letters, never numeric codes."""
    stripped = text.strip()
    found = _SEX_KEYED.fullmatch(stripped)
    if found and found.lastgroup:
        start = text.index(stripped)
        yield _sex(found.lastgroup, start, start + len(stripped), 0.97)
    else:
        yield from sex_in_text(text, 0.93)


_SEX_NAMED = re.compile(
    r"(?<![A-Za-z])(?:sex|gender)\s*[:=_ ]\s*(?:(?P<female>f(?:emale)?)"
    r"|(?P<male>m(?:ale)?))(?![A-Za-z])",
    re.IGNORECASE,
)


def sex_in_text(text: str, confidence: float = 0.8) -> Iterator[Value]:
    """Sex stated by a whole word in running text; both sexes in one text are `mixed`."""
    named = _SEX_NAMED.search(text)
    if named and named.lastgroup:
        yield _sex(named.lastgroup, *named.span(named.lastgroup), 0.9)
        return
    found = [(m.lastgroup or "", m.start(), m.end()) for m in _SEX_FREE.finditer(text)]
    if not found:
        return
    if len({label for label, _, _ in found}) > 1:
        yield _sex("mixed", found[0][1], found[-1][2], min(confidence, 0.7))
    else:
        yield _sex(*found[0], confidence)


def _sex(label: str, start: int, end: int, confidence: float) -> Value:
    return Value("sex", label, start, end, confidence, SEX_CURIES[label])


_UNITS = (
    ("years", r"years?|yrs?|y\.?o\.?|y/o|y|ans"),
    ("months", r"months?|mos?|mths?|m"),
    ("weeks", r"weeks?|wks?|w"),
    ("days", r"days?|dpn|d"),
    ("hours", r"hours?|hrs?|h"),
)
_UNIT = "|".join(f"(?P<{name}>{pattern})" for name, pattern in _UNITS)
_NUMBER = r"\d+(?:\.\d+)?"
_AGE = re.compile(
    rf"(?P<sign>[<>≥≤~]=?\s*)?(?P<low>{_NUMBER})(?P<plus>\+)?"
    rf"(?:\s*(?:-|–|to)\s*(?P<high>{_NUMBER}))?[\s_-]*(?:(?:{_UNIT})\b\.?)?"
    r"(?P<after>[\s_-]*(?:of gestation|gestation(?:al age)?|gestational|post[\s-]?conception"
    r"|post[\s-]?natal|pcw|after birth))?(?:[\s_-]*(?:of age|old))?",
    re.IGNORECASE,
)
_EMBRYONIC = re.compile(
    rf"(?<![A-Za-z0-9])(?:E|embryonic\s+day\s*|e\.?d\.?\s*)(?P<day>{_NUMBER})(?![A-Za-z0-9%])",
    re.IGNORECASE,
)
_POSTNATAL = re.compile(
    rf"(?<![A-Za-z0-9])(?:P|PND?|PD|postnatal\s+day\s*)[\s-]?(?P<day>{_NUMBER})(?![A-Za-z0-9%])",
    re.IGNORECASE,
)
_STAGE = re.compile(
    r"(?<![A-Za-z])(?:(?P<elderly>elderly|aged)|(?P<adult>adults?)|(?P<adolescent>adolescents?"
    r"|teen\w*)"
    r"|(?P<child>child(?:ren)?|p(?:a)?ediatric)|(?P<infant>infants?)|(?P<neonate>neonat\w+"
    r"|newborns?)"
    r"|(?P<fetal>fo?etal|fo?etus)|(?P<embryonic>embryo(?:nic)?)"
    r"|(?P<juvenile>juvenile))(?![A-Za-z])",
    re.IGNORECASE,
)
_AGE_FREE = re.compile(
    rf"(?<![A-Za-z0-9.])(?P<low>{_NUMBER})(?:\s*(?:-|–|to)\s*(?P<high>{_NUMBER}))?[\s-]*"
    r"(?:(?P<years>years?|yrs?|y)|(?P<months>months?|mo)|(?P<weeks>weeks?|wks?)|(?P<days>days?|d))"
    r"(?:[\s-]*(?:of age|old)\b|/o\b)",
    re.IGNORECASE,
)
_AGE_NAMED = re.compile(
    r"(?<![A-Za-z])age(?:\s*\((?:years?|yrs?|months?|weeks?|days?)\))?\s*[:=_ ]\s*(?=\d)",
    re.IGNORECASE,
)
_EMBRYO_FREE = re.compile(r"(?<![A-Za-z0-9])E(?P<day>\d{1,2}\.5)(?![A-Za-z0-9%.])")


def age_in_value(text: str, key: str, years: bool = True) -> Iterator[Value]:
    """Age under a key that asks for it, as number and unit, day of development, or stage.

    The unit is the value's own, else the key's (`age (months)`), else years where
    `years` allows that guess.
    """
    for pattern, form in ((_EMBRYONIC, "embryonic day {}"), (_POSTNATAL, "{} days postnatal")):
        found = pattern.search(text)
        if found and text[: found.start()].strip() == "":
            yield Value("age", form.format(found["day"]), *found.span(), 0.95)
            return
    found = _AGE.match(text.strip())
    if found:
        unit = _unit(found) or _key_unit(key)
        label = _age_label(found, unit or ("years" if years else ""))
        start = len(text) - len(text.lstrip())
        sure = 0.97 if unit else 0.85
        end = start + len(found.group().rstrip())
        yield Value("age", label, start, end, sure if found.end() == len(text.strip()) else 0.8)
        return
    found = _STAGE.search(text)
    if found and found.lastgroup:
        yield Value("age", found.lastgroup, *found.span(), 0.9)


def age_in_text(text: str) -> Iterator[Value]:
    """Age stated in running text: `Age: 58`, `58 year old`, `E18.5`."""
    named = _AGE_NAMED.search(text)
    if named:
        rest = re.split(r"[,;]", text[named.end() :], maxsplit=1)[0]
        for value in age_in_value(rest, named.group()):
            at = named.end()
            yield replace(value, start=value.start + at, end=value.end + at, confidence=0.8)
        return
    found = _AGE_FREE.search(text)
    if found:
        yield Value("age", _age_label(found, _unit(found)), *found.span(), 0.85)
        return
    found = _EMBRYO_FREE.search(text)
    if found:
        yield Value("age", f"embryonic day {found['day']}", *found.span(), 0.8)


def _unit(found: re.Match[str]) -> str:
    groups = found.groupdict()
    return next((name for name, _ in _UNITS if groups.get(name)), "")


@lru_cache(maxsize=4096)
def _key_unit(key: str) -> str:
    words = re.findall(r"[a-z]+", key.casefold())
    for name, pattern in _UNITS:
        if any(re.fullmatch(pattern, word) for word in words if word != "m"):
            return name
    return ""


def _age_label(found: re.Match[str], unit: str) -> str:
    groups = found.groupdict()
    number = (groups.get("sign") or "").strip() + groups["low"] + (groups.get("plus") or "")
    if groups.get("high"):
        number += f"-{groups['high']}"
    if unit and number in ("1", "1.0"):
        unit = unit[:-1]
    after = (groups.get("after") or "").strip(" _-").casefold()
    stage = "gestation" if "gest" in after or "concep" in after or after == "pcw" else ""
    stage = stage or ("postnatal" if after else "")
    return " ".join(part for part in (number, unit, stage) if part)


@lru_cache(maxsize=1)
def _strains() -> tuple[tuple[re.Pattern[str], str], ...]:
    rows = strain_rows()
    return tuple((re.compile(rf"(?i)(?<!\w)(?:{r['pattern']})"), r["name"]) for r in rows)


_MAYBE_STRAIN = re.compile(
    r"c57|b6|bl[/-]?6|balb|fvb|129|dba|c3h|a/j|akr|cba|sjl|swr|nod|nsg|cd-?1|icr|swiss|cast|pwk"
    r"|wsb|nzo"
    r"|btbr|kk|sprague|wistar|wky|long|f344|fis|brown|bn|lewis|dahl|shr|spont|zucker|a[ _-]j",
    re.IGNORECASE,
)
"""One cheap look before the rows are tried one by one."""


@lru_cache(maxsize=1 << 14)
def _strains_of(text: str) -> tuple[tuple[str, int, int], ...]:
    if not _MAYBE_STRAIN.search(text):
        return ()
    taken: list[tuple[str, int, int]] = []
    for pattern, name in _strains():
        for found in pattern.finditer(text):
            start, end = found.span()
            if end > start and not any(a < end and start < b for _, a, b in taken):
                taken.append((name, start, end))
    return tuple(taken)


def strains_in(text: str, confidence: float) -> Iterator[Value]:
    """Mouse and rat strains named in a text, by their standard names."""
    for name, start, end in _strains_of(text):
        yield Value("strain", name, start, end, confidence)


_TYPES = (
    ("organoid", r"organoids?|tumou?roids?|enteroids?|spheroids?|assembloids?", 0.92),
    ("xenograft", r"(?:patient[\s-]derived[\s-])?xeno(?:graft|transplant)\w*|pdx", 0.92),
    ("in vitro differentiated cell", r"i?psc?[\s-]derived|hesc[\s-]derived"
                                     r"|es[\s-]cell[\s-]derived", 0.9),
    ("cell line", r"cell[\s_-]*lines?|immortali[sz]ed(?: cells?)?|cell culture line", 0.92),
    ("primary cell", r"primary[\s-](?:\w+[\s-]){0,3}?(?:cells?|cultures?|fibroblasts?|hepatocytes?"
     r"|keratinocytes?|neurons?|astrocytes?|macrophages?|myoblasts?|chondrocytes?)", 0.85),
    ("cell culture", r"cultured(?: \w+)? cells?|in[\s-]vitro(?: culture\w*)?|cell culture", 0.75),
    ("biofluid", r"(?:whole|peripheral|cord|venous)[\s_]blood|plasma|serum|urine|saliva|sputum"
     r"|cerebrospinal fluid|csf|bronchoalveolar lavage|blood", 0.8),
    ("tissue", r"(?:tissue|biops(?:y|ies)|ffpe|frozen section|resection|autopsy|post[\s-]?mortem"
     r"|surgical specimen|necropsy)\w*", 0.85),
)  # fmt: skip
_TYPE = tuple(
    (label, re.compile(rf"(?<![A-Za-z])(?:{words})(?![A-Za-z])", re.IGNORECASE), sure)
    for label, words, sure in _TYPES
)
"""Sample types by the words that state them; the first row found stands."""


def sample_type_in(text: str) -> Value | None:
    """The sample type that a text states, by the first row of the table that matches."""
    for label, pattern, sure in _TYPE:
        found = pattern.search(text)
        if found:
            return Value("sample_type", label, found.start(), found.end(), sure)
    return None


TYPE_ORDER = tuple(label for label, _, _ in _TYPES)
