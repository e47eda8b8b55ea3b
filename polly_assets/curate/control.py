"""Is this sample a control of its study?

Owns the cues, as data, and the reading of the records of one study together: what counts as the
reference follows from what the other samples are. Weights are ordered by hand, from `hint`
to `said`, not fitted; `benchmarks/curation.py` measures them.
Keep out: disease, and everything else that needs the ontologies.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from polly_assets.curate.keys import normal_key, route_of
from polly_assets.curate.models.base import Control, CurationRecord
from polly_assets.curate.negation import is_healthy_value, is_unstated, says_healthy

_B, _E = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"

_CONTROL_CUES = (
    (4.0, r"(?:healthy|normal|negative|vehicle|untreated|mock|placebo|scrambled?|si|sh"
          r"|non[\s_-]?target\w*"
     r"|wild[\s_-]?type|wt|solvent|medium|media|un\w+ed|age[\s_-]matched|saline|dmso|pbs"
     r"|sham)[\s_-]*(?:\w+[\s_-]+)?"
     r"(?:controls?|ctrls?|ctl)"),
    (3.6, r"controls?(?:\d+)?|ctrls?\d*|ctl\d*|cntrl\d*|cntl\d*|contr"),
    (3.4, r"scrambled?|scr|non[\s_-]?target\w*|non[\s_-]?silencing|non[\s_-]?specific si\w*"
          r"|sh?i?(?:nt|nc|scr|scramble|gfp|luc\w*|"
     r"control|con|ctrl|renilla|lacz)|empty[\s_-]?vector|vector(?: only| alone)|ev|mock\w*"
     r"|placebo"),
    (3.2, r"untreated|non[\s_-]?treated|unstimulated|non[\s_-]?stimulated|uninfected"
          r"|non[\s_-]?infected|un(?:exposed|transfected"
     r"|transduced|injured|challenged|induced|irradiated|perturbed|vaccinated|wounded)"
     r"|no[\s_-]treatment|without[\s_-]treatment"
     r"|sham\w*|vehicles?|veh|healthy|unaffected|no[\s_-](?:drug|virus|infection|stimulation"
     r"|dox\w*)|not[\s_-]treated"),
    (2.6, r"wt\d*|wild[\s_-]?types?|wildtype|littermates?|\+/\+|isogenic|dmso|pbs|naive|naïve"
          r"|normal|parental|non[\s_-]?tumou?r\w*"
     r"|non[\s_-]?diabetic|etoh|ethanol|chow|reference|fl/fl|flox/flox|non[\s_-]?transgenic|ntg"),
    (1.4, r"saline|baseline|pre[\s_-]?treatment|before[\s_-]treatment|day[\s_-]*0|d0"
          r"|0[\s_-]*h(?:rs?|ours?|r)?|t0|time[\s_-]*0"
     r"|none|medium|media|lean|0[\s_-]*(?:nm|um|µm|mg|ng|gy)(?:/\w+)?|igg|adjacent"),
)  # fmt: skip
_CHANGED_CUES = (
    (3.9, r"knock[\s_-]?(?:out|down|in)s?|[\w.-]*-/-|\(-/-\)|c?kos?\d*|\w+ko|dko|tko|kd\d*|null"
          r"|mutants?|mut|[\s_]-/\+|\+/-"
     r"|over[\s_-]?express\w*|oe|transgenic|tg|deficient|deficiency|deletion|depleted|depletion"
     r"|haploinsufficien\w+"
     r"|heterozyg\w+|homozyg\w+ mut\w*|si(?!control|ctrl|nc|nt|scr|con|gfp|luc)[A-Z0-9]{2,}\w*"
     r"|knock"),
    (3.5, r"[1-9]\d*(?:\.\d+)?[\s_-]*(?:nm|um|µm|μm|mm|mg|ng|ug|µg|μg|mpk|gy|ppm|iu"
          r"|pg)(?:[\s_/-]*(?:kg|ml|l|mL|day|d))*"
     r"|0\.\d*[1-9]\d*[\s_-]*(?:nm|um|µm|mm|mg|ng|ug|µg|gy)(?:/\w+)*"),
    (3.0, r"infected|treated|stimulated|exposed|induced|irradiated|injured|challenged|inoculated"
          r"|activated|vaccinated|transplanted"
     r"|infection|inhibitor|agonist|antagonist|tumou?rs?|cancers?|carcinomas?|leuk(?:a)?emias?"
     r"|melanomas?|glioblastomas?|lymphomas?"
     r"|adenocarcinomas?|myelomas?|patients?|diseased?|syndrome|lesional|metasta\w+|resistant"
     r"|sirna|shrna|sgrna|lps|tnf\w*|ifn\w*"
     r"|il-?\d+\w*|tgf\w*|dex\w*|estradiol|e2|dox\w*|cisplatin|high[\s_-]fat|hfd|diabetic"
     r"|asthma\w*|post[\s_-]?treatment|obese"),
)  # fmt: skip


def _compile(rows: Sequence[tuple[float, str]]) -> tuple[tuple[float, re.Pattern[str]], ...]:
    return tuple((w, re.compile(rf"{_B}(?:{cues}){_E}", re.IGNORECASE)) for w, cues in rows)


_CONTROL, _CHANGED = _compile(_CONTROL_CUES), _compile(_CHANGED_CUES)
_UNDOES = re.compile(
    rf"{_B}(?:non|un|no|not|without|anti)[\s_-]*(?:treated|stimulated|infected|induced|exposed"
    rf"|activated"
    r"|infection|irradiated|injured|challenged|tumou?r\w*|cancer\w*|diseased?|metasta\w+"
    r"|diabetic|obese"
    rf"|inoculated|vaccinated)|{_B}(?:control|mock|vehicle|dmso|pbs|saline"
    rf"|sham)[\s_-]*(?:treated|infected"
    rf"|stimulated|exposed|induced|injected|transfected)|{_B}(?:control|scrambled?"
    rf"|non[\s_-]?target\w*|negative"
    rf"|nt|nc|luc\w*|gfp)[\s_-]+(?:si|sh|sg)rna{_E}|{_B}(?:si|sh|sg)rna[\s_-]*(?:control|ctrl"
    rf"|scr\w*|nc|nt){_E}",
    re.IGNORECASE,
)
_QUALITY = re.compile(
    r"control[\s_-]+(?:region|probe|material|group a)|quality[\s_-]control|controlled"
    r"|normal[\s_-]karyotype"
    r"|normal[\s_-](?:diet|human serum)|cell[\s_-]cycle[\s_-]control|birth[\s_-]control",
    re.IGNORECASE,
)
_PLAIN = re.compile(
    rf"(?:none|no|control|ctrl|untreated|vehicle.*|dmso.*|pbs.*|saline|mock|media?(?: only"
    rf"| alone)?|0|placebo"
    rf"|wt|wild[\s_-]?type|\+/\+|normal|sham|water|naive|baseline|unstimulated|ethanol|etoh|nil"
    rf"|-)\W*{_E}?",
    re.IGNORECASE,
)


_DENIED_DISEASE = re.compile(
    r"(?:no|without)\s+(?!.*(?:metasta|relaps|recurr|progress|respon|treat|complicat|evidence"
    r"|remission|biops|symptom)).+",
    re.IGNORECASE,
)
"""Under a disease key, `no diabetes` is the reference; `no relapse` is a patient."""

_SILENT = frozenset(("skip", "ontology", "sex", "age", "strain", "organism"))
_CARRIERS = frozenset(("vehicle", "route", "solvent"))
"""Keys that name what carried the compound: they hold for treated samples as well."""


@dataclass(frozen=True, slots=True)
class _Signal:
    """The strongest cue for a control and the strongest against, each from 0 to 5."""

    control: float = 0.0
    changed: float = 0.0


@lru_cache(maxsize=1 << 15)
def _text_signal(text: str) -> _Signal:
    plain = _QUALITY.sub(" ", text)
    undone = _UNDOES.sub(" ", plain)
    control = next((w for w, cue in _CONTROL if cue.search(plain)), 0.0)
    changed = next((w for w, cue in _CHANGED if cue.search(undone)), 0.0)
    return _Signal(control, changed)


@lru_cache(maxsize=1 << 15)
def _keyed_signal(key: str, value: str) -> _Signal:
    route = route_of(key).name
    if is_unstated(value) or route in _SILENT or normal_key(key) in _CARRIERS:
        return _Signal()
    changes = route in ("gene", "treatment")
    if changes and _PLAIN.fullmatch(value.strip()):
        return _Signal(control=4.2)
    denied = route == "disease" and _DENIED_DISEASE.fullmatch(value.strip())
    if denied or (route in ("disease", "group") and is_healthy_value(value)):
        return _Signal(control=4.2)
    found = _text_signal(value)
    if found.control or not (changes or route == "disease"):
        return found
    if route == "disease":
        return found if says_healthy(value) else _Signal(changed=3.6)
    return _Signal(changed=max(found.changed, 3.2))


def _signal(record: CurationRecord) -> _Signal:
    found = [_text_signal(text) for text in (record.title, record.source) if text]
    found += [_keyed_signal(key, value) for key, value in record.characteristics.items()]
    control = max((one.control for one in found), default=0.0)
    changed = max((one.changed for one in found), default=0.0)
    if not control and not changed:
        return _text_signal(record.description[:500])
    return _Signal(control, changed)


def controls_of(study: Sequence[CurationRecord]) -> list[Control]:
    """Whether each record of one study is a control.

    The strongest cue decides. Where cues balance or are weak (`day 0`, `saline`), the contrast
    decides: in a study that has clear controls, the rest are not.
    """
    signals = [_signal(record) for record in study]
    clear = any(s.control - s.changed > 2 for s in signals)
    changed = any(s.changed - s.control > 2 for s in signals)
    return [_decide(signal, clear, changed) for signal in signals]


def _decide(signal: _Signal, has_controls: bool, has_changed: bool) -> Control:
    margin = signal.control - signal.changed
    if not signal.control and not signal.changed:
        return Control(False, 0.6) if has_controls else Control(None, 0.0)
    if signal.control < 2 and not signal.changed:
        weak = not has_controls and has_changed
        return Control(weak, 0.6)
    if margin > 0:
        return Control(True, round(min(0.95, 0.68 + 0.06 * margin), 2))
    return Control(False, round(min(0.97, 0.75 - 0.05 * margin), 2))
