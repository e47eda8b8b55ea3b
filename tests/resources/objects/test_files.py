"""The folder store: the contract, and what is particular to files."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from polly_resources.errors import BadInput, Conflict, Misconfigured
from polly_resources.objects.base import ObjectStore
from polly_resources.objects.files import FileStore
from tests.contracts.objects import ObjectStoreContract
from tests.machine import ordinary_user


class TestFileStore(ObjectStoreContract):
    TESTED = ("`file://`",)

    def open_store(self, folder: Path) -> ObjectStore:
        return FileStore(f"file://{folder}")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "objects"
    (root / "landing" / "demo").mkdir(parents=True)
    return root


@pytest.fixture
def store(root: Path) -> FileStore:
    return FileStore(f"file://{root}")


def keys(store: FileStore, prefix: str = "") -> list[str]:
    return [info.key for info in store.list(prefix)]


@pytest.mark.parametrize("address", ["file://", "file://relative", "/tmp/x", "s3://bucket"])
def test_an_address_that_is_no_absolute_folder_is_refused(address):
    with pytest.raises(Misconfigured, match="expected file:///"):
        FileStore(address)


def test_the_address_is_percent_encoded_and_keys_are_not(tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    FileStore(f"file://{tmp_path}/odd%20name%2525").put("b%20c", tmp_path / "a")
    assert (tmp_path / "odd name%25" / "b%20c").is_file()


def test_nothing_is_made_before_the_first_put(tmp_path):
    store = FileStore(f"file://{tmp_path}/new")
    assert store.head("a") is None
    assert not list(tmp_path.iterdir())


def test_files_dropped_by_hand_are_objects(root, store):
    path = root / "landing" / "demo" / "GSE1.gct"
    path.write_bytes(b"half")
    growing = store.head("landing/demo/GSE1.gct")
    with path.open("ab") as more:
        more.write(b" and the rest")
    [whole] = store.list("landing/demo/")
    assert growing is not None
    assert whole.size == 17
    assert whole.etag != growing.etag
    assert whole.modified_at >= growing.modified_at
    with store.local(whole.key) as local:
        assert local == path


def test_the_etag_tells_a_replacement_of_equal_size_and_time(root, store):
    path = root / "a"
    path.write_bytes(b"one")
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    before = store.head("a")
    (root / "b").write_bytes(b"two")
    os.utime(root / "b", ns=times)
    (root / "b").replace(path)
    after = store.head("a")
    assert before is not None and after is not None
    assert (before.size, before.modified_at) == (after.size, after.modified_at)
    assert before.etag != after.etag


def test_unfinished_copies_are_neither_listed_nor_keys(root, store):
    (root / "landing" / ".tmp-123").write_bytes(b"x")
    (root / ".tmp-folder").mkdir()
    (root / ".tmp-folder" / "a").write_bytes(b"x")
    (root / ".hidden").write_bytes(b"x")
    assert keys(store) == [".hidden"]
    for key in ("landing/.tmp-123", ".tmp-folder/a"):
        with pytest.raises(BadInput, match="unfinished"):
            store.put(key, root / ".hidden")


def test_a_failed_put_leaves_nothing_behind(root, store, tmp_path):
    (root / "folder").mkdir()
    (root / "folder" / "a").write_bytes(b"x")
    (tmp_path / "upload").write_bytes(b"x")
    for key in ("folder", "folder/a/b"):
        with pytest.raises(Conflict) as caught:
            store.put(key, tmp_path / "upload")
        assert caught.value.code == "key_conflict"
    with pytest.raises(BadInput, match="too long"):
        store.put("x" * 300, tmp_path / "upload")
    assert keys(store) == ["folder/a"]
    assert not list(root.rglob(".tmp-*"))


def test_deleting_removes_empty_folders_up_to_the_root(root, store):
    deep = root / "landing" / "demo" / "x" / "y"
    deep.mkdir(parents=True)
    (deep / "a").write_bytes(b"x")
    (root / "landing" / "b").write_bytes(b"x")
    store.delete("landing/demo/x/y/a")
    assert [path.name for path in root.rglob("*")] == ["landing", "b"]
    store.delete("landing/b")
    assert root.is_dir() and not list(root.iterdir())


def test_links_out_of_the_store_are_refused_and_not_listed(root, store, tmp_path, caplog):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "a").write_bytes(b"x")
    (root / "file").symlink_to(secret / "a")
    (root / "folder").symlink_to(secret)
    (root / "broken").symlink_to(root / "nothing")
    (root / "loop").symlink_to(root / "loop")
    for key in ("file", "folder/a", "folder/new", "loop"):
        with pytest.raises(BadInput) as caught:
            store.head(key)
        assert caught.value.code == "bad_key"
    assert store.head("broken") is None
    assert keys(store) == []
    assert caplog.text.count("not listed") == 4


def test_links_within_the_store_and_a_linked_root_work(root, store, tmp_path):
    (root / "landing" / "a").write_bytes(b"x")
    (root / "link").symlink_to(root / "landing" / "a")
    (tmp_path / "elsewhere").symlink_to(root)
    for each in (store, FileStore(f"file://{tmp_path}/elsewhere")):
        assert keys(each) == ["landing/a", "link"]
        with each.local("link") as path:
            assert path.read_bytes() == b"x"


def test_what_is_no_file_is_no_object(root, store):
    os.mkfifo(root / "pipe")
    assert store.head("pipe") is None
    assert keys(store) == []


def test_a_name_that_is_not_utf8_is_passed_over_with_a_warning(root, store, caplog):
    try:
        (root / os.fsdecode(b"caf\xe9.gct")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system only has Unicode names")
    (root / "plain").write_bytes(b"x")
    assert keys(store) == ["plain"]
    assert "not UTF-8" in caplog.text


def test_a_folder_that_may_not_be_read_is_named():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "landing").mkdir(0o000)
        store = FileStore(f"file://{folder}")
        with ordinary_user(), pytest.raises(Misconfigured) as caught:
            keys(store)
        assert caught.value.code == "store_unreadable"
        (Path(folder) / "landing").chmod(0o755)


def test_a_listing_survives_files_that_vanish(root, store):
    for name in "abc":
        (root / name).write_bytes(b"x")
    listing = store.list("")
    assert next(listing).key == "a"
    (root / "b").unlink()
    assert [info.key for info in listing] == ["c"]
