"""Reading one record: its texts in order, whether it is healthy, and its plain values.

Owns which text of a record is asked for what: sex from a key before sex from a title, and
what makes a record's donor or tissue healthy.
Keep out: names of the lexicon, and rules for the inside of a text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from polly_assets.curate import attributes
from polly_assets.curate.attributes import Value
from polly_assets.curate.keys import ROUTES, Route, normal_key, route_of
from polly_assets.curate.models.base import CurationRecord
from polly_assets.curate.negation import calls_control, is_healthy_value, is_unstated, says_healthy

_RODENT = re.compile(r"\b(?:mouse|mice|murine|rats?|mus musculus|rattus)\b", re.IGNORECASE)
_PATHOGEN = re.compile(r"tb\b|mtb|vir|bacter|yeast|pathogen|isolate|parasit|infect", re.IGNORECASE)
_CELL_WORDS = re.compile(
    r"cell|cyte|blast|phage|phil\b|pbmc|culture|lymph(?!.*node)", re.IGNORECASE
)
_LINE_WORDS = re.compile(r"\bcell[\s_-]*lines?\b", re.IGNORECASE)
_TISSUE_ROUTES = ("tissue", "sample_type", "source", "title", "disease", "group")


@dataclass(frozen=True, slots=True)
class Text:
    """One text of a record: its name, its words, the submitter's key, and how to read it."""

    field: str
    text: str
    key: str
    route: Route


@dataclass(frozen=True, slots=True)
class Found:
    """A plain value and the text in which it stands."""

    value: Value
    at: Text


def texts_of(record: CurationRecord) -> list[Text]:
    """The texts of a record that say something: title, source, characteristics, description."""
    texts = [
        Text("title", record.title, "", ROUTES["title"]),
        Text("source", record.source, "", ROUTES["source"]),
    ]
    for key, value in record.characteristics.items():
        texts.append(Text(f"characteristics.{key}", value, key, route_of(key)))
    texts.append(Text("description", record.description, "", ROUTES["description"]))
    return [one for one in texts if not is_unstated(one.text)]


def states_health(texts: Iterable[Text], has_disease: Callable[[Text], bool]) -> bool:
    """Whether the record's donor is healthy, or its tissue is the normal counterpart.

    A phrase (`adjacent normal tissue`, `healthy donor`) decides. A bare value (`disease state:
    control`) decides unless another disease key names a disease. `group: control` says
    nothing about a cell line.
    """
    texts = list(texts)
    if any(one.route.name in _TISSUE_ROUTES and says_healthy(one.text) for one in texts):
        return True
    asked = [t for t in texts if t.route.name == "disease" and "infect" not in t.key.casefold()]
    if any(is_healthy_value(one.text) for one in asked):
        return not any(has_disease(one) for one in asked)
    if any(one.route.name == "cell_line" or _LINE_WORDS.search(one.text) for one in texts):
        return False
    grouped = [one for one in texts if one.route.name in ("group", "sample_type", "tissue")]
    return any(is_healthy_value(one.text) for one in grouped) and not any(map(has_disease, asked))


def called_control(texts: Iterable[Text]) -> bool:
    """Whether title, source or group calls the sample a control, in whatever sense."""
    return any(
        one.route.name in ("title", "source", "group") and calls_control(one.text) for one in texts
    )


def sex_of(texts: list[Text]) -> list[Found]:
    """The sex, from a key that asks, else from a bare value, title or source."""
    for one in (t for t in texts if t.route.name == "sex"):
        for value in attributes.sex_in_value(one.text):
            return [Found(value, one)]
    for one in (t for t in texts if t.route.name in ("title", "source", "group") or not t.key):
        if one.route.name != "description":
            for value in attributes.sex_in_text(one.text):
                return [Found(value, one)]
    return []


def age_of(texts: list[Text]) -> list[Found]:
    """The age or stage, from a key that asks (plain `age` first), else from running text."""
    years = not any(t.route.name == "strain" or _RODENT.search(t.text) for t in texts)
    asked = [t for t in texts if t.route.name in ("age", "developmental")]
    asked.sort(key=lambda t: (t.route.name != "age", normal_key(t.key).split()[:1] != ["age"]))
    for one in asked:
        for value in attributes.age_in_value(one.text, one.key, years):
            return [Found(value, one)]
    for one in texts:
        if one.route.name in ("title", "source", "group", "description", "any"):
            for value in attributes.age_in_text(one.text):
                return [Found(value, one)]
    return []


def strain_of(texts: list[Text]) -> list[Found]:
    """The strain, from a key that asks, whole value if unknown; else spelled out in a text."""
    for one in (t for t in texts if t.route.name == "strain"):
        known = list(attributes.strains_in(one.text, 0.93))
        if known:
            return [Found(value, one) for value in known]
        stripped = one.text.strip()
        start = one.text.index(stripped)
        if _names_strain(one.key, stripped):
            return [Found(Value("strain", stripped, start, start + len(stripped), 0.6), one)]
    for one in texts:
        if one.route.name in ("title", "source", "description", "gene"):
            spelled = [v for v in attributes.strains_in(one.text, 0.7) if v.end - v.start > 4]
            if spelled:
                return [Found(value, one) for value in spelled]
    return []


def _names_strain(key: str, value: str) -> bool:
    if "strain" not in key.casefold() or _PATHOGEN.search(key) or is_healthy_value(value):
        return False
    return 2 < len(value) <= 80 and any(c.isalpha() for c in value)


def sample_type_of(texts: list[Text], line: Found | None) -> list[Found]:
    """The kind of material, by the strongest row of the table over all telling texts.

    `line` is the cell line of the record, if one was named: it makes a cell line of what
    nothing else describes. A filled tissue key is the weakest statement.
    """
    stated = list(_types(texts))
    if line is not None:
        stated.append(line)
    if stated:
        order = attributes.TYPE_ORDER.index
        return [min(stated, key=lambda found: order(found.value.label))]
    for one in texts:
        if one.route.name == "tissue" and not _CELL_WORDS.search(one.text):
            stripped = one.text.strip()
            start = one.text.index(stripped)
            value = Value("sample_type", "tissue", start, start + len(stripped), 0.7)
            return [Found(value, one)]
    return []


def _types(texts: Iterable[Text]) -> Iterator[Found]:
    for one in texts:
        if one.route.name in (
            "title",
            "source",
            "tissue",
            "cell_type",
            "cell_line",
            "sample_type",
            "any",
        ):
            value = attributes.sample_type_in(one.text)
            if value is not None:
                yield Found(value, one)
