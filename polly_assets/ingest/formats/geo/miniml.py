"""GEO MINiML files: the XML form of a family, with its tables in the file or beside it.

Owns the reader, and how a table finds its entity: in the file (`Internal-Data`), or in a file
beside it (`External-Data`, such as `GSM1-tbl-1.txt`, as GEO packs them). Datasets are those of
the SOFT family of the same series. Rules of its own:

- No table of a sample given: a dataset without matrix; some given and some not: an error.
- A file that names no platform at all, as GEO's brief form, is one dataset `GSE1`.

Keep out: XML (`miniml_xml`), names of attributes (`miniml_entities`), what makes a
dataset (`soft`, `study`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from polly_assets.ingest.formats.base import Source
from polly_assets.ingest.formats.geo import common
from polly_assets.ingest.formats.geo.align import Alignment
from polly_assets.ingest.formats.geo.entities import WEB_PAGE, Entity
from polly_assets.ingest.formats.geo.files import is_table
from polly_assets.ingest.formats.geo.miniml_entities import Converted, DataTable
from polly_assets.ingest.formats.geo.miniml_xml import children
from polly_assets.ingest.formats.geo.reader import Found, GeoReader
from polly_assets.ingest.formats.geo.samples import put_away
from polly_assets.ingest.formats.geo.soft import datasets, idle, studies, unused
from polly_assets.ingest.formats.geo.stream import GeoStream, GeoText, as_utf8, fault
from polly_assets.ingest.formats.geo.table import Table
from polly_assets.ingest.formats.grouping import plain
from polly_assets.ingest.formats.streams.text import read_bytes, utf8_lines
from polly_resources.errors import BadInput
from polly_resources.records import Notice

_ROOT = re.compile(rb"<(?:\w+:)?MINiML[\s>/]")


class MinimlReader(GeoReader):
    """Reads `GSE1_family.xml` and the tables `GSM1-tbl-1.txt` beside it."""

    name = "geo_miniml"
    suffixes = (".xml",)

    def sniff(self, name: str, head: bytes) -> bool:
        """Whether the head opens the element MINiML; by GEO's names for any other content."""
        start = as_utf8(head)
        named = name.removesuffix(".gz").endswith(("_family.xml", ".miniml.xml"))
        return _ROOT.search(start) is not None or (named and not start.startswith(b"^"))

    def read_alone(self, source: Source) -> Found:
        """The datasets of a family, one per series and platform.

        Raises BadInput `bad_xml`, `xml_document_type`, `not_miniml`, `missing_table` or
        `no_samples` for the whole file, and whatever a dataset fails for where it is the
        file's only one.
        """
        stream, converted = GeoStream(source.path, source.name), Converted()
        tables = _Tables(source)
        for child in children(stream):
            converted.add(child)
            while converted.tables:
                tables.give(*converted.tables.pop())
        converted.resolve()
        entities = converted.entities
        notices = (*stream.notices, *tables.notices(converted), *unused(entities))
        found = [*studies(entities, stream, tables.aligned)]
        for study in found:
            study.format = self.name
            study.platform_required = _names_platforms(converted)
        return datasets(found, (*notices, *idle(entities, found)))


def _names_platforms(converted: Converted) -> bool:
    return any(e.kind == "PLATFORM" or e.values("platform_id") for e in converted.entities)


class _Tables:
    """The tables of a file and beside it: each goes to its entity, a sample's values away."""

    def __init__(self, source: Source) -> None:
        self.aligned = Alignment()
        self._source = source
        self._beside = {plain(name): name for name in source.sidecars if is_table(plain(name))}
        self._used: set[str] = set()
        self._lacking: list[tuple[Entity, str]] = []
        self._further: list[str] = []
        self._decoded: list[Notice] = []

    def give(self, entity: Entity, tables: Sequence[DataTable]) -> None:
        """Gives an entity the first of its tables; a fault of a file beside becomes its own."""
        self._further += [f"{entity.name} table {i}" for i in range(2, len(tables) + 1)]
        for table in tables[:1]:
            key = plain(table.file.replace("\\", "/").rpartition("/")[2])
            self._used.add(key)
            if table.file and key not in self._beside:
                self._lacking.append((entity, table.file))
                continue
            try:
                text = self._external(self._beside[key]) if table.file else ""
            except BadInput as error:
                entity.fault = error
                continue
            _give(entity, table, text, self._source.name)
            if entity.kind == "SAMPLE":
                put_away(entity, self.aligned)

    def notices(self, converted: Converted) -> Iterator[Notice]:
        """Notices on tables that are lacking or left over. Raises BadInput `missing_table`."""
        yield from self._decoded
        idle = sorted(self._beside.keys() - self._used)
        left = [self._source.sidecars[self._beside[key]].name for key in idle]
        if further := self._further + left:
            message = f"{len(further)} tables are not used: {common.named(further)}"
            yield Notice("tables_not_used", message)
        if self._lacking:
            _require_all_or_none(converted, self._lacking, self._source.name)
            message = (
                f"the tables of {len(self._lacking)} entities are not beside the file; put them "
                f"there: {common.named([file for _, file in self._lacking])}"
            )
            names = [entity.name for entity, _ in self._lacking]
            yield Notice("tables_not_given", message, common.named(names))

    def _external(self, key: str) -> str:
        path = self._source.sidecars[key]
        data, notices = utf8_lines(read_bytes(path, path.name), path.name)
        self._decoded.extend(notices)
        if data.lstrip().startswith(b"<"):
            message = "found markup, expected the rows of a table"
            raise fault("not_geo", message, 1, file=path.name, hint=WEB_PAGE)
        return data.decode()


def _require_all_or_none(
    converted: Converted, lacking: list[tuple[Entity, str]], file: str
) -> None:
    given = [e.name for e in converted.entities if e.loaded or (e.kind == "SAMPLE" and e.fault)]
    for entity, table in lacking:
        if given and entity.kind == "SAMPLE":
            raise fault(
                "missing_table",
                f"the table {table} of {entity.name} is not beside the file, and those of "
                f"{len(given)} other samples are, such as of {given[0]}",
                entity.line,
                file=file,
                hint="put all files of the family's archive into one folder",
            )


def _give(entity: Entity, table: DataTable, external: str, file: str) -> None:
    """The table under the header that its `Column` elements make."""
    if table.file:
        rows, first, name = external, 1, table.file
    else:
        rows, first, name = table.rows, table.line, file
        if rows.startswith("\n"):
            rows, first = rows[1:], first + 1
        rows = rows.rstrip(" \n") + "\n" if rows.strip() else ""
    if rows and not rows.endswith("\n"):
        rows += "\n"
    entity.table = Table(GeoText(rows.encode(), name, first), table.columns, max(1, first - 1))
