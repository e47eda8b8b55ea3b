"""The registry of atlases, and the shards that split them.

Owns names, creation and listing. Keep out: what an atlas contains.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from polly_assets.schema import ATLASES
from polly_resources.errors import BadInput, Conflict, NotFound
from polly_resources.tables.base import TableStore

TABLE = "platform/atlases"
MAX_SHARDS = 256
RESERVED = frozenset({"data_matrices", "information_schema", "ontology", "platform"})
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class Atlas:
    """One atlas as registered; `shards` never changes after creation."""

    name: str
    description: str
    shards: int
    created_at: datetime

    def shard_of(self, dataset_id: str) -> int:
        """The shard that holds a dataset, the same on every machine."""
        digest = hashlib.blake2b(dataset_id.encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.shards

    def partitions(self) -> list[str]:
        """The names of its shards, as partition keys."""
        return [partition_key(self.name, shard) for shard in range(self.shards)]


def partition_key(atlas: str, shard: int) -> str:
    """The partition that an atlas's shard is, such as `demo/00`."""
    return f"{atlas}/{shard:02d}"


def parse_partition_key(key: str) -> tuple[str, int]:
    """Atlas name and shard of a partition key."""
    atlas, _, shard = key.rpartition("/")
    return atlas, int(shard)


def create(tables: TableStore, name: str, description: str = "", shards: int = 1) -> Atlas:
    """Register a new atlas. Raises BadInput for a bad name or size, Conflict if it exists."""
    if not _NAME.fullmatch(name) or name in RESERVED:
        raise BadInput(
            "bad_atlas_name",
            f"{name!r} cannot name an atlas",
            hint="use a lower-case letter, then letters, digits or _ (at most 63); "
            f"not {', '.join(sorted(RESERVED))}",
        )
    if not 1 <= shards <= MAX_SHARDS:
        raise BadInput("bad_shards", f"{shards} shards; expected 1 to {MAX_SHARDS}")
    if any(atlas.name == name for atlas in listed(tables)):
        raise Conflict("atlas_exists", f"atlas {name} exists already")
    atlas = Atlas(name, description, shards, datetime.now(UTC))
    row = {
        "atlas": [name],
        "description": [description],
        "shards": [shards],
        "created_at": pa.array([atlas.created_at], pa.timestamp("us", tz="UTC")),
    }
    tables.write(TABLE, ATLASES, pa.table(row), replace=[name])
    return get(tables, name)


def listed(tables: TableStore) -> Sequence[Atlas]:
    """All atlases, by name. Of one that two processes created at once, the first counts."""
    if tables.version(TABLE) is None:
        return []
    rows = sorted(tables.read(TABLE).to_pylist(), key=lambda r: (r["created_at"], r["shards"]))
    atlases: dict[str, Atlas] = {}
    for r in rows:
        atlas = Atlas(r["atlas"], r["description"] or "", r["shards"], r["created_at"])
        atlases.setdefault(atlas.name, atlas)
    return sorted(atlases.values(), key=lambda atlas: atlas.name)


def get(tables: TableStore, name: str) -> Atlas:
    """The atlas of that name. Raises NotFound with the names there are."""
    atlases = listed(tables)
    for atlas in atlases:
        if atlas.name == name:
            return atlas
    known = ", ".join(atlas.name for atlas in atlases) or "none yet"
    raise NotFound("unknown_atlas", f"atlas {name!r} does not exist", hint=f"atlases: {known}")


def get_or_create(tables: TableStore, name: str) -> Atlas:
    """The atlas of that name, created with one shard where it does not exist."""
    try:
        return get(tables, name)
    except NotFound:
        try:
            return create(tables, name)
        except Conflict:
            return get(tables, name)
