"""What a step of a batch works with: the atlas, the batch, and the stores.

Keep out: anything a step does.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from polly_assets.atlases import Atlas
from polly_resources.jobs.base import JobLedger
from polly_resources.objects.base import ObjectStore
from polly_resources.search.base import SearchIndex
from polly_resources.tables.base import TableSpec, TableStore, Where


@dataclass(frozen=True, slots=True)
class Work:
    """One batch's surroundings, and its atlas's tables by their specification."""

    atlas: Atlas
    batch_id: str
    ledger: JobLedger
    objects: ObjectStore
    tables: TableStore
    search: SearchIndex

    def name(self, spec: TableSpec) -> str:
        """The stored name of an atlas table."""
        return f"{self.atlas.name}/{spec.name}"

    def exists(self, spec: TableSpec) -> bool:
        """Whether the atlas has the table yet."""
        return self.tables.version(self.name(spec)) is not None

    def read(
        self, spec: TableSpec, columns: list[str] | None = None, where: Where | None = None
    ) -> pa.Table:
        """Rows of an atlas table; none where it does not exist yet."""
        if not self.exists(spec):
            schema = spec.schema()
            return schema.empty_table().select(columns or schema.names)
        return self.tables.read(self.name(spec), columns=columns, where=where)

    def replace(self, spec: TableSpec, rows: pa.Table, keys: list[str]) -> None:
        """Replace all rows of these keys."""
        self.tables.write(self.name(spec), spec, rows, replace=keys)
