"""The records of VCF as columns of `variants`: what a record says once is repeated by Arrow.

Owns the rows that wait to be written, and how many may. A record has a row for each ALT allele
and sample, which share all that is not the sample's. Keep out: what a line means (`record`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from polly_assets.ingest.formats import variants as collected
from polly_assets.ingest.formats.variants import SCHEMA, Variants

RECORD = ("record_index", "variant_id", "chromosome", "position", "ref", "qual", "filters", "info")
"""What a record says of all its rows, in the order of `Columns.record`."""

ALLELE = ("allele_index", "end_position", "alt", "gene", "consequence", "protein_change")
"""What it says of an ALT allele, in the order of `Columns.allele`."""

CALL = ("genotype", "copies", "depth", "alt_depth", "metadata")
"""What it says of an ALT allele in a sample."""

Calls = tuple[Sequence[Any], ...]
"""What a record says of an ALT allele in all samples: a column for each of `CALL`."""


class Columns:
    """Gathers records until there are enough for a piece of `variants`."""

    def __init__(self, samples: Sequence[str]) -> None:
        self.variants = Variants()
        self._width = max(1, len(samples))
        self._samples = pa.array(list(samples) or pa.nulls(1), pa.string())
        self._records: list[tuple[Any, ...]] = []
        self._alleles: list[tuple[Any, ...]] = []
        self._of: list[int] = []
        self._calls: tuple[list[Any], ...] = tuple([] for _ in CALL)
        self._repeated = self._cells = self._widest = self._bytes = 0

    def record(self, values: tuple[Any, ...], repeated: int, cells: int) -> None:
        """Begin a record: its values by `RECORD`.

        Args:
            values: what its rows share.
            repeated: characters of these, which each row has.
            cells: characters of its sample columns, which each allele has.
        """
        self._records.append(values)
        self._repeated, self._cells = repeated, cells

    def allele(self, values: tuple[Any, ...], calls: Calls) -> None:
        """Add an allele of the record: its values by `ALLELE`, and its calls in the samples."""
        if len(self._calls[0]) >= collected.PIECE_ROWS or self._bytes >= collected.PIECE_BYTES:
            record = self._records[-1]
            self.write()
            self._records.append(record)
        alt = len(values[ALLELE.index("alt")] or "")
        self._widest = max(self._widest, self._repeated + alt)
        self._bytes += self._repeated + self._cells + alt
        self._of.append(len(self._records) - 1)
        self._alleles.append(values)
        for column, more in zip(self._calls, calls, strict=True):
            column.extend(more)

    def write(self) -> None:
        """Write what waits, in pieces that are small however much each row repeats."""
        if not (rows := len(self._calls[0])):
            self._records.clear()
            return
        shared = _arrays(RECORD, zip(*self._records, strict=True))
        shared |= _arrays(ALLELE, zip(*self._alleles, strict=True))
        own = _arrays(CALL, self._calls)
        of = np.array(self._of, dtype=np.int64)
        step = max(1, min(collected.PIECE_ROWS, collected.PIECE_BYTES // max(1, self._widest)))
        for start in range(0, rows, step):
            at = np.arange(start, min(start + step, rows))
            alleles, samples = np.divmod(at, self._width)
            columns = {name: shared[name].take(pa.array(of[alleles])) for name in RECORD}
            columns |= {name: shared[name].take(pa.array(alleles)) for name in ALLELE}
            columns |= {name: own[name].slice(start, len(at)) for name in CALL}
            columns["sample_id"] = self._samples.take(pa.array(samples))
            self.variants.extend([columns[name] for name in SCHEMA.names])
        waiting: tuple[list[Any], ...] = (self._records, self._alleles, self._of, *self._calls)
        for column in waiting:
            column.clear()
        self._widest = self._bytes = 0


def _arrays(names: Sequence[str], columns: Iterable[Sequence[Any]]) -> dict[str, pa.Array[Any]]:
    return {
        name: pa.array(column, SCHEMA.field(name).type)
        for name, column in zip(names, columns, strict=True)
    }
