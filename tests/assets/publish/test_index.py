"""The search index of a batch, and how it mends itself."""

from __future__ import annotations

from pathlib import Path

from tests.assets.instance import gct


def test_a_damaged_index_is_made_anew_from_the_tables(instance, write):
    instance.ingest(write("d1.gct", gct()))
    instance.ingest(write("d2.gct", gct()))
    folder = Path(instance.settings.search.removeprefix("tantivy://")) / "demo"
    damaged = [path for path in folder.rglob("meta.json") if path.write_text("{") is not None]
    assert damaged
    (job,) = instance.ingest(write("d3.gct", gct()))
    assert job.error is None
    assert instance.found() == ["d1", "d2", "d3"]
    assert instance.search.count("demo") == 3
