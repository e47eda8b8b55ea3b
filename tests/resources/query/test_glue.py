"""Entries of the Glue catalog: on moto's Glue, and as a real Trino understands them."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from trino.dbapi import connect

from polly_assets.schema import ATLAS_TABLES, ATLASES, ONTOLOGY_TERMS
from polly_resources import aws
from polly_resources.addresses import Address
from polly_resources.errors import Misconfigured, PollyError, Unavailable
from polly_resources.query.glue import GlueCatalog, type_name
from polly_resources.tables.base import TableFiles
from tests.servers.base import AWS, HOST
from tests.servers.faulty import Faulty
from tests.servers.moto import Moto
from tests.servers.pool import Pool
from tests.servers.trino import USER, Trino

pytestmark = pytest.mark.servers

SCHEMA = pa.schema(
    [
        pa.field("dataset_id", pa.string(), False),
        pa.field("Tags", pa.list_(pa.field("element", pa.string()))),
        pa.field("at", pa.timestamp("us", tz="UTC")),
        pa.field("shard", pa.int32()),
    ]
)


class GlueTrino(Trino):
    """A Trino whose Delta tables are those of a Glue catalog."""

    name = "trino-glue"

    def command(self) -> Sequence[str | Path]:
        """The shipped catalog `lake`, with Glue for its metastore."""
        command = super().command()
        lake = self.data / "etc" / "catalog" / "lake.properties"
        lines = lake.read_text().splitlines()
        kept = [line for line in lines if not line.startswith("hive.metastore")]
        glue = {
            "hive.metastore": "glue",
            "hive.metastore.glue.endpoint-url": self.s3_endpoint,
            "hive.metastore.glue.region": AWS["AWS_DEFAULT_REGION"],
            "hive.metastore.glue.aws-access-key": AWS["AWS_ACCESS_KEY_ID"],
            "hive.metastore.glue.aws-secret-key": AWS["AWS_SECRET_ACCESS_KEY"],
        }
        lake.write_text("\n".join([*kept, *(f"{k}={v}" for k, v in glue.items())]))
        return command


@pytest.fixture
def moto(servers: Pool) -> Moto:
    return servers.get(Moto)


@pytest.fixture
def address(moto: Moto) -> Address:
    return Address("athena", options={"endpoint": moto.endpoint, "region": "us-east-1"})


@pytest.fixture
def client(address: Address) -> Any:
    return aws.client("glue", address)


@pytest.fixture
def prefix() -> str:
    return f"p{uuid.uuid4().hex[:12]}_"


@pytest.fixture
def catalog(address: Address, prefix: str) -> GlueCatalog:
    return GlueCatalog(address, prefix)


def table(name: str = "geo/datasets", location: str = "s3://lake/geo/datasets") -> TableFiles:
    return TableFiles(name, 3, (f"{location}/a.parquet",), 1, location, SCHEMA)


def entry(client: Any, prefix: str, name: str = "datasets", atlas: str = "geo") -> dict[str, Any]:
    found = client.get_table(DatabaseName=f"{prefix}{atlas}", Name=name)["Table"]
    assert isinstance(found, dict)
    return found


def versions(client: Any, prefix: str) -> int:
    found = client.get_table_versions(DatabaseName=f"{prefix}geo", TableName="datasets")
    return len(found["TableVersions"])


def test_an_entry_says_what_readers_look_for(
    catalog: GlueCatalog, client: Any, prefix: str
) -> None:
    catalog.publish([table(), table("geo/samples", "s3://lake/geo/samples")])
    made = entry(client, prefix)
    assert made["TableType"] == "EXTERNAL_TABLE"
    assert made["Parameters"]["table_type"] == "DELTA"
    assert made["Parameters"]["spark.sql.sources.provider"] == "delta"
    assert made["Parameters"]["classification"] == "delta"
    storage = made["StorageDescriptor"]
    assert storage["Location"] == "s3://lake/geo/datasets"
    assert storage["SerdeInfo"]["Parameters"]["path"] == "s3://lake/geo/datasets"
    assert [(column["Name"], column["Type"]) for column in storage["Columns"]] == [
        ("dataset_id", "string"),
        ("tags", "array<string>"),
        ("at", "timestamp"),
        ("shard", "int"),
    ]
    assert entry(client, prefix, "samples")["Name"] == "samples"


def test_nothing_is_written_where_nothing_changed(
    catalog: GlueCatalog, address: Address, client: Any, prefix: str
) -> None:
    for _ in range(2):
        catalog.publish([table()])
        GlueCatalog(address, prefix).publish([table(), replace(table(), version=9)])
    assert versions(client, prefix) == 1


def test_a_moved_table_and_a_new_column_are_corrected(
    catalog: GlueCatalog, client: Any, prefix: str
) -> None:
    catalog.publish([table()])
    wider = SCHEMA.append(pa.field("value", pa.float64()))
    moved = replace(table(location="s3://other/datasets"), schema=wider)
    catalog.publish([moved])
    storage = entry(client, prefix)["StorageDescriptor"]
    assert storage["Location"] == storage["SerdeInfo"]["Parameters"]["path"]
    assert storage["Location"] == "s3://other/datasets"
    assert storage["Columns"][-1] == {"Name": "value", "Type": "double"}
    assert versions(client, prefix) == 2


def test_what_others_wrote_into_an_entry_stays(
    catalog: GlueCatalog, client: Any, prefix: str
) -> None:
    """A crawler keeps partition columns apart; a person describes and comments."""
    client.create_database(DatabaseInput={"Name": f"{prefix}geo"})
    storage = {
        "Columns": [{"Name": "dataset_id", "Type": "string", "Comment": "ours"}],
        "Location": "s3://old/",
    }
    theirs = {
        "Name": "datasets",
        "Description": "said by hand",
        "Parameters": {"owner": "them"},
        "PartitionKeys": [{"Name": "shard", "Type": "int"}],
        "StorageDescriptor": storage,
    }
    client.create_table(DatabaseName=f"{prefix}geo", TableInput=theirs)
    catalog.publish([replace(table(), schema=None)])
    assert entry(client, prefix)["StorageDescriptor"]["Columns"] == storage["Columns"]
    catalog.publish([table()])
    found = entry(client, prefix)
    assert found["Description"] == "said by hand"
    assert found["Parameters"]["owner"] == "them"
    assert found["PartitionKeys"] == theirs["PartitionKeys"]
    columns = found["StorageDescriptor"]["Columns"]
    assert [column["Name"] for column in columns] == ["dataset_id", "tags", "at"]
    assert columns[0]["Comment"] == "ours"
    assert found["StorageDescriptor"]["Location"] == table().location


def test_an_entry_that_somebody_removed_is_made_again_when_forgotten(
    catalog: GlueCatalog, client: Any, prefix: str
) -> None:
    catalog.publish([table()])
    client.delete_table(DatabaseName=f"{prefix}geo", Name="datasets")
    catalog.publish([table()])
    with pytest.raises(client.exceptions.EntityNotFoundException):
        entry(client, prefix)
    catalog.forget("geo/datasets")
    catalog.publish([table()])
    assert entry(client, prefix)["Name"] == "datasets"


def test_many_publish_at_once(address: Address, client: Any, prefix: str) -> None:
    """All make the same database and entry; none fails and one entry is there."""
    failed: list[PollyError] = []
    start = threading.Barrier(8)

    def work() -> None:
        own = GlueCatalog(address, prefix)
        start.wait()
        try:
            own.publish([table()])
        except PollyError as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    found = client.get_tables(DatabaseName=f"{prefix}geo")["TableList"]
    assert [one["Name"] for one in found] == ["datasets"]


@pytest.fixture
def faulty(moto: Moto) -> Iterator[Faulty]:
    with Faulty(HOST, moto.port) as proxy:
        yield proxy


def behind(proxy: Faulty) -> GlueCatalog:
    options = {"endpoint": f"http://{HOST}:{proxy.port}", "region": "us-east-1"}
    return GlueCatalog(Address("athena", options=options), "x_")


def refusal(code: str, status: int = 400) -> tuple[int, dict[str, str], bytes]:
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    return status, headers, f'{{"__type": "{code}", "Message": "said Glue"}}'.encode()


def test_away(faulty: Faulty) -> None:
    faulty.mode = "refuse"
    with pytest.raises(Unavailable) as caught:
        behind(faulty).publish([table()])
    assert caught.value.code == "catalog_unavailable"


def test_silent(faulty: Faulty) -> None:
    faulty.mode = "stall"
    options = {"endpoint": f"http://{HOST}:{faulty.port}", "region": "us-east-1"}
    address = Address("athena", options=options)
    client = aws.client("glue", address, read_seconds=0.5)
    with pytest.raises(Unavailable) as caught:
        GlueCatalog(address, client=client).publish([table()])
    assert caught.value.code == "catalog_unavailable"


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (refusal("AccessDeniedException"), Misconfigured, "catalog_refused"),
        (refusal("UnrecognizedClientException"), Misconfigured, "catalog_refused"),
        (refusal("ThrottlingException"), Unavailable, "catalog_unavailable"),
        (refusal("InternalServiceException", 500), Unavailable, "catalog_unavailable"),
        (refusal("InvalidInputException"), Misconfigured, "catalog_failed"),
        (refusal("ConcurrentModificationException"), Unavailable, "catalog_unavailable"),
    ],
)
def test_refused_or_full(faulty: Faulty, answer: Any, kind: type[PollyError], code: str) -> None:
    faulty.answer = answer
    with pytest.raises(kind) as caught:
        behind(faulty).publish([table()])
    assert caught.value.code == code


def test_no_table_on_s3(catalog: GlueCatalog) -> None:
    with pytest.raises(Misconfigured) as caught:
        catalog.publish([table(location="/srv/tables/geo/datasets")])
    assert caught.value.code == "tables_not_on_s3"


def test_a_real_trino_reads_what_was_published(
    servers: Pool, moto: Moto, address: Address, prefix: str
) -> None:
    """The entries are right: Trino finds the tables by them, with and without columns."""
    bucket = moto.bucket()
    rows = pa.table(
        {"dataset_id": ["G1", "G2"], "Tags": [["a", None], []], "at": [0, None], "shard": [0, 1]},
        schema=SCHEMA,
    )
    options = {
        "AWS_ENDPOINT_URL": moto.endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": AWS["AWS_ACCESS_KEY_ID"],
        "AWS_SECRET_ACCESS_KEY": AWS["AWS_SECRET_ACCESS_KEY"],
        "AWS_REGION": AWS["AWS_DEFAULT_REGION"],
    }
    published = []
    for name, schema in (("datasets", SCHEMA), ("bare", None)):
        location = f"s3://{bucket}/{prefix}/{name}"
        write_deltalake(location, rows, partition_by=["shard"], storage_options=options)
        published.append(replace(table(f"geo/{name}", location), schema=schema))
    GlueCatalog(address, prefix).publish(published)
    trino = GlueTrino(servers.new(Moto).data, moto.endpoint)
    trino.start()
    try:
        cursor = connect(host=HOST, port=trino.port, user=USER, catalog="lake").cursor()
        for name in ("datasets", "bare"):
            cursor.execute(f"SELECT dataset_id, tags, shard FROM {prefix}geo.{name} ORDER BY 1")
            assert cursor.fetchall() == [["G1", ["a", None], 0], ["G2", [], 1]]
        cursor.execute(f"SHOW TABLES IN {prefix}geo")
        assert cursor.fetchall() == [["bare"], ["datasets"]]
    finally:
        trino.stop()


class TestTypes:
    @pytest.mark.parametrize(
        ("kind", "name"),
        [
            (pa.bool_(), "boolean"),
            (pa.int8(), "tinyint"),
            (pa.uint8(), "smallint"),
            (pa.uint16(), "int"),
            (pa.uint32(), "bigint"),
            (pa.uint64(), "decimal(20,0)"),
            (pa.float32(), "float"),
            (pa.large_string(), "string"),
            (pa.binary(), "binary"),
            (pa.date32(), "date"),
            (pa.timestamp("us"), "timestamp"),
            (pa.timestamp("us", tz="UTC"), "timestamp"),
            (pa.decimal128(10, 2), "decimal(10,2)"),
            (pa.dictionary(pa.int32(), pa.string()), "string"),
            (pa.map_(pa.string(), pa.list_(pa.int64())), "map<string,array<bigint>>"),
            (pa.struct([("a", pa.int32()), ("b", pa.string())]), "struct<a:int,b:string>"),
        ],
    )
    def test_names(self, kind: pa.DataType, name: str) -> None:
        assert type_name(kind) == name

    @pytest.mark.parametrize("kind", [pa.null(), pa.float16(), pa.time64("us"), pa.duration("s")])
    def test_types_that_delta_has_not(self, kind: pa.DataType) -> None:
        with pytest.raises(Misconfigured) as caught:
            type_name(kind)
        assert caught.value.code == "unknown_type"

    def test_every_column_of_the_schema_has_a_type(self) -> None:
        for spec in (*ATLAS_TABLES, ATLASES, ONTOLOGY_TERMS):
            assert all(type_name(field.type) for field in spec.schema())
