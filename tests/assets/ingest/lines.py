"""A file format for tests: each line of a `.lines` file is a dataset, or a failure.

`d1 2x3 7.5` is dataset d1 of 2 features x 3 samples, all 7.5; `d1` alone has no matrix;
`d1 !` fails; `!` ends the file as unreadable, `?` by a defect, `~` by a store that is away.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from polly_assets.ingest.formats.base import (
    DenseMatrix,
    FailedDataset,
    ParsedDataset,
    Reader,
    Source,
)
from polly_assets.ingest.formats.registry import ReaderRow
from polly_resources.errors import BadInput, Unavailable

ROW = ReaderRow("lines", "tests.assets.ingest.lines:LinesReader", (".lines",))


class LinesReader(Reader):
    name = "lines"
    suffixes = (".lines",)

    def sniff(self, name: str, head: bytes) -> bool:
        return name.endswith(".lines")

    def read(self, source: Source) -> Iterator[ParsedDataset | FailedDataset]:
        for number, line in enumerate(source.path.read_text().splitlines(), 1):
            first, *rest = line.split()
            if first == "?":
                raise ZeroDivisionError("a defect")
            if first == "~":
                raise Unavailable("away", "the store is away")
            if first == "!" or rest[:1] == ["!"]:
                error = BadInput("odd_line", f"found {line}", place=f"line {number}")
                if first == "!":
                    raise error
                yield FailedDataset(first, error)
            else:
                yield self._dataset(first, rest)

    def _dataset(self, name: str, rest: list[str]) -> ParsedDataset:
        features, samples = map(int, rest[0].split("x")) if rest else (0, 1)
        matrix = [DenseMatrix(np.full((features, samples), float(rest[1])))] if rest else []
        return ParsedDataset(
            dataset_id=name,
            format=self.name,
            metadata={"title": name},
            samples=pl.DataFrame(
                {"sample_id": [f"s{i}" for i in range(samples)]}, schema={"sample_id": pl.String}
            ),
            features=pl.DataFrame(
                {"feature_id": [f"g{i}" for i in range(features)]}, schema={"feature_id": pl.String}
            ),
            matrices=tuple(matrix),
        )
