"""The contract suite of object stores: subclass it and give `open_store`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polly_resources.errors import BadInput, NotFound
from polly_resources.objects.base import ObjectStore

BAD_KEYS = [
    "", "/", "/etc/passwd", "a/", "a//b", "..", "../a", "a/../b", "a/..", ".", "a/./b", "a\0b",
    "a/\udce9.gct", "a/" + "x" * 256, "a/" + "é" * 128,
]  # fmt: skip
ODD_KEYS = [
    "landing/demo/with space and ünïcode 测试.gct",
    "landing/demo/.hidden",
    "landing/demo/percent%2Fplus+hash#query?.txt",
    "landing/demo/'quote' \"double\" a=b;c,d:e|f*<g>",
    "landing/demo/new\nline",
    "landing/..odd../x...y",
    "landing/demo/ spaces at both ends ",
    "landing/demo/" + "é" * 127,
]


class ObjectStoreContract(ABC):
    """What every object store does."""

    @abstractmethod
    def open_store(self, folder: Path) -> ObjectStore:
        """A store that keeps its objects in the folder, or under its name."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> ObjectStore:
        return self.open_store(tmp_path / "store")

    @pytest.fixture
    def put(self, store, tmp_path):
        def put(key: str, content: bytes = b"x"):
            path = tmp_path / "upload"
            path.write_bytes(content)
            return store.put(key, path)

        return put

    def read(self, store: ObjectStore, key: str) -> bytes:
        with store.local(key) as path:
            return path.read_bytes()

    def test_it_says_what_serves_it(self, store):
        assert len(store.about()) > 3

    def test_what_was_put_can_be_read(self, store, put, tmp_path):
        info = put("landing/demo/a.gct", b"content")
        assert (info.key, info.size) == ("landing/demo/a.gct", 7)
        assert abs(info.modified_at - datetime.now(UTC)) < timedelta(minutes=1)
        assert store.head("landing/demo/a.gct") == info
        assert list(store.list("")) == [info]
        assert self.read(store, "landing/demo/a.gct") == b"content"
        assert (tmp_path / "upload").read_bytes() == b"content"

    def test_an_absent_object_has_no_facts_and_no_file(self, store, put):
        put("a/b")
        for key in ("nothing", "a", "a/b/c"):
            assert store.head(key) is None
            with pytest.raises(NotFound) as caught, store.local(key):
                pass
            assert caught.value.code == "object_not_found"

    def test_an_empty_store_lists_nothing(self, store):
        assert list(store.list("")) == list(store.list("landing/demo/")) == []
        store.delete("a")

    @pytest.mark.parametrize("key", ODD_KEYS)
    def test_odd_names_are_keys(self, store, put, key):
        info = put(key, b"odd")
        assert list(store.list("")) == [info]
        assert list(store.list(key[:-1])) == [info]
        assert self.read(store, key) == b"odd"
        store.delete(key)
        assert list(store.list("")) == []

    def test_a_backslash_is_no_slash(self, store, put):
        info = put("landing/back\\slash/a\\b", b"odd")
        assert list(store.list("")) == list(store.list("landing/back\\slash/")) == [info]
        assert self.read(store, info.key) == b"odd"
        assert store.head("landing/back/slash/a/b") is None

    @pytest.mark.parametrize("key", BAD_KEYS)
    def test_what_cannot_be_a_key_is_refused(self, store, tmp_path, key):
        (tmp_path / "upload").write_bytes(b"x")
        calls = [
            lambda: store.put(key, tmp_path / "upload"),
            lambda: store.head(key),
            lambda: store.delete(key),
            lambda: store.local(key).__enter__(),
        ]
        for call in calls:
            with pytest.raises(BadInput) as caught:
                call()
            assert caught.value.code == "bad_key"

    def test_replacing_changes_content_and_etag(self, store, put):
        old = put("a", b"one")
        new = put("a", b"two")
        assert old.etag != new.etag
        assert list(store.list("")) == [new]
        assert self.read(store, "a") == b"two"

    def test_the_store_can_be_its_own_source(self, store, put):
        put("a", b"one")
        with store.local("a") as path:
            store.put("a", path)
            store.put("b", path)
        assert self.read(store, "a") == self.read(store, "b") == b"one"

    def test_a_missing_file_cannot_be_put(self, store, tmp_path):
        with pytest.raises(NotFound):
            store.put("a", tmp_path / "missing")
        assert list(store.list("")) == []

    def test_deleting_is_final_and_repeatable(self, store, put):
        put("a/b/c")
        put("a/d")
        store.delete("a/b/c")
        store.delete("a/b/c")
        store.delete("a/b")
        assert [info.key for info in store.list("")] == ["a/d"]
        put("a/b", b"a folder once, an object now")
        assert store.head("a/b") is not None

    def test_prefixes_are_of_the_key_not_of_folders(self, store, put):
        keys = ["landing/demo/a", "landing/demo/ab/c", "landing/demo2/a", "raw/demo/a"]
        for key in keys:
            put(key)
        listed = lambda prefix: [info.key for info in store.list(prefix)]  # noqa: E731
        assert listed("landing/demo") == keys[:3]
        assert listed("landing/demo/") == keys[:2]
        assert listed("landing/demo/a") == keys[:2]
        assert listed("landing/demo/ab/") == keys[1:2]
        assert listed("l") == keys[:3]
        assert listed("landing/demo/a/") == listed("nothing/here") == []

    @settings(
        max_examples=20,
        deadline=None,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
        ],
    )
    @given(data=st.data())
    def test_listing_is_the_sorted_keys_with_the_prefix(self, tmp_path_factory, data):
        folder = tmp_path_factory.mktemp("property")
        store = self.open_store(folder / "store")
        (folder / "upload").write_bytes(b"x")
        part = st.text("aA-.0é/ ", min_size=1, max_size=6)
        legal = part.filter(lambda k: all(p not in ("", ".", "..") for p in k.split("/")))
        keys: set[str] = set()
        for key in data.draw(st.lists(legal, max_size=12)):
            taken = any(k.startswith(f"{key}/") or key.startswith(f"{k}/") for k in keys)
            if not taken:
                keys.add(key)
                store.put(key, folder / "upload")
        prefix = data.draw(st.sampled_from(["", "a", "a/", *(key[:2] for key in keys)]))
        if any(part in ("", ".", "..") for part in prefix.split("/")[:-1]):
            return
        found = [info.key for info in store.list(prefix)]
        assert found == sorted(key for key in keys if key.startswith(prefix))

    def test_readers_see_whole_objects_while_it_is_replaced(self, store, put, tmp_path):
        contents = [bytes([i]) * 200_000 for i in range(2)]
        for i, content in enumerate(contents):
            (tmp_path / f"c{i}").write_bytes(content)
        store.put("a", tmp_path / "c0")

        def write(i: int) -> None:
            store.put("a", tmp_path / f"c{i % 2}")

        with ThreadPoolExecutor(4) as pool:
            writes = [pool.submit(write, i) for i in range(20)]
            for _ in range(20):
                assert self.read(store, "a") in contents
                assert len(list(store.list(""))) == 1
            for done in writes:
                done.result()

    def test_folders_come_and_go_under_concurrent_use(self, store, tmp_path):
        (tmp_path / "upload").write_bytes(b"x")

        def work(i: int) -> None:
            store.put(f"deep/folder/{i}", tmp_path / "upload")
            store.delete(f"deep/folder/{i}")

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(100)))
        assert list(store.list("")) == []
