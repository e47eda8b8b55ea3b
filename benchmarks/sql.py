"""Metadata SQL as an atlas grows to 110,000 datasets and 2.9 million samples.

The `datasets` and `samples` tables are made up and written through the table store, 5,000
datasets to a commit, as compaction leaves them. Each statement runs through the door (parsed,
authorised, pinned, translated) and, as the floor, by hand in bare DuckDB over the same files;
both must give the same rows.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.common import OURS, Bench, Result, Times, turns_over
from polly_assets import atlases
from polly_assets.schema import DATASETS, SAMPLES, TERM_FIELDS
from polly_client import Polly
from polly_resources.backends import Backends
from polly_resources.settings import load
from polly_resources.tables.base import TableSpec, TableStore

ATLAS = "bench"
BARE = "bare DuckDB, same files"
AT_ONCE = 5_000
SAMPLES_EACH = 26
VALUES = 400
"""Different values of each curated field, of Zipf frequencies; NULL and empty lists as well."""

STATEMENTS = (
    (
        "SELECT count(*) AS n FROM bench.datasets WHERE CONTAINS(curated_disease, 'disease 3')",
        "SELECT count(*) AS n FROM datasets WHERE list_contains(curated_disease, 'disease 3')",
    ),
    (
        "SELECT dataset_id, title, total_num_samples FROM bench.datasets WHERE "
        "CONTAINS(curated_disease, 'disease 2') AND CONTAINS(curated_tissue, 'tissue 1') "
        "ORDER BY dataset_id LIMIT 20",
        "SELECT dataset_id, title, total_num_samples FROM datasets WHERE "
        "list_contains(curated_disease, 'disease 2') AND list_contains(curated_tissue, 'tissue 1') "
        "ORDER BY dataset_id LIMIT 20",
    ),
    (
        "SELECT t.o AS organism, count(*) AS n FROM bench.datasets "
        "CROSS JOIN UNNEST(curated_organism) AS t(o) GROUP BY t.o "
        "ORDER BY n DESC, organism LIMIT 10",
        "SELECT o AS organism, count(*) AS n FROM "
        "(SELECT unnest(curated_organism) AS o FROM datasets) GROUP BY o "
        "ORDER BY n DESC, organism LIMIT 10",
    ),
    (
        "SELECT dataset_id FROM bench.datasets WHERE CARDINALITY(FILTER(curated_disease, "
        "d -> LOWER(d) LIKE '%ease 39%')) > 0 ORDER BY dataset_id LIMIT 50",
        "SELECT dataset_id FROM datasets WHERE len(list_filter(curated_disease, "
        "lambda d: lower(d) LIKE '%ease 39%')) > 0 ORDER BY dataset_id LIMIT 50",
    ),
    (
        "SELECT dataset_id, title FROM bench.datasets WHERE LOWER(description) LIKE '%study 777%' "
        "ORDER BY dataset_id LIMIT 20",
        "SELECT dataset_id, title FROM datasets WHERE lower(description) LIKE '%study 777%' "
        "ORDER BY dataset_id LIMIT 20",
    ),
    (
        "SELECT year, count(*) AS n FROM bench.datasets GROUP BY year ORDER BY year",
        "SELECT year, count(*) AS n FROM datasets GROUP BY year ORDER BY year",
    ),
    (
        "SELECT sample_id, title, curated_sex FROM bench.samples "
        "WHERE src_dataset_id = 'STUDY000777' ORDER BY sample_index",
        "SELECT sample_id, title, curated_sex FROM samples "
        "WHERE src_dataset_id = 'STUDY000777' ORDER BY sample_index",
    ),
    (
        "SELECT curated_sex, count(*) AS n FROM bench.samples GROUP BY curated_sex ORDER BY n",
        "SELECT curated_sex, count(*) AS n FROM samples GROUP BY curated_sex ORDER BY n",
    ),
    (
        "SELECT count(*) AS n FROM bench.samples s JOIN bench.datasets d "
        "ON s.src_dataset_id = d.dataset_id "
        "WHERE CONTAINS(d.curated_disease, 'disease 2') AND s.curated_control = 1",
        "SELECT count(*) AS n FROM samples s JOIN datasets d ON s.src_dataset_id = d.dataset_id "
        "WHERE list_contains(d.curated_disease, 'disease 2') AND s.curated_control = 1",
    ),
    (
        "SELECT count(*) AS n FROM bench.samples WHERE CONTAINS(curated_cell_line, 'cell_line 5')",
        "SELECT count(*) AS n FROM samples WHERE list_contains(curated_cell_line, 'cell_line 5')",
    ),
)
"""Each in the users' dialect, and by hand for DuckDB."""


def run(bench: Bench) -> None:
    """Measure and tell."""
    home = bench.folder / "sql"
    polly = Polly(home=home)
    store = Backends(load(home)).tables
    atlases.create(store, ATLAS)
    done = 0
    for size in (1_000, 10_000) if bench.quick else (1_100, 11_000, 110_000):
        while done < size:
            count = min(AT_ONCE, size - done)
            store.write(f"{ATLAS}/datasets", DATASETS, _datasets(done, count))
            store.write(f"{ATLAS}/samples", SAMPLES, _samples(done, count))
            done += count
        _measure(bench, polly, _bare(store), size)


