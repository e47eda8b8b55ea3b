"""MINiML as XML: the children of its root element, one at a time.

Owns safe parsing: expat alone, no document type (so neither entities of the file's own nor
files elsewhere), bounded depth. An element is given out when it ends and then forgotten.
Keep out: what the elements mean (`miniml_entities`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from polly_assets.ingest.formats.geo.entities import WEB_PAGE
from polly_assets.ingest.formats.geo.stream import GeoStream, fault
from polly_resources.errors import BadInput

ROOT = "MINiML"
LINE = " line"
"""An attribute, of a name that XML does not allow: the line where internal data begin."""

MAX_CHILD_BYTES = 1024**3
"""What one sample, platform or series may fill, its table included."""

MAX_CHILDREN = 1_000_000
"""Samples, platforms, series and people of a file."""

_DEEPEST = 32
_STEP = 1 << 20


@dataclass(frozen=True, slots=True)
class Child:
    """A child of the root, and the line of the file where it begins."""

    element: Element
    line: int


def children(stream: GeoStream) -> Iterator[Child]:
    """The children of the root, in order, with tags as the file writes them less their prefix.

    Raises BadInput `not_miniml`, `xml_document_type` or `bad_xml`.
    """
    parsing = _Parsing(stream.name)
    for piece in stream.pieces(_nowhere):
        for position in range(0, len(piece.data), _STEP):
            yield from parsing.feed(piece.data[position : position + _STEP])
    yield from parsing.feed(b"", last=True)


def _nowhere(data: bytes, start: int) -> int:
    return -1


class _Parsing:
    """The state of one parse: where in the tree it stands, and which children are whole."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._depth = 0
        self._line = 1
        self._room = MAX_CHILD_BYTES
        self._children = 0
        self._builder = TreeBuilder()
        self._whole: list[Child] = []
        # The text is UTF-8 by now, whatever its declaration says.
        self._expat = expat.ParserCreate("utf-8", " ")
        self._expat.buffer_text = True
        self._expat.StartElementHandler = self._begin
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._characters
        self._expat.StartDoctypeDeclHandler = self._refuse

    def feed(self, data: bytes, last: bool = False) -> list[Child]:
        """The children that end in these bytes."""
        try:
            self._expat.Parse(data, last)
        except expat.ExpatError as error:
            raise self._fault(
                "bad_xml",
                f"no well-formed XML: {expat.ErrorString(error.code)}",
                "the file was cut short or edited: download it again",
                line=error.lineno,
                column=error.offset + 1,
            ) from None
        whole, self._whole = self._whole, []
        return whole

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(" ")[2]
        if self._depth == 0 and tag != ROOT:
            raise self._fault(
                "not_miniml",
                f"found <{tag[:60]}> as the outermost element, expected <{ROOT}>",
                WEB_PAGE
                if tag.lower() == "html"
                else "of XML files, those of GEO in MINiML are read",
            )
        if self._depth >= _DEEPEST:
            raise self._fault(
                "bad_xml", f"elements are more than {_DEEPEST} deep", "MINiML has 6 levels"
            )
        self._take(512)
        if self._depth == 1:
            self._room, self._children = MAX_CHILD_BYTES, self._children + 1
            self._builder = TreeBuilder()
            self._line = self._expat.CurrentLineNumber
        if self._depth:
            self._builder.start(tag, attributes)
            if tag == "Internal-Data":
                attributes[LINE] = str(self._expat.CurrentLineNumber)
        self._depth += 1

    def _characters(self, text: str) -> None:
        if self._depth > 1:
            self._take(len(text))
            self._builder.data(text)

    def _take(self, size: int) -> None:
        """Raises BadInput where an element of the root, or their number, would fill the memory."""
        self._room -= size
        if self._room < 0 or self._children > MAX_CHILDREN:
            raise self._fault(
                "section_too_long",
                f"found an element of more than {MAX_CHILD_BYTES} bytes, at 512 for each inside "
                f"it, or more than {MAX_CHILDREN} of them",
                "check that the file is what its name says",
            )

    def _end(self, name: str) -> None:
        self._depth -= 1
        if self._depth:
            self._builder.end(name.rpartition(" ")[2])
        if self._depth == 1:
            self._whole.append(Child(self._builder.close(), self._line))

    def _refuse(self, name: str, *_: object) -> NoReturn:
        if name.lower() == "html":
            raise self._fault("not_miniml", f"found a page of HTML, expected <{ROOT}>", WEB_PAGE)
        raise self._fault(
            "xml_document_type",
            f"found a document type <!DOCTYPE {name[:60]}>, expected none",
            "MINiML has none: it could make the reader open other files; delete that line",
        )

    def _fault(
        self, code: str, message: str, hint: str, *, line: int = 0, column: int = 0
    ) -> BadInput:
        line = line or self._expat.CurrentLineNumber
        column = column or self._expat.CurrentColumnNumber + 1
        return fault(code, message, line, file=self._file, column=column, hint=hint)
