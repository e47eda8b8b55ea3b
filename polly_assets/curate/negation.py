"""What a record denies: negated mentions and statements of health.

Owns the cue words, as data, and two questions: is this mention denied, and does this
text say that the donor or the tissue is healthy? A cue is one alternative in a table.
Keep out: what the mentions mean, and which fields are affected.
"""

from __future__ import annotations

import re
from functools import lru_cache

_BEFORE = re.compile(
    r"(?:\b(?:no|not|non|without|never|lacks?|lacking|exclud\w+|free (?:of|from)|absence of"
    r"|absent|negative for|tested negative for|no (?:known |prior )?(?:history|evidence|signs?)"
    r" (?:of|for)|family history of|history of|rul(?:e|es|ed) out|risk (?:of|for)|at risk"
    r"|suscept\w+ to|predispos\w+ to|neither|nor|un(?:affected|diagnosed) (?:by|with)"
    r"|vaccin\w+ (?:against|for)|protect\w+ (?:against|from)|adjacent to(?: \w+)?|matched"
    r"|resistan\w+ to|screen\w* for|other than|instead of)"
    r"|non)[\s_/-]*(?:(?:the|a|an|any|active|overt|known|clinical|severe|primary|acute)\s+){0,2}$",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"[\s_)(-]*(?:(?:is|was|were|are)?\s*(?:negative\b|neg\b|free\b|excluded\b|ruled out"
    r"|absent\b|unaffected\b|resistant\b|naive\b|vaccin\w+)|[:=]\s*(?:no|none|negative|absent"
    r"|false|0)\b"
    r"|[- _]?(?:adjacent|matched|free)\b|\s*\(-\))",
    re.IGNORECASE,
)
_HEALTHY_PHRASE = re.compile(
    r"\bhealthy\b(?![\s_-]*(?:control[\s_-]+media|lifestyle))"
    r"|\bhealth[\s_-]+(?:controls?|donors?|volunteers?)\b"
    r"|\b(?:adjacent|matched|paired|surrounding|distant)[\s_,-]*(?:\w+[\s_-]+){0,2}?"
    r"(?:normal|non[\s_-]*(?:tumou?r\w*|cancer\w*|malignan\w*|neoplastic))\b"
    r"|\b(?:normal|non[\s_-]*(?:tumou?r\w*|cancer\w*))[\s_,-]*(?:\w+[\s_-]+){0,2}?adjacent\b"
    r"|\b(?:tumou?r|cancer)[\s_-]+adjacent\b|\badjacent[\s_-]+(?:to[\s_-]+)?(?:tumou?r|cancer)\b"
    r"|\badjacent[\s_-]+(?:\w+[\s_-]+)?tissues?\b|\bnormal[\s_-]+appearing\b"
    r"|\bnon[\s_-]*(?:tumou?r\w*|cancer\w*|malignant|neoplastic|lesional|involved|diseased?"
    r"|failing|demented|psychiatric|asthmatics?|ibd|inflamed)\b"
    r"|\buninvolved\b|\bunaffected\b|\bdisease[\s_-]*free\b|\bno[\s_-]+(?:known[\s_-]+)?"
    r"(?:disease|diagnosis|tumou?r|cancer|pathology|abnormalit\w+)\b"
    r"|\b(?:normal|control)s?[\s_-]+(?:human[\s_-]+|adult[\s_-]+|fetal[\s_-]+|whole[\s_-]+)?"
    r"(?:\w+[\s_-]+)?(?:tissues?|donors?|subjects?|volunteers?|individuals?|controls?|patients?"
    r"|persons?"
    r"|people|participants?|child(?:ren)?|wom[ae]n|m[ae]n|males?|females?|samples?|biops(?:y|ies)"
    r"|mucosa|skin|brain|liver|lung|kidney|breast|colon|prostate|muscle|cartilage|epithel\w+)\b"
    r"|\bhealthy(?:control|donor)",
    re.IGNORECASE,
)
_NOT_HEALTHY = re.compile(
    r"\bnormal[\s_-]+(?:karyotype|cytogenetic\w*|like|weight|diet|human[\s_-]+serum|medium"
    r"|range)\b",
    re.IGNORECASE,
)
_HEALTHY_VALUE = re.compile(
    r"(?:none(?: reported)?|no|normal|healthy|health|control|controls|ctrl|ctl|cntl|hc|hv|nc|con"
    r"|unaffected"
    r"|negative|non|no disease|not applicable|disease[- ]free|uninfected|non[- ]?infected|mock"
    r"|asymptomatic|well|nd|non[- ]?diabetic|uninvolved|wild[- ]?type|wt|naive|sham|absent)"
    r"(?:[\s_,/:;()-]+(?:healthy|control|controls|ctrl|normal|donor|donors|subject|subjects"
    r"|individual"
    r"|volunteer|volunteers|patient|patients|person|group|tissue|sample|samples|adult|adults"
    r"|case|cases"
    r"|infection|infected|uninfected|mock|no disease|none|child|children|elderly|young|old|aged|hc"
    r"|human|male|female|non[\s-]?\w+|\d+|[a-z]))*",
    re.IGNORECASE,
)
_UNSTATED = re.compile(
    r"(?:n\.?/?a\.?|na|nan|nil|null|unknown|unk|not (?:available|known|determined|recorded"
    r"|reported|collected|"
    r"provided|stated|done)|missing|n\.?d\.?|\?+|-+|\.+|)",
    re.IGNORECASE,
)


@lru_cache(maxsize=1 << 15)
def _last_clause(text: str) -> str:
    return re.split(r"[.;|\n]|\bbut\b", text)[-1]


def is_negated(text: str, start: int, end: int) -> bool:
    """Whether the mention `text[start:end]` is denied by the words around it."""
    before = _last_clause(text[max(0, start - 48) : start])
    if _BEFORE.search(before):
        return True
    return _AFTER.match(text, end) is not None


@lru_cache(maxsize=1 << 15)
def says_healthy(text: str) -> bool:
    """Whether free text says that its donor or tissue is healthy, normal or uninvolved."""
    if not _HEALTHY_PHRASE.search(text):
        return False
    return _HEALTHY_PHRASE.search(_NOT_HEALTHY.sub(" ", text)) is not None


_CONTROL_WORD = re.compile(
    r"(?<![A-Za-z0-9])(?:controls?\d*|ctrls?\d*|ctl\d*|normals?|wt|wild[\s_-]?type|nl|hc\d*"
    r"|non(?=[A-Z]{2}))"
    r"(?![A-Za-z0-9])(?![\s_-]*(?:si|sh|sg)rna|[\s_-]*(?:treat|transfect|transduc|infect|vector"
    r"|virus"
    r"|karyotype|cytogen|media|medium|cells?\b))(?<!mal control)",
    re.IGNORECASE,
)


@lru_cache(maxsize=1 << 15)
def calls_control(text: str) -> bool:
    """Whether a title or source calls its sample a control or normal, in whatever sense.

    Weaker than `says_healthy`: enough to distrust a disease that only running text names.
    """
    return _CONTROL_WORD.search(text) is not None


@lru_cache(maxsize=1 << 15)
def is_healthy_value(value: str) -> bool:
    """Whether a value, under a key that asks for disease, means that there is none."""
    return _HEALTHY_VALUE.fullmatch(value.strip()) is not None


@lru_cache(maxsize=1 << 15)
def is_unstated(value: str) -> bool:
    """Whether a value only says that nothing is known (`NA`, `unknown`, `--`)."""
    return _UNSTATED.fullmatch(value.strip()) is not None
