"""Delta tables as entries of an AWS Glue catalog, by which Athena finds them.

Athena (engine version 3) reads a Delta table's columns from its log, and of its entry only the
location ("Athena requires only the location property", AWS: Athena user guide, "Query Linux
Foundation Delta Lake tables"). The other parts of an entry are for the rest: Trino and Spark know a
Delta table by `spark.sql.sources.provider` and its place by the SerDe's `path`; people and Lake
Formation look at the columns, which are those that the tables are declared with.
Entries that are there already are left alone unless something in them differs.
Keep out: queries (`athena`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
from botocore import exceptions as botocore
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from polly_resources import aws
from polly_resources.addresses import Address
from polly_resources.errors import Misconfigured
from polly_resources.tables.base import TableFiles

READ_SECONDS = 10.0
ATTEMPTS = 5
"""Glue refuses two changes of one table at the same time; all but one try again."""

_SIMPLE: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_int8, "tinyint"),
    (pa.types.is_int16, "smallint"),
    (pa.types.is_uint8, "smallint"),
    (pa.types.is_int32, "int"),
    (pa.types.is_uint16, "int"),
    (pa.types.is_int64, "bigint"),
    (pa.types.is_uint32, "bigint"),
    (pa.types.is_uint64, "decimal(20,0)"),
    (pa.types.is_float32, "float"),
    (pa.types.is_float64, "double"),
    (pa.types.is_string, "string"),
    (pa.types.is_large_string, "string"),
    (pa.types.is_string_view, "string"),
    (pa.types.is_binary, "binary"),
    (pa.types.is_large_binary, "binary"),
    (pa.types.is_fixed_size_binary, "binary"),
    (pa.types.is_date, "date"),
    (pa.types.is_timestamp, "timestamp"),
)
_PARAMETERS: Mapping[str, str] = {
    "EXTERNAL": "TRUE",
    "classification": "delta",
    "spark.sql.sources.provider": "delta",
    "table_type": "DELTA",
}
_KEPT = ("Description", "Owner", "PartitionKeys", "Retention", "TargetTable")
"""What an update would remove if it were not said again."""

# Spark's own choice for tables that Hive cannot read: formats that nobody reads by mistake.
_INPUT = "org.apache.hadoop.mapred.SequenceFileInputFormat"
_OUTPUT = "org.apache.hadoop.hive.ql.io.HiveSequenceFileOutputFormat"
_SERDE = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"


class GlueCatalog:
    """The entries of one Glue catalog; `prefix` begins the name of each of its databases.

    A table `<namespace>/<table>` is the entry `<table>` of the database `<prefix><namespace>`.
    What this object has published it does not look at again.
    """

    def __init__(self, address: Address, prefix: str = "", *, client: Any = None) -> None:
        self._prefix = prefix.lower()
        self._client = client or aws.client("glue", address, read_seconds=READ_SECONDS)
        self._known: set[TableFiles] = set()
        self._lock = threading.Lock()

    def name_of(self, table: str) -> tuple[str, str]:
        """Database and entry of a table; Glue's names are in lower case."""
        namespace, _, name = table.rpartition("/")
        return f"{self._prefix}{namespace}".lower(), name.lower()

    def publish(self, tables: Sequence[TableFiles]) -> None:
        """Make and correct entries, as far as need be.

        A table without declared columns keeps those that its entry has. Raises Unavailable
        where Glue does not answer, Misconfigured where it refuses or a location is none.
        """
        for table in tables:
            key = TableFiles(table.table, 0, (), 0, table.location, table.schema)
            with self._lock:
                known = key in self._known
            if not known:
                self._enter(table)
                with self._lock:
                    self._known.add(key)

    def forget(self, table: str) -> None:
        """Look at the table's entry again before it is next used: somebody removed it."""
        with self._lock:
            self._known = {known for known in self._known if known.table != table}

    def _enter(self, table: TableFiles) -> None:
        if not table.location.startswith("s3://"):
            raise Misconfigured(
                "tables_not_on_s3",
                f"{table.table} is at {table.location!r}, and a Glue catalog lists tables on S3",
                hint="set POLLY_TABLES to delta+s3://BUCKET/PREFIX",
            )
        database, name = self.name_of(table.table)
        again = Retrying(
            retry=retry_if_exception(_raced),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.1, max=2),
            reraise=True,
        )
        with aws.errors("catalog", f"the Glue catalog ({database}.{name})"):
            again(self._make_or_correct, database, name, table)

    def _make_or_correct(self, database: str, name: str, table: TableFiles) -> None:
        try:
            now = self._client.get_table(DatabaseName=database, Name=name)["Table"]
        except botocore.ClientError as error:
            if aws.code_of(error) != "EntityNotFoundException":
                raise
            self._make(database, _entry(name, table, {}))
            return
        wanted = _entry(name, table, now)
        if any(now.get(key) != value for key, value in wanted.items()):
            version = {"VersionId": now["VersionId"]} if "VersionId" in now else {}
            self._client.update_table(DatabaseName=database, TableInput=wanted, **version)

    def _make(self, database: str, entry: Mapping[str, Any]) -> None:
        """Make an entry, and its database where there is none."""
        try:
            self._client.create_table(DatabaseName=database, TableInput=entry)
        except botocore.ClientError as error:
            if aws.code_of(error) != "EntityNotFoundException":
                raise
            try:
                self._client.create_database(DatabaseInput={"Name": database})
            except botocore.ClientError as also:
                if aws.code_of(also) != "AlreadyExistsException":
                    raise
            self._client.create_table(DatabaseName=database, TableInput=entry)


