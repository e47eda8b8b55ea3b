"""Annotations become the `curated_*` columns of datasets and samples.

Owns the derivation rule: a column is NULL where nobody assessed the field, an empty list
where somebody did and found nothing. Rejected annotations do not count.
Keep out: how annotations come about.
"""

from __future__ import annotations

import polars as pl

from polly_assets.schema import TERM_FIELDS

_KEY = ["dataset_id", "sample_id"]


def for_samples(samples: pl.DataFrame, annotations: pl.DataFrame) -> pl.DataFrame:
    """The samples (with `dataset_id`, `sample_id`) with curated columns added.

    Every dataset of `samples` must have had an annotation pass.
    """
    own = annotations.filter(pl.col("sample_id").is_not_null(), pl.col("status") != "rejected")
    frame = samples
    for name in TERM_FIELDS:
        frame = _with_lists(frame, own, name, _KEY)
    for name in ("sex", "age", "sample_type"):
        first = _of(own, name).group_by(_KEY, maintain_order=True).agg(pl.col("label").first())
        frame = frame.join(
            first.rename({"label": f"curated_{name}"}), on=_KEY, how="left", maintain_order="left"
        )
    control = _of(own, "is_control").select(
        *_KEY, (pl.col("label") == "true").cast(pl.Int32).alias("curated_control")
    )
    control = control.unique(_KEY, keep="first", maintain_order=True)
    return frame.join(control, on=_KEY, how="left", maintain_order="left")


def for_datasets(datasets: pl.DataFrame, annotations: pl.DataFrame) -> pl.DataFrame:
    """The datasets (with `dataset_id`) with curated columns added.

    A dataset has the values of its samples; where no sample has any for a field, those
    that the study's own text gives.
    """
    kept = annotations.filter(pl.col("status") != "rejected")
    frame = datasets
    for name in TERM_FIELDS:
        found = _of(kept, name)
        by_samples = found.filter(pl.col("sample_id").is_not_null())
        study = found.join(by_samples, on="dataset_id", how="anti", maintain_order="left")
        frame = _with_lists(frame, pl.concat([by_samples, study]), name, ["dataset_id"])
    return frame


def _of(annotations: pl.DataFrame, field: str) -> pl.DataFrame:
    return annotations.filter(pl.col("field") == field)


def _with_lists(
    frame: pl.DataFrame, annotations: pl.DataFrame, name: str, key: list[str]
) -> pl.DataFrame:
    values = (
        _of(annotations, name)
        .unique([*key, "label", "curie"], keep="first", maintain_order=True)
        .group_by(key, maintain_order=True)
        .agg(
            pl.col("label").alias(f"curated_{name}"),
            pl.col("curie").fill_null("").alias(f"curated_{name}_curie"),
        )
    )
    nothing = pl.lit([], dtype=pl.List(pl.String))
    return frame.join(values, on=key, how="left", maintain_order="left").with_columns(
        pl.col(f"curated_{name}").fill_null(nothing),
        pl.col(f"curated_{name}_curie").fill_null(nothing),
    )
