"""Trino over an object store, and Delta tables to ask it about."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
import sqlglot
from deltalake import DeltaTable, write_deltalake
from sqlglot import exp

from polly_resources.query.base import Relation, Statement
from polly_resources.query.trino import TrinoEngine
from polly_resources.tables.base import TableFiles
from tests.servers.base import AWS, HOST
from tests.servers.pool import Pool
from tests.servers.s3 import S3Server
from tests.servers.trino import USER, Trino
from tests.servers.versitygw import VersityGW


@dataclass(frozen=True)
class Lake:
    """A bucket for Delta tables, and the Trino server that reads it."""

    s3: S3Server
    trino: Trino
    bucket: str

    @property
    def address(self) -> str:
        """The engine's address."""
        return f"trino://{USER}@{HOST}:{self.trino.port}/lake?seconds=60"

    def write(self, parts: list[pa.Table], schema: pa.Schema, name: str = "") -> Relation:
        """A new table, one commit per part; columns of any part are the table's."""
        table = name or f"n{uuid.uuid4().hex}/t"
        location = f"s3://{self.bucket}/{table}"
        for part in parts:
            write_deltalake(
                location,
                part,
                mode="append",
                schema_mode="merge",
                partition_by=["shard"] if "shard" in part.column_names else None,
                storage_options=self.options,
            )
        return self.pinned(table, schema)

    def pinned(self, table: str, schema: pa.Schema, version: int | None = None) -> Relation:
        """A stored table at a version; the newest where none is given."""
        location = f"s3://{self.bucket}/{table}"
        now = DeltaTable(location, version=version, storage_options=self.options)
        rows = sum(pa.table(now.get_add_actions())["num_records"].to_pylist())
        files = TableFiles(table, now.version(), tuple(now.file_uris()), rows, location)
        return Relation(schema, files=files)

    def lose(self, relation: Relation) -> None:
        """Remove the data files of a table, as a vacuum does."""
        assert relation.files is not None
        for address in relation.files.files:
            key = address.removeprefix(f"s3://{self.bucket}/")
            self.s3.client().delete_object(Bucket=self.bucket, Key=key)

    @property
    def options(self) -> dict[str, str]:
        """What the Delta library needs to find the bucket."""
        return {
            **AWS,
            "AWS_ENDPOINT_URL": self.s3.endpoint,
            "AWS_REGION": AWS["AWS_DEFAULT_REGION"],
            "AWS_ALLOW_HTTP": "true",
        }


def statement(sql: str, **relations: Relation) -> Statement:
    """A statement over relations by name."""
    tree = sqlglot.parse_one(sql, read="trino")
    assert isinstance(tree, exp.Query)
    return Statement(tree, relations)


@pytest.fixture(scope="session")
def lake(servers: Pool) -> Lake:
    """One Trino server over one bucket for all tests of this folder."""
    s3 = servers.get(VersityGW)
    s3.make_bucket("lake")

    class LakeTrino(Trino):
        def __init__(self, data: Path) -> None:
            super().__init__(data, s3.endpoint)

    return Lake(s3, servers.get(LakeTrino), "lake")


@pytest.fixture(scope="session")
def trino(lake: Lake) -> TrinoEngine:
    """An engine at that server."""
    return TrinoEngine(lake.address)
