"""The dictionary model: ontology names found in a sample's own words, and rules around them.

Owns putting the parts together for one record and its study. The parts are beside it in
`polly_assets.curate`: lexicon, matcher, negation, attributes, control, evidence.
Keep out: the rules of any one part.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from polly_assets.curate import abbreviations
from polly_assets.curate.attributes import Value
from polly_assets.curate.control import controls_of
from polly_assets.curate.evidence import ASIDE, HINTED, NESTED, SAID, Mention, choose
from polly_assets.curate.gene_context import genes_in
from polly_assets.curate.keys import ROUTES, Route
from polly_assets.curate.lexicon_build import lexicon_key, open_lexicon
from polly_assets.curate.matcher import Match, Matcher
from polly_assets.curate.models.base import (
    FIELDS,
    AnnotationModel,
    CuratedRecord,
    CurationRecord,
)
from polly_assets.curate.naming import Kind, line_origins
from polly_assets.curate.negation import is_negated
from polly_assets.curate.reading import (
    Found,
    Text,
    age_of,
    called_control,
    sample_type_of,
    sex_of,
    states_health,
    strain_of,
    texts_of,
)
from polly_assets.curate.submitted import submitted_terms
from polly_assets.curate.text import spaced_name
from polly_resources.ontologies.base import OntologySource
from polly_resources.records import Annotation

RULES_REVISION = 1
"""Raise whenever a rule may read the same text differently."""

_YES = re.compile(r"yes|y|true|positive|present", re.IGNORECASE)

DENIABLE = ("disease", "drug")
"""Fields whose mention may be a denial (`no diabetes`, `without dexamethasone`)."""

_CACHED_TEXTS = 200_000
_GIVEN = re.compile(
    r"treat|expos|stimulat|administ|inject|incubat|inhibit|therap|dose|dosing|resistan|sensitiv"
    r"|respon|effects? of|drug|gavage|supplement",
    re.IGNORECASE,
)
"""Words beside a compound in running text that tell it from buffers and reagents."""


class DictionaryModel(AnnotationModel):
    """Annotates by exact names and rules; the same text always reads the same."""

    name = "dictionary"

    def __init__(self, ontologies: OntologySource, cache_dir: Path) -> None:
        """Open the lexicon of `ontologies` in `cache_dir`, building it on first use."""
        self._lexicon = open_lexicon(ontologies, cache_dir)
        self._matcher = Matcher(self._lexicon)
        self._origins = line_origins()
        self._version = f"r{RULES_REVISION}-{lexicon_key(ontologies)}"
        self._found: dict[tuple[str, str], tuple[Match, ...]] = {}

    @property
    def version(self) -> str:
        """Rules revision and a digest of the ontology releases and the lexicon's rules."""
        return self._version

    def annotate(self, records: Sequence[CurationRecord]) -> list[CuratedRecord]:
        """One outcome per record, in order; records of one non-empty study are read together."""
        studies: dict[str, list[int]] = defaultdict(list)
        for place, record in enumerate(records):
            studies[record.study or f"\n{place}"].append(place)
        outcomes: dict[int, CuratedRecord] = {}
        for places in studies.values():
            study = [records[place] for place in places]
            for place, outcome in zip(places, self._study(study), strict=True):
                outcomes[place] = outcome
        return [outcomes[place] for place in range(len(records))]

    def _study(self, study: Sequence[CurationRecord]) -> Iterator[CuratedRecord]:
        read = [texts_of(record) for record in study]
        known = abbreviations.collect(
            definition for texts in read for one in texts for definition in self._defined(one)
        )
        for record, texts, control in zip(study, read, controls_of(study), strict=True):
            yield CuratedRecord(record.id, self._fields(record, texts, known), control)

    def _fields(
        self, record: CurationRecord, texts: list[Text], known: abbreviations.Definitions
    ) -> dict[str, tuple[Annotation, ...]]:
        mentions = self._mentions(texts, known)
        plain = {
            "sex": sex_of(texts),
            "age": age_of(texts),
            "strain": strain_of(texts),
            "sample_type": sample_type_of(texts, _as_type(mentions["cell_line"])),
        }
        fields = dict(submitted_terms(self._lexicon, record))
        for name in FIELDS:
            if name in fields:
                fields[name] = tuple(replace(a, model_version=self._version) for a in fields[name])
            elif name in plain:
                fields[name] = tuple(self._from_value(found) for found in plain[name])
            else:
                chosen = choose(self._lexicon, name, mentions[name])
                fields[name] = tuple(self._from_mention(mention) for mention in chosen)
        return {name: fields[name] for name in FIELDS}

    def _mentions(
        self, texts: list[Text], known: abbreviations.Definitions
    ) -> dict[str, list[Mention]]:
        found = {one.field: self._standing(one, known) for one in texts}
        healthy = states_health(
            texts, lambda one: any(m.field == "disease" for m in found[one.field])
        )
        mentions: dict[str, list[Mention]] = defaultdict(list)
        for one in texts:
            for match in found[one.field]:
                tier = _tier(match, one.route.name)
                mentions[match.field].append(Mention(match, one.field, one.text, tier))
        if healthy:
            mentions["disease"] = []
        elif called_control(texts) and not mentions["cell_line"]:
            mentions["disease"] = [m for m in mentions["disease"] if m.tier == HINTED]
        mentions["tissue"] += [m for line in mentions["cell_line"] for m in self._origin(line)]
        return mentions

    def _origin(self, line: Mention) -> Iterator[Mention]:
        """The organ that a common cell line stems from, as the weakest evidence of a tissue."""
        term = self._lexicon.term(self._origins.get(line.match.term.curie, ""))
        if term is not None and term.field == "tissue":
            match = replace(line.match, field="tissue", term=term, nested=True)
            yield replace(line, match=match, tier=NESTED)

    def _standing(self, one: Text, known: abbreviations.Definitions) -> list[Match]:
        """What one text names and does not deny; the study's own abbreviations first."""
        defined = known.find(one.text, one.route)
        over = {(m.field, at) for m in defined for at in range(m.start, m.end)}
        found = [m for m in self._find(one.text, one.route) if (m.field, m.start) not in over]
        found += [m for m in defined if m.field not in DENIABLE or not _denied(one.text, m)]
        return found or self._affirmed(one)

    def _affirmed(self, one: Text) -> list[Match]:
        """The disease that a key names and its value affirms: `diabetes: yes`."""
        if not one.key or one.route.name == "skip" or not _YES.fullmatch(one.text.strip()):
            return []
        start = one.text.index(one.text.strip())
        end = start + len(one.text.strip())
        return [
            Match("disease", entry.term, entry.kind, start, end, True, True)
            for entry in self._lexicon.whole(spaced_name(one.key))
            if entry.term.field == "disease" and entry.kind in (Kind.LABEL, Kind.SYNONYM)
        ]

    def _find(self, text: str, route: Route) -> tuple[Match, ...]:
        key = (route.name, text)
        found = self._found.get(key)
        if found is None:
            every = (*self._matcher.find(text, route), *genes_in(self._lexicon, text, route))
            found = tuple(m for m in every if _stands(text, m, route))
            if len(self._found) >= _CACHED_TEXTS:
                self._found.clear()
            self._found[key] = found
        return found

    def _defined(self, one: Text) -> list[tuple[str, Match]]:
        return abbreviations.defined(one.text, self._find(one.text, one.route))

    def _from_mention(self, mention: Mention) -> Annotation:
        match = mention.match
        return Annotation(
            field=match.field,
            curie=match.term.curie,
            label=match.term.label,
            ontology_version=match.term.version,
            text=mention.text[match.start : match.end],
            start=match.start,
            end=match.end,
            source_field=mention.source_field,
            method=self.name,
            confidence=mention.confidence,
            model_version=self._version,
        )

    def _from_value(self, found: Found) -> Annotation:
        value = found.value
        return Annotation(
            field=value.field,
            curie=value.curie,
            label=value.label,
            ontology_version="",
            text=found.at.text[value.start : value.end],
            start=value.start,
            end=value.end,
            source_field=found.at.field,
            method=self.name,
            confidence=value.confidence,
            model_version=self._version,
        )


def _stands(text: str, match: Match, route: Route) -> bool:
    """Whether a mention may count: not denied, and a drug of a long text was given."""
    if match.field in DENIABLE and _denied(text, match):
        return False
    if match.field != "drug" or route.name not in ("description", "any"):
        return True
    return _GIVEN.search(text, max(0, match.start - 80), match.end + 20) is not None


def _denied(text: str, match: Match) -> bool:
    return is_negated(text, match.start, match.end)


def _tier(match: Match, route: str) -> int:
    if match.nested:
        return NESTED
    if match.hinted:
        return HINTED
    return ASIDE if route in ("any", "description") else SAID


def _as_type(lines: Sequence[Mention]) -> Found | None:
    """A named cell line as a sample type, where a key or title names it."""
    told = [m for m in lines if m.tier <= SAID]
    if not told:
        return None
    mention = min(told, key=lambda m: m.tier)
    value = Value("sample_type", "cell line", mention.match.start, mention.match.end, 0.85)
    return Found(value, Text(mention.source_field, mention.text, "", ROUTES["source"]))
