"""The grammar of SOFT: a file is a run of entities, an entity is attributes and a table.

Owns the way from the lines of a SOFT file to its `^SAMPLE`, `^PLATFORM`, ... entities, one at a
time. A fault in one entity stays with it, so that the datasets without that entity can still be
read. Add here what the SOFT grammar gains. Keep out: datasets, and what attributes mean.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

from polly_assets.ingest.formats.geo.stream import GeoStream, GeoText, at_mark, fault
from polly_assets.ingest.formats.geo.table import Table, table_of
from polly_assets.ingest.formats.geo.values import Column
from polly_resources.errors import BadInput

KINDS = ("DATABASE", "SERIES", "PLATFORM", "SAMPLE", "DATASET", "SUBSET")

MAX_ATTRIBUTE_BYTES = 64 * 1024**2
"""What the lines of one entity may have, its table apart."""

MAX_METADATA_BYTES = 1024**3
"""What the attributes of a file may fill, at 4 KiB an entity and 64 bytes a value beside text."""

_KNOWN = re.compile(rb"^\^(?:" + "|".join(KINDS).encode() + rb")[ \t]*=", re.I | re.M)
_ENTITY = re.compile(rb"^\^([A-Za-z]\w*)[ \t]*=(.*)", re.M)
_TABLE_BEGIN = re.compile(rb"^!\w+_table_begin[ \t]*$", re.I | re.M)
_MARK = re.compile(_ENTITY.pattern + rb"|" + _TABLE_BEGIN.pattern, re.I | re.M)
_TABLE_END = re.compile(rb"!\w+_table_end[ \t]*\n?", re.I)
WEB_PAGE = "this may be the page by which a server tells of an error: download the file again"
_ROWS = re.compile(r"!\w+_table_end\s*$|(ID_REF|ID|TAG)\t", re.I)
"""Lines that show that a table began without the line that opens it."""
_MISSING_HEADER = "an entity begins with a line such as `^SAMPLE = GSM1`; add the one that is lost"


@dataclass(frozen=True, slots=True)
class Loaded:
    """The table of a sample, once its values were put away.

    `others` are its columns beside id and value; `column` is None where it has no value column.
    `repeats` counts rows left out for their id, `errors` cells that a spreadsheet failed in.
    """

    rows: int
    others: tuple[str, ...] = ()
    column: Column | None = None
    repeats: int = 0
    errors: int = 0


@dataclass(slots=True)
class Entity:
    """One `^KIND = name` with its attributes (keys without `!Kind_`), columns and table.

    `columns` maps a table column to its `#` description; `line` is where it begins in the file;
    `fault` is why it cannot be used; `loaded` is what became of a sample's table.
    """

    kind: str
    name: str
    line: int = 1
    attributes: dict[str, list[str]] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    table: Table | None = None
    fault: BadInput | None = None
    loaded: Loaded | None = None

    def values(self, key: str) -> list[str]:
        """The values of an attribute that say anything."""
        return [value for value in self.attributes.get(key, ()) if value]

    def first(self, key: str) -> str:
        """The first value of an attribute; empty where there is none."""
        return next(iter(self.values(key)), "")


def entities(stream: GeoStream) -> Iterator[Entity]:
    """The entities of a SOFT file, in order, those of unknown kinds included.

    Raises BadInput `not_geo` or `missing_entity` where the file has content before its first
    entity, `metadata_too_large`, and what the stream raises.
    """
    lost = stream.section(_at_entity)
    if lost.data.lstrip().startswith(b"<"):
        raise lost.fault("not_geo", "found markup, expected SOFT", 1, hint=WEB_PAGE)
    if lost.data.startswith(b"^Annotation"):
        raise lost.fault(
            "no_samples",
            "found the annotation of a platform, expected a SAMPLE",
            1,
            hint="upload the series family (GSEnnn_family.soft.gz); it has its platforms",
        )
    if lost.data.strip() or stream.ended():
        message = "found lines before the first `^ENTITY = name` line"
        if not lost.data.strip():
            message = "found blank lines only, expected a line such as `^SERIES = GSE1`"
        raise lost.fault("missing_entity", message, 1, hint=_MISSING_HEADER)
    room = MAX_METADATA_BYTES
    while not stream.ended():
        entity = _entity(stream)
        room -= _weight(entity)
        if room < 0:
            raise fault(
                "metadata_too_large",
                f"attributes up to {entity.kind} {entity.name[:60]} fill more than "
                f"{MAX_METADATA_BYTES} bytes",
                entity.line,
                file=stream.name,
                hint="check that the file is what its name says, or split it",
            )
        yield entity


def _weight(entity: Entity) -> int:
    """About the memory that an entity takes without its table."""
    values = [value for texts in entity.attributes.values() for value in texts]
    values += entity.columns.values()
    return 4096 + 64 * len(values) + sum(map(len, values))


def _at_entity(data: bytes, start: int) -> int:
    """The next line that opens an entity, `start` included."""
    while start >= 0:
        if data.startswith(b"^", start) and _ENTITY.match(data, start):
            return start
        start = data.find(b"\n^", start) + 1 or -1
    return -1


def _at_entity_or_table(data: bytes, start: int) -> int:
    found = _MARK.search(data, start)
    return found.start() if found else -1


def _entity(stream: GeoStream) -> Entity:
    opening = stream.next_line()
    found = cast(re.Match[bytes], _ENTITY.match(opening.data))
    name = found.group(2).decode().strip()
    entity = Entity(found.group(1).decode().upper(), name, opening.first_line)
    block = stream.section(_at_entity_or_table, MAX_ATTRIBUTE_BYTES)
    try:
        _attributes(entity, block)
    except BadInput as error:
        entity.fault = error
    if stream.next_begins(b"!"):
        stream.next_line()
        try:
            _bound_table(entity, stream)
        except BadInput as error:
            entity.fault = entity.fault or error
    return entity


def _bound_table(entity: Entity, stream: GeoStream) -> None:
    """Gives the entity its table. Raises BadInput with the stream at the next entity."""
    text = stream.section(at_mark)
    end = stream.next_line()
    if not _TABLE_END.fullmatch(end.data):
        lines = GeoText(text.data + end.data, text.name, text.first_line)
        found = _KNOWN.search(lines.data)
        cut = found.start() if found else len(lines.data)
        stream.give_back(lines.data[cut:])
        if not found:
            stream.section(_at_entity)
        raise lines.fault(
            "truncated_table",
            f"the table of {entity.name} has no end line before the next entity or the file's end",
            lines.line_at(max(cut - 1, 0)),
            hint="the file was cut short: download it again",
        )
    entity.table = table_of(text)
    rest = stream.section(_at_entity)
    if rest.data.strip():
        raise rest.fault(
            "missing_entity",
            f"found lines between the table of {entity.name} and the next `^ENTITY = name` line",
            rest.first_line,
            hint=_MISSING_HEADER,
        )


def _unopened(entity: Entity, block: GeoText, line: int) -> BadInput:
    begin = f"!{entity.kind.lower()}_table_begin"
    return block.fault(
        "no_table_begin",
        f"found lines of a table of {entity.name} without the line `{begin}` before them",
        line,
        hint=f"add `{begin}` before the line with the names of columns, or download the file again",
    )


def _attributes(entity: Entity, block: GeoText) -> None:
    """Reads `!Kind_key = value` and `#column = description`; other lines continue a value."""
    if entity.kind not in KINDS:
        return
    columns: dict[str, list[list[str]]] = {}
    attributes: dict[str, list[list[str]]] = {}
    try:
        _read_lines(entity, block, attributes, columns)
    finally:  # what comes before a fault may say of which dataset the entity is
        entity.attributes = {
            name: ["\n".join(lines).strip() for lines in texts]
            for name, texts in attributes.items()
        }
        entity.columns = {
            name: " ".join(filter(None, ("\n".join(lines).strip() for lines in texts)))
            for name, texts in columns.items()
        }
    if len(set(entity.values("geo_accession"))) > 1:
        found = ", ".join(entity.values("geo_accession")[:3])
        raise block.fault(
            "missing_entity",
            f"^{entity.kind} = {entity.name} has several accessions: {found}",
            entity.line,
            hint=_MISSING_HEADER,
        )


def _read_lines(
    entity: Entity,
    block: GeoText,
    attributes: dict[str, list[list[str]]],
    columns: dict[str, list[list[str]]],
) -> None:
    """The lines of each value by key. Raises BadInput with what was read before the fault."""
    prefix = f"!{entity.kind}_".lower()
    last: list[str] | None = None
    for number, ended in enumerate(io.StringIO(block.data.decode()), block.first_line):
        line = ended.removesuffix("\n")
        if _ROWS.match(line):
            raise _unopened(entity, block, number)
        mark, equals, value = line.partition("=")
        if line.startswith("#") and equals:
            last = [value.strip()]
            columns.setdefault(mark[1:].strip(), []).append(last)
        elif mark.lower().startswith(prefix):
            last = [value.strip()]
            attributes.setdefault(mark[len(prefix) :].strip(), []).append(last)
        elif line.startswith("!"):
            raise block.fault(
                "missing_entity",
                f"found `{mark.strip()[:60]}` among the lines of ^{entity.kind} = {entity.name}",
                number,
                hint=_MISSING_HEADER,
            )
        elif line.strip() and last is None:
            raise block.fault(
                "unexpected_line",
                f"found {line.strip()[:40]!r} after ^{entity.kind} = {entity.name}",
                number,
                hint=f"a line such as `{prefix}title = ...` is expected here",
            )
        elif line.strip() and last is not None:
            last.append(line.strip())
