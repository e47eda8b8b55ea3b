"""Reading in another process gives the same, and outlives what that process does not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.sparse as sp

from polly_assets.ingest.formats.apart import pool as apart_pool
from polly_assets.ingest.formats.apart import worker as apart_worker
from polly_assets.ingest.formats.apart.pool import POOL
from polly_assets.ingest.formats.apart.reader import Apart
from polly_assets.ingest.formats.base import FailedDataset, Matrix, ParsedDataset, Source
from polly_assets.ingest.formats.h5ad.reader import H5adReader
from polly_assets.ingest.formats.registry import READERS, reader_for
from polly_assets.ingest.formats.tenx.h5 import TenxH5Reader
from polly_assets.ingest.validate import validate
from polly_resources.errors import BadInput, PollyError
from tests.assets.ingest.formats.fuzzing import damaged
from tests.assets.ingest.formats.seeds import SEEDS

TEXT = h5py.string_dtype()
HDF5 = ["gctx", "h5ad", "tenx_h5"]
DIE = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"


@pytest.fixture(autouse=True)
def no_idle_workers(monkeypatch):
    monkeypatch.setattr(POOL, "_idle", [])


def h5ad(path: Path, x: object, layer: object = None) -> Source:
    rows, columns = x.shape
    with h5py.File(path, "w") as file:
        for key, size in (("obs", rows), ("var", columns)):
            group = file.create_group(key)
            group.attrs["_index"] = "_index"
            group.create_dataset("_index", data=[f"{key}{i}" for i in range(size)], dtype=TEXT)
        for name, values in (("X", x), ("layers/a", layer)):
            if isinstance(values, np.ndarray):
                file[name] = values
            elif values is not None:
                group = file.create_group(name)
                group.attrs["h5sparse_format"], group.attrs["h5sparse_shape"] = "csr", values.shape
                group["data"], group["indices"] = values.data, values.indices
                group["indptr"] = values.indptr
    return Source(path, path.name)


def genomes(path: Path) -> Source:
    """A 10x file of three datasets, of which the second is broken."""
    with h5py.File(path, "w") as file:
        for genome in ("a", "b", "c"):
            group = file.create_group(genome)
            group["barcodes"], group["genes"] = [b"AA-1", b"AC-1"], [b"g1", b"g2", b"g3"]
            group["gene_names"], group["shape"] = [b"A", b"B", b"C"], [3, 2]
            group["data"], group["indptr"] = [1, 2], [0, 1, 2]
            group["indices"] = [0, 9 if genome == "b" else 2]
    return Source(path, path.name)


def whole(matrix: Matrix, features: int = 64) -> np.ndarray:
    found = [np.zeros((0, matrix.shape[1]), matrix.dtype)]
    for block in matrix.blocks(features):
        if not isinstance(block, np.ndarray):
            shape = (len(block.indptr) - 1, matrix.shape[1])
            sparse = sp.csr_matrix((block.values, block.indices, block.indptr), shape)
            found.append(sparse.toarray())
        else:
            found.append(block)
    joined = np.concatenate(found)
    assert (joined.shape, str(joined.dtype)) == (matrix.shape, matrix.dtype)
    return joined


def told(items) -> list[object]:
    """All that is in datasets, or the error."""
    found: list[object] = []
    try:
        for item in items:
            if isinstance(item, FailedDataset):
                found.append((item.dataset_id, item.error.failure()))
                continue
            found += [item.dataset_id, item.format, item.metadata, item.data_type, item.notices]
            found += [item.samples.schema, item.samples.to_dict(as_series=False)]
            found += [item.features.schema, item.features.to_dict(as_series=False)]
            for m in item.matrices:
                found += [m.name, m.dtype, m.shape, m.sparse, whole(m).tolist()]
    except PollyError as error:
        found.append((type(error), error.failure()))
    return found


def both(source: Source, reader: str = "h5ad") -> None:
    (row,) = (row for row in READERS if row.name == reader)
    here = told(row.bare().read(source))
    assert told(row.load().read(source)) == here
    assert here


class TestTheSame:
    def test_which_readers_are_apart(self):
        assert set(HDF5) <= {row.name for row in READERS if row.apart}

    @pytest.mark.parametrize("reader", HDF5)
    def test_valid_and_damaged_files(self, reader, tmp_path):
        for number in (None, 1, 2, 3, 5, 8, 13):
            seed = SEEDS[reader]() if number is None else damaged(reader, number)
            path = tmp_path / seed.name
            path.write_bytes(seed.data)
            sidecars = {key: tmp_path / f"s.{key}" for key in seed.sidecars}
            for key, data in seed.sidecars.items():
                sidecars[key].write_bytes(data)
            both(Source(path, seed.name, sidecars), reader)

    @pytest.mark.parametrize("shape", [(0, 4), (4, 0), (0, 0), (5, 700), (300, 3)])
    @pytest.mark.parametrize("form", [np.asarray, np.asfortranarray, sp.csr_matrix])
    def test_shapes(self, shape, form, tmp_path):
        x = np.random.default_rng(1).poisson(0.7, shape).astype("float32")
        both(h5ad(tmp_path / "x.h5ad", form(x), x.astype("int64")))

    def test_several_datasets_one_broken(self, tmp_path):
        source = genomes(tmp_path / "x.h5")
        both(source, "tenx_h5")
        kinds = [type(item) for item in Apart(TenxH5Reader()).read(source)]
        assert kinds == [ParsedDataset, FailedDataset, ParsedDataset]

    def test_real_files(self, real_data):
        for path in sorted((real_data / "formats").rglob("*.h5*")):
            source = Source(path, path.name)
            both(source, reader_for(path.name, path.read_bytes()[:4096]).name)


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Source:
    """A file of 72 MB."""
    x = np.arange(900 * 10_000, dtype="float64").reshape(900, 10_000)
    sparse = sp.random(900, 10_000, 0.02, "csr", random_state=1)
    return h5ad(tmp_path_factory.mktemp("large") / "x.h5ad", x, sparse)


class TestLarge:
    """Matrices beyond what is sent at once stay with their process."""

    def test_blocks_in_any_order_again_and_again(self, source):
        (dataset,) = Apart(H5adReader()).read(source)
        (here,) = H5adReader().read(source)
        assert type(dataset.matrices[0]).__name__ == "_Kept"
        x, layer = dataset.matrices
        wanted = [np.asarray(block) for block in here.matrices[0].blocks(3000)]
        for first, second in zip(x.blocks(3000), x.blocks(3000), strict=True):
            assert np.array_equal(first, second)
        for found, expected in zip(x.blocks(3000), wanted, strict=True):
            assert np.array_equal(found, expected)
        assert np.array_equal(next(x.blocks(64)), wanted[0][:64])
        assert np.array_equal(whole(layer), whole(here.matrices[1]))

    def test_many_threads(self, source):
        (dataset,) = Apart(H5adReader()).read(source)
        with ThreadPoolExecutor(4) as pool:
            sums = list(pool.map(lambda matrix: whole(matrix).sum(), [dataset.matrices[0]] * 4))
        assert len(set(sums)) == 1

    def test_a_process_that_dies_meanwhile(self, source):
        (dataset,) = Apart(H5adReader()).read(source)
        blocks = dataset.matrices[0].blocks(5000)
        next(blocks)
        os.kill(process_of(dataset.matrices[0].worker).pid, signal.SIGSEGV)
        with pytest.raises(BadInput) as caught:
            list(blocks)
        assert (caught.value.code, caught.value.file) == ("reader_crashed", "x.h5ad")

    def test_the_process_ends_with_the_matrix(self, source):
        (dataset,) = Apart(H5adReader()).read(source)
        process = process_of(dataset.matrices[0].worker)
        del dataset
        assert process.poll() is not None and POOL._idle == []


def process_of(worker) -> subprocess.Popen:
    return worker._process


class TestProcesses:
    def test_one_process_serves_file_after_file(self, tmp_path):
        source = h5ad(tmp_path / "x.h5ad", np.eye(3))
        list(Apart(H5adReader()).read(source))
        (worker,) = POOL._idle
        for _ in range(3):
            list(Apart(H5adReader()).read(source))
        broken = tmp_path / "y.h5ad"
        broken.write_bytes(b"\x89HDF\r\n\x1a\n")
        with pytest.raises(BadInput):
            list(Apart(H5adReader()).read(Source(broken, "y.h5ad")))
        assert POOL._idle == [worker]

    def test_a_reading_that_is_given_up_ends_its_process(self, tmp_path):
        datasets = Apart(TenxH5Reader()).read(genomes(tmp_path / "x.h5"))
        next(datasets)
        del datasets
        assert POOL._idle == []

    def test_an_innocent_file_is_not_blamed(self, tmp_path):
        """A process harmed by an earlier file dies of the next one, which is then read anew."""
        source = h5ad(tmp_path / "x.h5ad", np.eye(3))
        list(Apart(H5adReader()).read(source))
        os.kill(process_of(POOL._idle[0]).pid, signal.SIGSEGV)
        process_of(POOL._idle[0]).wait()
        (dataset,) = Apart(H5adReader()).read(source)
        assert dataset.samples.height == 3

    def test_a_file_that_kills_is_blamed(self, tmp_path, monkeypatch):
        source = h5ad(tmp_path / "x.h5ad", np.eye(3))
        monkeypatch.setattr(apart_pool, "COMMAND", (sys.executable, "-c", DIE))
        with pytest.raises(BadInput) as caught:
            list(Apart(H5adReader()).read(source))
        assert (caught.value.code, caught.value.file) == ("reader_crashed", "x.h5ad")
        (finding,) = validate([source.path], workers=1)
        assert (finding.code, finding.file) == ("reader_crashed", "x.h5ad")

    def test_a_process_that_does_not_start_is_no_fault_of_the_file(self, tmp_path, monkeypatch):
        monkeypatch.setattr(apart_pool, "COMMAND", (sys.executable, "-c", "raise SystemExit(3)"))
        with pytest.raises(RuntimeError, match="status 3"):
            list(Apart(H5adReader()).read(h5ad(tmp_path / "x.h5ad", np.eye(3))))

    def test_time(self, tmp_path, monkeypatch):
        source = h5ad(tmp_path / "x.h5ad", np.eye(3))
        monkeypatch.setattr(apart_pool, "SECONDS", 1e-3)
        monkeypatch.setattr(apart_pool, "SECONDS_PER_MB", 0.0)
        with pytest.raises(BadInput) as caught:
            list(Apart(H5adReader()).read(source))
        assert (caught.value.code, caught.value.file) == ("reader_timeout", "x.h5ad")

    def test_memory(self):
        words = apart_worker._answer(lambda: bytearray(1 << 62), "x.h5ad").words["error"]
        assert (words["code"], words["file"]) == ("reader_memory", "x.h5ad") and words["hint"]

    def test_file_known_to_crash_the_library(self, tmp_path):
        """Whatever the library of the day makes of it, this process goes on."""
        seed = damaged("h5ad", 2819)
        (tmp_path / seed.name).write_bytes(seed.data)
        found = told(Apart(H5adReader()).read(Source(tmp_path / seed.name, seed.name)))
        assert found

    def test_it_ends_with_its_parent(self, tmp_path):
        source = h5ad(tmp_path / "x.h5ad", np.eye(3))
        code = (
            "import sys, os, signal; from pathlib import Path\n"
            "from polly_assets.ingest.formats.apart.pool import POOL\n"
            "from polly_assets.ingest.formats.base import Source\n"
            "from polly_assets.ingest.reading import datasets\n"
            "list(datasets(Source(Path(sys.argv[1]), 'x.h5ad')))\n"
            "print(POOL._idle[0]._process.pid, flush=True)\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(source.path)], capture_output=True, check=False
        )
        assert gone(int(done.stdout))

    def test_a_fork_starts_its_own(self, tmp_path):
        source = h5ad(tmp_path / "x.h5ad", np.eye(3))
        list(Apart(H5adReader()).read(source))
        (ours,) = POOL._idle
        monkey, POOL._owner = POOL._owner, -1  # as a fork finds it
        try:
            assert POOL.take() is not ours
        finally:
            POOL._owner = monkey


def gone(pid: int) -> bool:
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            if state == "Z":
                return True
            os.kill(pid, 0)
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False
