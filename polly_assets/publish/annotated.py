"""The annotations of a group of datasets, by sample, in little memory.

Owns what is held of them while samples are published: each answer once, and where it was given.
Keep out: what becomes of them (`curated_columns`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from polly_assets.batch_data import SAMPLES_AT_ONCE, sample_count, samples_of
from polly_assets.schema import ANNOTATIONS, TERM_FIELDS
from polly_assets.work import Work

FIELDS = (*TERM_FIELDS, "sex", "age", "sample_type", "is_control")
"""What annotations are of: of a large dataset, all of one are read at once."""

_ANSWER = ["dataset_id", "field", "label", "curie", "status"]
_KEY = ["dataset_id", "sample_id"]


class Annotated:
    """What was said of the samples of a group of datasets, and of the datasets themselves."""

    def __init__(self, work: Work, group: Sequence[dict[str, Any]]) -> None:
        """`group` is rows of `normalized_datasets`, see `batch_data.groups`."""
        ids = pl.concat([part[:, [0, 2]] for part in samples_of(work, group, ["sample_id"])])
        ids.columns = _KEY
        self.group = group
        self._places = ids.with_row_index("place")
        self._answers: list[pl.DataFrame] = []
        given = [self._placed(rows) for rows in _read(work, group)]
        self._given = pl.concat(given).sort("place", maintain_order=True)

    def _placed(self, rows: pl.DataFrame) -> pl.DataFrame:
        """For each annotation of a sample the place of both; annotations are known after."""
        said = rows.with_columns(sampled=pl.col("sample_id").is_not_null())
        known = sum(each.height for each in self._answers)
        key = [*_ANSWER, "sampled"]
        answers = said.select(key).unique(maintain_order=True).with_row_index("answer", known)
        self._answers.append(answers)
        answered = said.join(answers, on=key, nulls_equal=True, maintain_order="left")
        return answered.join(self._places, on=_KEY, maintain_order="left").select("place", "answer")

    def of_datasets(self) -> pl.DataFrame:
        """Each answer once; `sample_id` is NULL where it was given of the dataset itself."""
        sample = pl.when("sampled").then(pl.lit("")).alias("sample_id")
        return pl.concat(self._answers).select(*_ANSWER, sample)

    def of_samples(self, first: int, count: int) -> pl.DataFrame:
        """The annotations of `count` samples of the group, the first of which is at `first`."""
        places = self._given["place"]
        begin, end = (int(places.search_sorted(at)) for at in (first, first + count))
        found = self._given[begin:end].join(
            pl.concat(self._answers), on="answer", maintain_order="left"
        )
        own = self._places[first : first + count].drop("dataset_id")
        return found.join(own, on="place", maintain_order="left").select(*_ANSWER, "sample_id")


def _read(work: Work, group: Sequence[dict[str, Any]]) -> Iterator[pl.DataFrame]:
    where: dict[str, Sequence[Any]] = {"dataset_id": [row["dataset_id"] for row in group]}
    large = sum(map(sample_count, group)) > SAMPLES_AT_ONCE
    for name in FIELDS if large else (None,):
        if name is not None:
            where["field"] = [name]
        yield pl.DataFrame(work.read(ANNOTATIONS, [*_ANSWER, "sample_id"], where=where))
