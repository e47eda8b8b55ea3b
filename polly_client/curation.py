"""Curation of a file of records, a few studies at a time.

Owns the batches: a study is sent whole, wherever in the file its records stand, and results are
written in the order of the input. Memory follows the batch, not the file, where the records of a
study stand together. Keep out: curation itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

from polly_api.words import BadInput, NotFound
from polly_client.files import replacing

if TYPE_CHECKING:
    from polly_client.client import Polly

BATCH_RECORDS = 256


@dataclass(frozen=True, slots=True)
class _Line:
    """Where a record stands: its place among the records, and its first byte."""

    index: int
    offset: int


class RecordFile:
    """A file of records, one JSON object a line, checked.

    Raises:
        NotFound: There is no such file.
        BadInput: A line is no record; the place says which.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise NotFound("no_such_file", "no file of this name", file=str(path))
        self._path = path
        self._groups = list(_studies(path))

    def __len__(self) -> int:
        return sum(len(group) for group in self._groups)

    def curate(self, polly: Polly, output: Path, on_done: Callable[[int], None]) -> None:
        """Write each record's curated fields to `output`, a line each, in the input's order.

        Args:
            polly: What curates.
            output: File to write; it appears when all is done.
            on_done: Called with the number of records of each batch.
        """
        waiting: dict[int, str] = {}
        following = 0
        with (
            self._path.open("rb") as source,
            replacing(output) as fresh,
            fresh.open("w", encoding="utf-8", newline="\n") as out,
        ):
            for batch in self._batches():
                results = polly.curate([_read(source, line) for line in batch])
                for line, result in zip(batch, results, strict=True):
                    waiting[line.index] = json.dumps(result, ensure_ascii=False, allow_nan=False)
                while following in waiting:
                    out.write(waiting.pop(following) + "\n")
                    following += 1
                on_done(len(batch))

    def _batches(self) -> Iterator[list[_Line]]:
        batch: list[_Line] = []
        for group in self._groups:
            batch += group
            if len(batch) >= BATCH_RECORDS:
                yield batch
                batch = []
        if batch:
            yield batch


def _studies(path: Path) -> Iterator[list[_Line]]:
    """The lines of each study, in the order of the studies; alone where none is named."""
    groups: dict[Any, list[_Line]] = {}
    offset = index = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                study = _checked(line, path, number).get("study")
                key = ("study", str(study)) if study else ("alone", index)
                groups.setdefault(key, []).append(_Line(index, offset))
                index += 1
            offset += len(line)
    yield from groups.values()


def _checked(line: bytes, path: Path, number: int) -> dict[str, Any]:
    found = "no JSON"
    try:
        record = json.loads(line, parse_constant=_refuse)
        if isinstance(record, dict) and "id" in record:
            return record
        found = "an object without id" if isinstance(record, dict) else "no JSON object"
    except ValueError as error:
        found = f"no JSON ({error})"
    raise BadInput(
        "bad_record",
        f"the line is {found}, expected {{id, study?, title?, source?, characteristics?, "
        "description?}",
        file=str(path),
        place=f"line {number}",
        hint="write one JSON object on each line",
    )


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _read(file: IO[bytes], line: _Line) -> dict[str, Any]:
    file.seek(line.offset)
    record: dict[str, Any] = json.loads(file.readline())
    return record
