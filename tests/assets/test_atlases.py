"""The registry of atlases: names, shards, and creation by several at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polly_assets import atlases
from polly_resources.errors import BadInput, Conflict, NotFound
from polly_resources.tables.delta import DeltaStore


@pytest.fixture
def tables(tmp_path):
    return DeltaStore(f"delta://{tmp_path}/tables")


def test_created_listed_and_found(tables):
    assert atlases.listed(tables) == []
    made = [atlases.create(tables, name, f"of {name}", shards=2) for name in ("b", "a")]
    assert atlases.listed(tables) == made[::-1]
    assert atlases.get(tables, "a") == made[1]
    assert atlases.get_or_create(tables, "b") == made[0]
    assert atlases.get_or_create(tables, "c").shards == 1


@pytest.mark.parametrize("name", ["", "A", "1a", "a-b", "a b", "é", "platform", "a" * 64, "a\n"])
def test_bad_names(tables, name):
    with pytest.raises(BadInput) as caught:
        atlases.create(tables, name)
    assert caught.value.code == "bad_atlas_name"


@pytest.mark.parametrize("shards", [0, -1, 257])
def test_bad_sizes(tables, shards):
    with pytest.raises(BadInput):
        atlases.create(tables, "a", shards=shards)


def test_conflict_and_not_found(tables):
    atlases.create(tables, "a")
    with pytest.raises(Conflict):
        atlases.create(tables, "a")
    with pytest.raises(NotFound) as caught:
        atlases.get(tables, "b")
    assert caught.value.hint == "atlases: a"


def test_several_at_once_make_one(tables):
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: atlases.get_or_create(tables, "a"), range(8)))
    assert [atlas.name for atlas in atlases.listed(tables)] == ["a"]
    assert {atlas.shards for atlas in made} == {1}
    assert atlases.get(tables, "a") in made


@given(st.text(), st.integers(1, 256))
def test_every_dataset_has_one_shard(dataset_id, shards):
    atlas = atlases.Atlas("a", "", shards, datetime.now(UTC))
    shard = atlas.shard_of(dataset_id)
    assert 0 <= shard < shards and shard == atlas.shard_of(dataset_id)
    key = atlases.partition_key("a", shard)
    assert key in atlas.partitions() and atlases.parse_partition_key(key) == ("a", shard)


def test_shards_are_the_same_on_every_machine():
    atlas = atlases.Atlas("a", "", 256, datetime.now(UTC))
    assert [atlas.shard_of(name) for name in ("GSE1", "GSE2", "")] == [63, 255, 180]
