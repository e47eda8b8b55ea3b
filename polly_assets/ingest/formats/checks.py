"""What every matrix owes its samples and features: ids that are there, samples that are unique.

Owns the checks that all text matrices share. Keep out: how a format stores the ids.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from polly_assets.ingest.formats.wording import counted
from polly_resources.errors import BadInput
from polly_resources.records import Notice

_LISTED = 10

_MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)"
_DAY = "[0-9]{1,2}"
_ISO_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}(?: 00:00:00)?"
_DATE = rf"(?i-u)^(?:{_DAY}[- ]{_MONTH}|{_MONTH}[- ]{_DAY}|{_ISO_DATE})$"
"""What Excel makes of MARCH1, SEPT2 and DEC1 (Ziemann et al., doi:10.1186/s13059-016-1044-7)."""


def check_features(features: pl.DataFrame) -> tuple[pl.DataFrame, tuple[Notice, ...]]:
    """Features with `feature_id` never null, and Notices on empty, repeated and mangled ids."""
    notices = []
    if features["feature_id"].null_count():
        features = features.with_columns(pl.col("feature_id").fill_null(""))
    ids = pl.col("feature_id")
    empty, distinct, dated = features.select(
        (ids == "").sum().alias("empty"),
        ids.n_unique().alias("distinct"),
        ids.str.contains(_DATE).any().alias("dated"),
    ).row(0)
    if empty:
        message = (
            f"{counted(empty, 'feature has', 'features have')} no id, and the empty text for one"
        )
        notices.append(Notice("empty_feature_ids", message))
    if repeated := features.height - distinct:
        twice = features.filter(ids.is_duplicated())["feature_id"]
        some = twice.unique(maintain_order=True).head(_LISTED)
        many = counted(repeated, "feature repeats", "features repeat")
        message = f"{many} an earlier id, such as {', '.join(some)}"
        notices.append(Notice("duplicate_feature_ids", message))
    if dated:
        dates = features.filter(ids.str.contains(_DATE))["feature_id"]
        some = dates.head(_LISTED)
        many = counted(len(dates), "feature is", "features are")
        message = (
            f"{many} called like dates, such as {', '.join(some)}: "
            "a spreadsheet made them of gene symbols (MARCHF1, SEPTIN2, ...)"
        )
        notices.append(Notice("dates_as_feature_ids", message))
    return features, tuple(notices)


def check_samples(ids: Sequence[str], places: Sequence[str], file: str) -> None:
    """Raises BadInput `missing_sample_id` or `duplicate_sample_ids` at the sample's place."""
    first: dict[str, str] = {}
    for sample, place in zip(ids, places, strict=True):
        if sample.strip() and sample not in first:
            first[sample] = place
            continue
        known = sample in first
        raise BadInput(
            "duplicate_sample_ids" if known else "missing_sample_id",
            f"sample {sample!r} is also at {first[sample]}, expected each sample once"
            if known
            else "the sample has no id",
            file=file,
            place=place,
            hint="give each sample its own id",
        )


def check_many_samples(ids: pl.Series, place: Callable[[int], str], file: str) -> None:
    """As `check_samples`, for millions: places are made only where an id is wrong."""
    if ids.n_unique() == len(ids) and not ids.null_count() and ids.str.strip_chars().ne("").all():
        return
    check_samples(ids.fill_null("").to_list(), [place(row) for row in range(len(ids))], file)
