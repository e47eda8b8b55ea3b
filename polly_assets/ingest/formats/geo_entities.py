"""The grammar of SOFT: a file is a run of entities, an entity is attributes and a table.

Owns the way from the bytes of a SOFT file to its `^SAMPLE`, `^PLATFORM`, ... entities. A fault
in one entity stays with it, so that the datasets without that entity can still be read.
Add here what the SOFT grammar gains. Keep out: datasets, and what attributes mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from polly_assets.ingest.formats.geo_table import GeoText, Table, table_end
from polly_resources.errors import BadInput

_ENTITY = re.compile(rb"\^(DATABASE|SERIES|PLATFORM|SAMPLE|DATASET|SUBSET)[ \t]*=(.*)", re.I)
_TABLE_BEGIN = re.compile(rb"^!\w+_table_begin[ \t]*\n", re.I | re.M)
_MISSING_HEADER = "an entity begins with a line such as `^SAMPLE = GSM1`; add the one that is lost"


@dataclass(slots=True)
class Entity:
    """One `^KIND = name` with its attributes (keys without `!Kind_`), columns and table.

    `columns` maps a table column to its `#` description; `fault` is why it cannot be used.
    """

    kind: str
    name: str
    line: int
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
    starts = list(_starts(text.data))
    if not starts or text.data[: starts[0][0]].strip():
        raise text.fault(
            "missing_entity",
            "found lines before the first `^ENTITY = name` line",
            1,
            hint=_MISSING_HEADER,
        )
    line, counted = 1, 0
    ends = [start for start, _, _ in starts[1:]] + [len(text.data)]
    for (start, kind, name), end in zip(starts, ends, strict=True):
        line, counted = line + text.data.count(b"\n", counted, start), start
        entity = Entity(kind, name, line)
        try:
            _fill(entity, text, start, end)
        except BadInput as error:
            entity.fault = error
        yield entity


def _starts(data: bytes) -> Iterator[tuple[int, str, str]]:
    position = 0 if data.startswith(b"^") else data.find(b"\n^") + 1
    while position or data.startswith(b"^"):
        if match := _ENTITY.match(data, position):
            yield position, match.group(1).decode().upper(), match.group(2).decode().strip()
        found = data.find(b"\n^", position)
        if found < 0:
            return
        position = found + 1


def _fill(entity: Entity, text: GeoText, start: int, end: int) -> None:
    """Reads attributes up to the table, and bounds the table."""
    begin = _TABLE_BEGIN.search(text.data, start, end)
    _attributes(entity, text, text.data[start : begin.start() if begin else end])
    if begin is None:
        return
    stop = table_end(text.data, begin.end() - 1, end)
    if stop is None:
        raise text.fault(
            "truncated_table",
            f"the table of {entity.name} has no end line before the next entity or the file's end",
            text.line_at(end - 1),
            hint="the file was cut short: download it again",
        )
    entity.table = Table(text, begin.end(), stop[0])
    if text.data[stop[1] : end].strip():
        raise text.fault(
            "missing_entity",
            f"found lines between the table of {entity.name} and the next `^ENTITY = name` line",
            text.line_at(stop[1]),
            hint=_MISSING_HEADER,
        )


def _attributes(entity: Entity, text: GeoText, block: bytes) -> None:
    """Reads `!Kind_key = value` and `#column = description`; other lines continue a value."""
    prefix = f"!{entity.kind}_".lower()
    last: list[str] | None = None
    for number, line in enumerate(block.decode().split("\n")[1:], entity.line + 1):
        mark, equals, value = line.partition("=")
        if line.startswith("#") and equals:
            entity.columns[mark[1:].strip()] = value.strip()
        elif mark.lower().startswith(prefix):
            last = entity.attributes.setdefault(mark[len(prefix) :].strip(), [])
            last.append(value.strip())
        elif line.startswith("!"):
            raise text.fault(
                "missing_entity",
                f"found `{mark.strip()[:60]}` among the lines of ^{entity.kind} = {entity.name}",
                number,
                hint=_MISSING_HEADER,
            )
        elif line.strip() and last is not None:
            last[-1] = f"{last[-1]}\n{line.strip()}".strip()
    if len(set(entity.values("geo_accession"))) > 1:
        found = ", ".join(entity.values("geo_accession")[:3])
        raise text.fault(
            "missing_entity",
            f"^{entity.kind} = {entity.name} has several accessions: {found}",
            entity.line,
            hint=_MISSING_HEADER,
        )