def _measure(bench: Bench, polly: Polly, bare: duckdb.DuckDBPyConnection, size: int) -> None:
    sides = {
        OURS: lambda pair: polly.door.sql(pair[0]),
        BARE: lambda pair: bare.sql(pair[1]).to_arrow_table(),
    }
    what = f"{size:,} datasets, {size * SAMPLES_EACH:,} samples"
    every = {name: Times() for name in sides}
    for pair in STATEMENTS:
        times = turns_over([pair], sides, _equal, bench.rounds)
        for name in sides:
            every[name].wall.extend(times[name].wall)
            every[name].cpu.extend(times[name].cpu)
        if not bench.quick:
            bench.add(Result("sql", f"{what}: {pair[0][:70]}...", times))
    goal = "p50 < 100 ms, p95 < 500 ms"
    bench.add(Result("sql", f"{len(STATEMENTS)} statements, {what}", every, goal))
    bare.close()


def _bare(store: TableStore) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for spec in (DATASETS, SAMPLES):
        files = list(store.files(f"{ATLAS}/{spec.name}").files)
        connection.sql(f"SELECT * FROM read_parquet({files!r})").create_view(spec.name)
    return connection


def _equal(answers: dict[str, Any]) -> None:
    if answers[OURS].to_pylist() != answers[BARE].to_pylist():
        raise AssertionError("DuckDB gives other rows")


def _datasets(first: int, count: int) -> pa.Table:
    rng = np.random.default_rng(first)
    ids = [f"STUDY{number:06d}" for number in range(first, first + count)]
    now = datetime(2026, 1, 1, tzinfo=UTC)
    own: dict[str, Any] = {
        "dataset_id": ids,
        "src_dataset_id": ids,
        "src_repo": [ATLAS] * count,
        "data_type": ["Transcriptomics"] * count,
        "title": [
            f"Effect of treatment {n % 97} in study {n}" for n in range(first, first + count)
        ],
        "description": [
            f"What the cells of study {n} do, told at length. " * 4
            for n in range(first, first + count)
        ],
        "year": rng.integers(2000, 2026, count).astype(np.int32),
        "total_num_samples": [SAMPLES_EACH] * count,
        "total_num_features": [20_000] * count,
        "data_matrix_available": [True] * count,
        "data_table_name": [f"{ATLAS}__{name}".lower() for name in ids],
        "version": [1] * count,
        "is_current": [True] * count,
        "timestamp_": [int(now.timestamp() * 1000)] * count,
        "key": [f"landing/{ATLAS}/{name}.gct" for name in ids],
        "file_type": ["gct"] * count,
        "src_uri": [f"file:///landing/{ATLAS}/{name}.gct" for name in ids],
        "fingerprint": ["0" * 64] * count,
        "metadata": ['{"title": "a study", "platform": "GPL570", "type": "array"}'] * count,
        "ingested_at": [now] * count,
    }
    return _table(DATASETS, own, count, rng)


def _samples(first: int, count: int) -> pa.Table:
    rng = np.random.default_rng(first + 1)
    rows = count * SAMPLES_EACH
    ids = [f"S{number:08d}" for number in range(first * SAMPLES_EACH, first * SAMPLES_EACH + rows)]
    studies = [f"STUDY{number:06d}" for number in range(first, first + count)]
    own: dict[str, Any] = {
        "sample_id": ids,
        "src_dataset_id": [study for study in studies for _ in range(SAMPLES_EACH)],
        "sample_index": np.tile(np.arange(SAMPLES_EACH, dtype=np.int32), count),
        "name": ids,
        "title": [f"replicate {n % 3} of {name}" for n, name in enumerate(ids)],
        "source_name": [f"tissue {n % 60}" for n in range(rows)],
        "curated_sex": np.array(["female", "male", None], dtype=object)[rng.integers(0, 3, rows)],
        "curated_control": rng.integers(0, 2, rows).astype(np.int32),
        "metadata": [f'{{"age": "{n % 90}", "batch": "{n % 7}"}}' for n in range(rows)],
    }
    return _table(SAMPLES, own, rows, rng)


def _table(spec: TableSpec, own: dict[str, Any], rows: int, rng: np.random.Generator) -> pa.Table:
    columns = {"shard": np.zeros(rows, dtype=np.int32), **own}
    for name in TERM_FIELDS:
        codes = rng.zipf(1.4, rows) % VALUES
        columns[f"curated_{name}"] = _lists([f"{name} {code}" for code in range(VALUES)], codes)
        columns[f"curated_{name}_curie"] = _lists(
            [f"X:{code:07d}" for code in range(VALUES)], codes
        )
    schema = spec.schema()
    return pa.table(
        {f.name: pa.array(columns.get(f.name, [None] * rows), f.type) for f in schema},
        schema=schema,
    )


def _lists(values: list[str], codes: Any) -> pa.Array:
    """One value in most lists; of every seven one is NULL and one empty."""
    kinds = np.arange(len(codes)) % 7
    offsets = np.concatenate([[0], np.cumsum(kinds > 1)]).astype(np.int32)
    taken = pa.array(values).take(pa.array(codes[kinds > 1]))
    return pa.ListArray.from_arrays(pa.array(offsets), taken, mask=pa.array(kinds == 0))
