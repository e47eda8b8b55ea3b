"""The grammar of SOFT: a file is a run of entities, an entity is attributes and a table.

Owns the way from the bytes of a SOFT file to its `^SAMPLE`, `^PLATFORM`, ... entities. A fault
in one entity stays with it, so that the datasets without that entity can still be read.
Add here what the SOFT grammar gains. Keep out: datasets, and what attributes mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

from polly_assets.ingest.formats.geo_table import GeoText, Table, table_end
from polly_resources.errors import BadInput

_ENTITY = re.compile(rb"\^(DATABASE|SERIES|PLATFORM|SAMPLE|DATASET|SUBSET)[ \t]*=(.*)", re.I)
_TABLE_BEGIN = re.compile(rb"^!\w+_table_begin[ \t]*(?:\n|\Z)", re.I | re.M)
_MISSING_HEADER = "an entity begins with a line such as `^SAMPLE = GSM1`; add the one that is lost"


@dataclass(slots=True)
class Entity:
    """One `^KIND = name` with its attributes (keys without `!Kind_`), columns and table.

    `columns` maps a table column to its `#` description; `start` is its offset in the file;
    `fault` is why it cannot be used.
    """

    kind: str
    name: str
    start: int = 0
    attributes: dict[str, list[str]] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    table: Table | None = None
    fault: BadInput | None = None

    def values(self, key: str) -> list[str]:
        """The values of an attribute that say anything."""
        return [value for value in self.attributes.get(key, ()) if value]

    def first(self, key: str) -> str:
        """The first value of an attribute; empty where there is none."""
        return next(iter(self.values(key)), "")


def entities(text: GeoText) -> Iterator[Entity]:
    """The entities of a SOFT file, in order.

    Raises BadInput `missing_entity` where the file has content before its first entity.
    """
    data, position = text.data, _next_entity(text.data, 0, len(text.data))
    if data[:position].strip() or position == len(data):
        raise text.fault(
            "missing_entity",
            "found lines before the first `^ENTITY = name` line",
            1,
            hint=_MISSING_HEADER,
        )
    begin = _TABLE_BEGIN.search(data)
    while position < len(data):
        if begin and begin.start() < position:
            begin = _TABLE_BEGIN.search(data, position)
        end = _next_entity(data, position + 1, begin.start() if begin else len(data))
        table = begin if begin and end == begin.start() else None
        entity = _entity(data, position)
        try:
            _attributes(entity, text, data[position:end])
            end = _bound_table(entity, text, table.end()) if table else end
        except BadInput as error:
            entity.fault = error
            end = _next_entity(data, end, len(data))
        position = end
        yield entity


def _next_entity(data: bytes, start: int, end: int) -> int:
    """Where the next entity begins, `start` included; `end` where there is none before it."""
    while start < end:
        if data.startswith(b"^", start) and _ENTITY.match(data, start):
            return start
        start = data.find(b"\n^", start, end) + 1 or end
    return end


def _entity(data: bytes, start: int) -> Entity:
    found = cast(re.Match[bytes], _ENTITY.match(data, start))
    return Entity(found.group(1).decode().upper(), found.group(2).decode().strip(), start)


def _bound_table(entity: Entity, text: GeoText, start: int) -> int:
    """Gives the entity its table; where the next entity begins."""
    data = text.data
    stop = table_end(data, start)
    if stop is None:
        end = _next_entity(data, start, len(data))
        raise text.fault(
            "truncated_table",
            f"the table of {entity.name} has no end line before the next entity or the file's end",
            text.line_at(end - 1),
            hint="the file was cut short: download it again",
        )
    end = _next_entity(data, stop[1], len(data))
    if data[stop[1] : end].strip():
        raise text.fault(
            "missing_entity",
            f"found lines between the table of {entity.name} and the next `^ENTITY = name` line",
            text.line_at(stop[1]),
            hint=_MISSING_HEADER,
        )
    entity.table = Table(text, start, stop[0])
    return end


def _attributes(entity: Entity, text: GeoText, block: bytes) -> None:
    """Reads `!Kind_key = value` and `#column = description`; other lines continue a value."""
    prefix = f"!{entity.kind}_".lower()
    columns: dict[str, list[str]] = {}
    last: list[str] | None = None
    for number, line in enumerate(block.decode().split("\n")[1:], 1):
        mark, equals, value = line.partition("=")
        if line.startswith("#") and equals:
            last = columns.setdefault(mark[1:].strip(), [])
            last.append(value.strip())
        elif mark.lower().startswith(prefix):
            last = entity.attributes.setdefault(mark[len(prefix) :].strip(), [])
            last.append(value.strip())
        elif line.startswith("!"):
            raise text.fault(
                "missing_entity",
                f"found `{mark.strip()[:60]}` among the lines of ^{entity.kind} = {entity.name}",
                text.line_at(entity.start) + number,
                hint=_MISSING_HEADER,
            )
        elif line.strip() and last is not None:
            last[-1] = f"{last[-1]}\n{line.strip()}".strip()
    entity.columns = {name: " ".join(filter(None, texts)) for name, texts in columns.items()}
    if len(set(entity.values("geo_accession"))) > 1:
        found = ", ".join(entity.values("geo_accession")[:3])
        raise text.fault(
            "missing_entity",
            f"^{entity.kind} = {entity.name} has several accessions: {found}",
            text.line_at(entity.start),
            hint=_MISSING_HEADER,
        )
