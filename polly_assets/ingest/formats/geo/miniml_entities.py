"""The elements of a MINiML file as the entities of a SOFT family.

Owns which attribute of SOFT an element is, so that both forms of one series give samples the
same columns. An element without a counterpart is its own name, in lower case with `_`; one
inside another is `outer_inner`. Dates stay as MINiML writes them, and what it has as one text
of several lines stays one.
Keep out: XML (`miniml_xml`), tables (`table`), what makes a dataset (`soft`).

Format: https://www.ncbi.nlm.nih.gov/geo/info/MINiML.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from polly_assets.ingest.formats.geo.entities import Entity
from polly_assets.ingest.formats.geo.miniml_xml import LINE, Child

KINDS = ("Database", "Platform", "Sample", "Series")

_NAMES = {
    "Accession": "geo_accession",
    "Hybridization-Protocol": "hyb_protocol",
    "Organization": "institute",
    "Source": "source_name",
    "Supplementary-Data": "supplementary_file",
    "Zip-Code": "zip/postal_code",
}
_UNNAMED = ("Status", "Address")
"""Elements whose children stand for themselves."""

_REFERENCES = {
    "Contact-Ref": "Contact-Ref",
    "Contributor-Ref": "Contributor-Ref",
    "Platform-Ref": "platform_id",
    "Sample-Ref": "sample_id",
}


@dataclass(slots=True)
class DataTable:
    """A table that an entity has: its columns, and either its rows or the file of them."""

    columns: list[str]
    rows: str = ""
    line: int = 0
    file: str = ""


@dataclass(slots=True)
class Converted:
    """What was read of a file: entities, their tables, and people by `iid`."""

    entities: list[Entity] = field(default_factory=list)
    tables: list[tuple[Entity, list[DataTable]]] = field(default_factory=list)
    people: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    names: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, child: Child) -> None:
        """Takes a child of the root; kinds that GEO may add later are passed over."""
        element = child.element
        iid = element.get("iid", "").strip()
        if element.tag == "Contributor":
            self.people[iid] = _person(element)
        elif element.tag in KINDS:
            name = _text(element.find("Accession")) or iid
            entity = Entity(element.tag.upper(), name, child.line)
            tables: list[DataTable] = []
            for part in element:
                _read(part, entity, tables, "")
            self.entities.append(entity)
            self.tables.append((entity, tables))
            self.names[element.tag.upper(), iid] = name

    def resolve(self) -> None:
        """Puts names in the place of references, which may point forward in the file."""
        for entity in self.entities:
            attributes = entity.attributes
            for key, kind in (("platform_id", "PLATFORM"), ("sample_id", "SAMPLE")):
                if key in attributes:
                    attributes[key] = [self.names.get((kind, r), r) for r in attributes[key]]
            for ref in attributes.pop("Contact-Ref", []):
                for key, values in self.people.get(ref, {}).items():
                    attributes.setdefault(f"contact_{key}", []).extend(values)
            if refs := attributes.pop("Contributor-Ref", []):
                attributes["contributor"] = [self._called(ref) for ref in refs]

    def _called(self, ref: str) -> str:
        person = self.people.get(ref, {})
        return (person.get("name") or person.get("institute") or [ref])[0]


def _read(element: Element, entity: Entity, tables: list[DataTable], suffix: str) -> None:
    """One element of an entity, as the attributes that it stands for."""
    tag = element.tag
    if tag == "Data-Table":
        tables.append(_table(element, entity))
    elif tag == "Channel":
        for part in element:
            _read(part, entity, tables, f"_ch{element.get('position', '1').strip()}")
    elif tag in _UNNAMED:
        for part in element:
            _read(part, entity, tables, suffix)
    elif tag in _REFERENCES:
        _put(entity, _REFERENCES[tag], element.get("ref", ""))
    elif tag == "Relation":
        _put(entity, "relation", f"{element.get('type', '')}: {element.get('target', '')}")
    elif tag == "Characteristics":
        key, text = element.get("tag", "").strip(), _text(element)
        _put(entity, f"characteristics{suffix}", f"{key}: {text}" if key else text)
    elif tag == "Instrument-Model":
        _put(entity, "instrument_model", " ".join(filter(None, map(_text, element))))
    else:
        for name, text in _leaves(element, ""):
            _put(entity, name + suffix, text)
        if tag == "Organism" and element.get("taxid"):
            _put(entity, f"taxid{suffix}", element.get("taxid", ""))


def _put(entity: Entity, key: str, value: str) -> None:
    entity.attributes.setdefault(key, []).append(value.strip())


def _leaves(element: Element, prefix: str) -> list[tuple[str, str]]:
    """The texts in an element: it alone, or each below it under the names of both."""
    name = prefix + _NAMES.get(element.tag, element.tag.lower().replace("-", "_"))
    if not len(element):
        reference = element.get("ref", "")
        return [(name, _text(element) or reference)]
    return [leaf for part in element for leaf in _leaves(part, f"{name}_")]


def _text(element: Element | None) -> str:
    return "" if element is None or element.text is None else element.text.strip()


def _table(element: Element, entity: Entity) -> DataTable:
    """A `Data-Table`: its columns by position, described as `#` lines of SOFT do."""
    found = element.findall("Column")
    places = [c.get("position", "") for c in found]
    if all(place.isdecimal() for place in places):
        found = [c for _, c in sorted(zip(map(int, places), found, strict=True), key=_first)]
    table = DataTable([_text(column.find("Name")) for column in found])
    for column in found:
        entity.columns.setdefault(_text(column.find("Name")), _text(column.find("Description")))
    external, internal = element.find("External-Data"), element.find("Internal-Data")
    data = external if external is not None else internal
    if data is not None and data.get("rows"):
        _put(entity, "data_row_count", data.get("rows", ""))
    if external is not None:
        table.file = _text(external)
    elif internal is not None:
        table.rows, table.line = internal.text or "", int(internal.get(LINE, "1"))
    return table


def _first(pair: tuple[int, Element]) -> int:
    return pair[0]


def _person(element: Element) -> dict[str, list[str]]:
    """What is known of a contributor, under the names that SOFT has after `contact_`."""
    found: dict[str, list[str]] = {}
    for part in element:
        if part.tag == "Person":
            names = (_text(part.find(tag)) for tag in ("First", "Middle", "Last"))
            found["name"] = [",".join(names)]
        elif part.tag == "Address":
            for line in part:
                name = "address" if line.tag == "Line" else _leaves(line, "")[0][0]
                found.setdefault(name, []).append(_text(line))
        else:
            for name, text in _leaves(part, ""):
                found.setdefault(name, []).append(text)
    return found
