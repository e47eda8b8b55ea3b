"""What a characteristics key promises about its value.

Owns the routes: which fields a key hints at, which others may also be read from its value,
and which keys are not searched. A key pattern is one row of `data/keys.tsv`.
Keep out: reading values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from polly_assets.curate.naming import key_rows

ENTITIES = ("disease", "tissue", "cell_type", "cell_line", "drug", "organism")


@dataclass(frozen=True, slots=True)
class Route:
    """How a value is read. `hinted` fields are expected; `also` fields may be found."""

    name: str
    hinted: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    genes: bool = False


ROUTES: Mapping[str, Route] = {
    route.name: route
    for route in (
        Route("ontology"),
        Route("skip"),
        Route("sex"),
        Route("age"),
        Route("developmental"),
        Route("organism", ("organism",)),
        Route("strain"),
        Route("cell_line", ("cell_line",), ("cell_type", "tissue", "disease")),
        Route("cell_type", ("cell_type",), ("cell_line", "tissue", "disease")),
        Route("sample_type", (), ("tissue", "cell_type", "cell_line", "disease")),
        Route("tissue", ("tissue",), ("cell_type", "cell_line", "disease")),
        Route("disease", ("disease",), ("tissue",)),
        Route("group", ("disease",), ("tissue", "cell_type", "drug")),
        Route("gene", (), ("drug",), True),
        Route("treatment", ("drug",), (), True),
        Route("any", (), ("disease", "tissue", "cell_type", "cell_line", "drug")),
        Route("title", (), ENTITIES, True),
        Route("source", (), ENTITIES, True),
        Route("description", (), ENTITIES, True),
    )
}
"""Every route; the last three are for the record's own texts."""


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(row["pattern"]), row["route"]) for row in key_rows())


def normal_key(key: str) -> str:
    """The key in lower case with separators as single spaces."""
    return " ".join(re.sub(r"[_.\-:()\[\]]+", " ", key.casefold()).split())


@lru_cache(maxsize=1 << 14)
def route_of(key: str) -> Route:
    """The route of a characteristics key; `any` where no pattern knows it."""
    plain = normal_key(key)
    for pattern, name in _patterns():
        if pattern.fullmatch(plain):
            return ROUTES[name]
    return ROUTES["any"]
