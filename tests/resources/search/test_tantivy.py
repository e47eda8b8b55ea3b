"""The Tantivy index: the contract, and what is particular to its folders."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from polly_resources.errors import Misconfigured, Unavailable
from polly_resources.records import SearchRequest
from polly_resources.search.base import SearchIndex
from polly_resources.search.tantivy import TantivyIndex
from tests.contracts.search import SearchIndexContract, document

_WRITER = """
import sys
from polly_resources.records import SearchDocument
from polly_resources.search.tantivy import TantivyIndex
index = TantivyIndex(sys.argv[1])
for i in range(int(sys.argv[3])):
    index.put("demo", [SearchDocument(f"{sys.argv[2]}{i}", "t", "", "", {})])
    print(i, flush=True)
"""


class TestTantivyIndex(SearchIndexContract):
    TESTED = ("`tantivy://`",)

    def open_index(self, folder: Path) -> SearchIndex:
        return TantivyIndex(f"tantivy://{folder}")


@pytest.fixture
def index(tmp_path: Path) -> TantivyIndex:
    return TantivyIndex(f"tantivy://{tmp_path}", busy_seconds=0.1)


def version(tmp_path: Path) -> Path:
    """The folder of the version in force; there is no other."""
    [folder] = (tmp_path / "demo").glob("version-*")
    return folder


def writer(tmp_path: Path, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _WRITER, f"tantivy://{tmp_path}", name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("address", ["tantivy://", "tantivy://relative", "/tmp/x"])
def test_an_address_that_is_no_absolute_folder_is_refused(address):
    with pytest.raises(Misconfigured, match="expected tantivy:///"):
        TantivyIndex(address)


def test_the_address_is_percent_encoded(tmp_path):
    TantivyIndex(f"tantivy://{tmp_path}/odd%20name%2525").put("demo", [document("d1")])
    assert (tmp_path / "odd name%25" / "demo").is_dir()


def test_reading_makes_no_folder(tmp_path):
    index = TantivyIndex(f"tantivy://{tmp_path}/new")
    assert index.count("demo") == 0
    assert not list(tmp_path.iterdir())


def test_a_rebuild_removes_the_older_version(index, tmp_path):
    index.put("demo", [document("d1")])
    old = version(tmp_path)
    index.rebuild("demo", [document("d2")])
    assert version(tmp_path) != old


def test_a_root_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    index = TantivyIndex(f"tantivy://{tmp_path}/file")
    assert index.count("demo") == 0
    with pytest.raises(Misconfigured) as caught:
        index.put("demo", [document("d1")])
    assert caught.value.code == "search_unwritable"


def test_a_long_writer_makes_others_unavailable_but_not_readers(index, tmp_path):
    index.put("demo", [document("d1")])
    with (tmp_path / "demo" / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for write in (
            lambda: index.put("demo", [document("d2")]),
            lambda: index.delete("demo", ["d1"]),
            lambda: index.rebuild("demo", []),
        ):
            with pytest.raises(Unavailable) as caught:
                write()
            assert caught.value.code == "search_index_busy"
        assert index.count("demo") == 1
    index.put("demo", [document("d2")])
    assert index.count("demo") == 2


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def no_meta(folder: Path) -> None:
    (folder / "meta.json").unlink()


def cut_meta(folder: Path) -> None:
    cut(folder / "meta.json")


def cut_segments(folder: Path) -> None:
    for path in [*folder.glob("*.term"), *folder.glob("*.store"), *folder.glob("*.fast")]:
        cut(path)


def no_segments(folder: Path) -> None:
    for path in folder.glob("*.idx"):
        path.unlink()


def no_folder(folder: Path) -> None:
    folder.rename(folder.parent / "away")


@pytest.mark.parametrize("damage", [no_meta, cut_meta, cut_segments, no_segments, no_folder])
def test_a_damaged_index_says_so_and_a_rebuild_cures_it(tmp_path, damage):
    TantivyIndex(f"tantivy://{tmp_path}").put("demo", [document("d1", "lung")])
    damage(version(tmp_path))
    index = TantivyIndex(f"tantivy://{tmp_path}")
    for call in (
        lambda: index.search("demo", SearchRequest("lung", facets=["a"])),
        lambda: index.count("demo"),
    ):
        with pytest.raises(Unavailable) as caught:
            call()
        assert caught.value.code == "search_index_damaged"
        assert "reindex" in caught.value.hint
    index.rebuild("demo", [document("d2")])
    assert index.count("demo") == 1


def test_processes_write_in_turn_and_a_kill_leaves_a_sound_index(tmp_path):
    writers = [writer(tmp_path, name, 12) for name in "ab"]
    doomed = writer(tmp_path, "c", 10_000)
    assert doomed.stdout is not None
    doomed.stdout.readline()
    os.kill(doomed.pid, signal.SIGKILL)
    told = doomed.stdout.read().split()
    doomed.wait()
    for process in writers:
        process.communicate(timeout=60)
        assert process.returncode == 0
    index = TantivyIndex(f"tantivy://{tmp_path}")
    request = SearchRequest("", limit=1000)
    ids = {hit.dataset_id for hit in index.search("demo", request).hits}
    assert {f"{name}{i}" for name in "ab" for i in range(12)} <= ids
    assert {"c0", *(f"c{i}" for i in told)} <= ids


def test_readers_see_the_old_or_the_new_index_during_rebuilds(tmp_path):
    index = TantivyIndex(f"tantivy://{tmp_path}")
    index.rebuild("demo", [document(f"d{i}", "x") for i in range(50)])
    seen: set[int] = set()
    stop = threading.Event()
    failures: list[BaseException] = []

    def read() -> None:
        reader = TantivyIndex(f"tantivy://{tmp_path}")
        try:
            while not stop.is_set():
                seen.add(reader.search("demo", SearchRequest("x")).total)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for size in (60, 50, 60, 50, 60):
        index.rebuild("demo", [document(f"d{i}", "x") for i in range(size)])
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert seen <= {50, 60}