def type_name(kind: pa.DataType) -> str:
    """Glue's (Hive's) name of the type that a Delta table has for an Arrow type.

    Raises Misconfigured for one that Delta has not.
    """
    for test, name in _SIMPLE:
        if test(kind):
            return name
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_dictionary(kind):
        return type_name(kind.value_type)
    if pa.types.is_map(kind):
        return f"map<{type_name(kind.key_type)},{type_name(kind.item_type)}>"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return f"array<{type_name(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return f"struct<{','.join(f'{field.name}:{type_name(field.type)}' for field in kind)}>"
    raise Misconfigured("unknown_type", f"a Delta table has no type for Arrow's {kind}")


def _entry(name: str, table: TableFiles, now: Mapping[str, Any]) -> dict[str, Any]:
    """The entry as it shall be; what else somebody has put into it stays."""
    storage = dict(now.get("StorageDescriptor", {}))
    serde = dict(storage.get("SerdeInfo", {}))
    apart = {column["Name"] for column in now.get("PartitionKeys", ())}
    columns = {column["Name"]: column for column in storage.get("Columns", ())}
    if table.schema is not None:
        named = {field.name.lower(): type_name(field.type) for field in table.schema}
        columns = {
            name: {**columns.get(name, {}), "Name": name, "Type": kind}
            for name, kind in named.items()
            if name not in apart
        }
    serde.setdefault("SerializationLibrary", _SERDE)
    serde["Parameters"] = {**serde.get("Parameters", {}), "path": table.location}
    return {
        **{key: now[key] for key in _KEPT if key in now},
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {**now.get("Parameters", {}), **_PARAMETERS},
        "StorageDescriptor": {
            "InputFormat": _INPUT,
            "OutputFormat": _OUTPUT,
            **storage,
            "Columns": list(columns.values()),
            "Location": table.location,
            "SerdeInfo": serde,
        },
    }


def _raced(error: BaseException) -> bool:
    """Whether somebody else made or changed the entry meanwhile."""
    return isinstance(error, botocore.ClientError) and aws.code_of(error) in (
        "AlreadyExistsException",
        "ConcurrentModificationException",
        "OperationTimeoutException",
    )
