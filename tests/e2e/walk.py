"""The walk of a user through the door: files in, answers out, changes, the end.

One suite for every profile: a subclass gives the door.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from polly_api.base import Door
from polly_resources.errors import Conflict, NotFound
from polly_resources.records import JobFilter, JobStatus, SearchRequest
from tests.assets.instance import BROKEN_GCT, gct

S, E, D, U = JobStatus.SUCCEEDED, JobStatus.ERRORED, JobStatus.DELETED, JobStatus.UNCHANGED
X = np.array([[1.5, np.nan], [0.1, -3e-300], [7, 1e6]])
CELLS = sp.random(40, 3, density=0.4, random_state=1, dtype=np.float32, format="csr")


def write_files(folder: Path) -> None:
    (folder / "sub").mkdir(parents=True)
    (folder / "bulk.gct").write_text(gct(X.tolist()).replace("nan", ""))
    study = {
        "title": "Asthma in lung",
        "year": 2021,
        "samples": {"s1": {"disease": "asthma"}, "s2": {"disease": "type 2 diabetes"}},
    }
    (folder / "sub" / "table.csv").write_text("gene,s1,s2\nTP53,3,4\nMYC,5,6\n")
    (folder / "sub" / "table.json").write_text(json.dumps(study))
    obs = pd.DataFrame(
        {"cell_type": ["T cell", "macrophage"] * 20}, index=[f"c{i}" for i in range(40)]
    )
    var = pd.DataFrame(index=["TP53", "MYC", "CAT"])
    ad.AnnData(CELLS, obs=obs, var=var).write_h5ad(folder / "cells.h5ad")
    (folder / "bad.gct").write_text(BROKEN_GCT)
    (folder / "README.md").write_text("not data")


def bring(door: Door, *paths: Path):
    queued = door.submit(paths, "demo")
    return {job.dataset_id: job for job in door.wait([job.job_id for job in queued])}


def values(door: Door, gene: str):
    rows = door.gene(gene, "demo").to_pylist()
    return {(row["dataset_id"], row["sample_id"]): row["value"] for row in rows}


def found(door: Door, text: str, **more):
    answer = door.search("demo", SearchRequest(text, **more))
    return [hit.dataset_id for hit in answer.hits]


class Walk(ABC):
    """One instance; the tests run in the order in which they stand."""

    @classmethod
    @abstractmethod
    def door(cls, tmp_path_factory) -> Door:
        """A door to an empty instance, as a fixture of the class."""

    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, tmp_path_factory) -> Path:
        files = tmp_path_factory.mktemp("files")
        write_files(files / "f")
        return files / "f"

    def test_files_become_datasets_and_one_failure(self, door, folder):
        jobs = bring(door, folder)
        assert {name: job.status for name, job in jobs.items()} == {
            "bulk": S,
            "table": S,
            "cells": S,
            "bad": E,
        }
        assert (jobs["cells"].format, jobs["cells"].samples, jobs["cells"].features) == (
            "h5ad",
            40,
            3,
        )
        error = jobs["bad"].error
        assert error.file == "bad.gct" and "line 4" in error.place and error.hint
        (info,) = door.atlases()
        assert (info.datasets, info.samples) == (3, 44)

    def test_sql(self, door):
        rows = door.sql(
            "SELECT dataset_id, total_num_samples FROM demo.datasets "
            "WHERE CONTAINS(curated_disease, 'asthma')"
        )
        assert rows.to_pylist() == [{"dataset_id": "table", "total_num_samples": 2}]
        rows = door.sql("SELECT * FROM data_matrices.demo__bulk WHERE rid = 'TP53'").to_pylist()
        assert rows == [{"rid": "TP53", "s1": 1.5, "s2": None}]

    def test_search(self, door):
        assert found(door, "asthma") == ["table"]
        assert set(found(door, "macrophage")) == {"cells"}
        assert len(found(door, "")) == 3
        answer = door.search("demo", SearchRequest("", facets=("curated_disease",)))
        assert answer.facets["curated_disease"]["asthma"] == 1

    def test_one_gene_everywhere(self, door):
        seen = values(door, "TP53")
        assert seen[("bulk", "S1")] == 1.5 and seen[("bulk", "S2")] is None
        assert seen[("table", "s2")] == 4
        column = CELLS.tocsc()[:, 0].tocoo()
        stored = {("cells", f"c{i}"): v for i, v in zip(column.row, column.data, strict=True)}
        assert {key: v for key, v in seen.items() if key[0] == "cells"} == stored

    def test_export_gives_back_the_matrix(self, door, tmp_path):
        found = ad.read_h5ad(door.export("demo", "cells", "h5ad", tmp_path / "c.h5ad"))
        assert (found.X != CELLS).nnz == 0 and found.X.dtype == np.float32
        assert list(found.obs["cell_type"]) == ["T cell", "macrophage"] * 20
        bulk = ad.read_h5ad(door.export("demo", "bulk", "h5ad", tmp_path / "b.h5ad"))
        assert np.array_equal(bulk.X.T, X, equal_nan=True)

    def test_the_same_again_is_unchanged(self, door, folder):
        jobs = bring(door, folder)
        assert {name: job.status for name, job in jobs.items()} == {
            "bulk": U,
            "table": U,
            "cells": U,
            "bad": E,
        }

    def test_an_update(self, door, folder):
        (folder / "bulk.gct").write_text(gct([[8.0]]))
        (job,) = bring(door, folder / "bulk.gct").values()
        assert (job.status, job.samples, job.features) == (S, 1, 1)
        assert {k: v for k, v in values(door, "TP53").items() if k[0] == "bulk"} == {
            ("bulk", "S1"): 8.0
        }
        versions = door.sql("SELECT dataset_id, version FROM demo.datasets ORDER BY 1")
        assert versions["version"].to_pylist() == [2, 1, 1]

    def test_a_changed_sidecar(self, door, folder):
        sidecar = folder / "sub" / "table.json"
        sidecar.write_text(sidecar.read_text().replace("asthma", "cancer"))
        jobs = bring(door, folder)
        assert {name: job.status for name, job in jobs.items()}["table"] == S
        assert found(door, "", filters={"curated_disease": ["cancer"]}) == ["table"]

    def test_the_broken_file_is_mended_and_tried_again(self, door, folder):
        (bad,) = door.jobs(JobFilter(dataset_ids=["bad"], latest_per_source=True))
        (again,) = door.retry([bad.job_id])
        (job,) = door.wait([again.job_id])
        assert (job.status, job.error) == (E, bad.error)
        (folder / "bad.gct").write_text(gct([[1, 2]]))
        assert bring(door, folder / "bad.gct")["bad"].status == S
        with pytest.raises(Conflict):
            door.retry([job.job_id for job in door.jobs(JobFilter(dataset_ids=["bulk"]))])

    def test_recurate_and_reindex_change_no_value(self, door):
        before = door.sql("SELECT * FROM demo.datasets ORDER BY dataset_id")
        for jobs in (door.recurate("demo"), door.reindex("demo", ["cells"])):
            done = door.wait([job.job_id for job in jobs])
            assert {job.status for job in done} == {S}
        assert door.sql("SELECT * FROM demo.datasets ORDER BY dataset_id").equals(before)

    def test_delete(self, door, folder):
        queued = door.delete("demo", ["cells", "table"])
        done = door.wait([job.job_id for job in queued])
        assert {job.status for job in done} == {D}
        assert sorted(found(door, "")) == ["bad", "bulk"]
        assert {key[0] for key in values(door, "TP53")} == {"bad", "bulk"}
        for table in ("datasets", "samples", "features", "measurements", "annotations"):
            key = "src_dataset_id" if table in ("samples", "features") else "dataset_id"
            rows = door.sql(f"SELECT DISTINCT {key} AS id FROM demo.{table}")
            assert set(rows["id"].to_pylist()) <= {"bad", "bulk"}
        with pytest.raises(NotFound):
            door.export("demo", "cells", "h5ad", folder / "never.h5ad")
        assert bring(door, folder)["cells"].status == S
        assert sorted(found(door, "")) == ["bad", "bulk", "cells", "table"]
