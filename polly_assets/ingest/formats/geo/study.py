"""One series on one platform, from its SOFT entities to a dataset.

Owns what a SOFT dataset holds:

- Features come in the platform table's order, as far as any sample has a row for them;
  features that only samples have follow. Without a platform table: order of appearance.
- The matrix is the `VALUE` column (see `samples`), matched by `ID_REF` and never by position.
  Other columns stay in the original; a notice names them.
- Column descriptions (`#VALUE = ...`) are dataset metadata where all samples agree, else
  sample columns under their own name.

Keep out: the SOFT grammar (`entities`), alignment (`align`), metadata names
(`common`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from polly_assets.ingest.formats.base import ParsedDataset
from polly_assets.ingest.formats.geo import common
from polly_assets.ingest.formats.geo.align import Alignment
from polly_assets.ingest.formats.geo.entities import Entity, Loaded
from polly_assets.ingest.formats.geo.samples import id_column
from polly_assets.ingest.formats.geo.stream import fault
from polly_assets.ingest.formats.geo.table import Table
from polly_assets.ingest.formats.wording import counted
from polly_resources.records import Notice


@dataclass(slots=True)
class Study:
    """The entities of one dataset, and what was noticed while reading them."""

    dataset_id: str
    file: str
    aligned: Alignment
    series: Entity
    platform: Entity
    database: Entity
    samples: list[Entity]
    notices: list[Notice] = field(default_factory=list)
    format: str = "geo_soft"
    platform_required: bool = True

    def notice(self, code: str, message: str, names: Sequence[str] = ()) -> None:
        """Records a notice about the named samples, columns or features."""
        self.notices.append(Notice(code, message, common.named(names)))


def dataset(study: Study) -> ParsedDataset:
    """The dataset of a study.

    Raises BadInput: a fault of one of its entities or tables, `no_platform`,
    `duplicate_sample`, `no_id_column`.
    """
    _require_sound(study)
    ids = [sample.name for sample in study.samples]
    records = [sample.attributes for sample in study.samples]
    columns = [sample.loaded.column if sample.loaded else None for sample in study.samples]
    _notice_tables(study)
    features = _features(study, study.aligned.measured(columns))
    matrix = study.aligned.matrix(features.get_column("feature_id"), columns)
    agreed, differing = _column_texts(study.samples)
    _compare_row_counts(study)
    return ParsedDataset(
        dataset_id=study.dataset_id,
        format=study.format,
        metadata=_metadata(study, agreed),
        samples=common.samples_frame(ids, records).with_columns(differing),
        features=features,
        matrices=(matrix,) if features.height else (),
        data_type=common.data_type(study.series.attributes, records),
        notices=tuple(study.notices),
    )


def _require_sound(study: Study) -> None:
    for entity in (study.database, study.series, study.platform, *study.samples):
        if entity.fault is not None:
            raise entity.fault
    seen: set[str] = set()
    for sample in study.samples:
        if not sample.name:
            raise fault(
                "no_sample_id",
                "found a sample without a name",
                sample.line,
                file=study.file,
                hint="write its accession, such as `^SAMPLE = GSM1`, in MINiML by `iid`",
            )
        if study.platform_required and len(set(sample.values("platform_id"))) != 1:
            found = ", ".join(sample.values("platform_id")) or "none"
            raise fault(
                "no_platform",
                f"found {found} as the platform of {sample.name}, expected one",
                sample.line,
                file=study.file,
                hint="name it, such as `!Sample_platform_id = GPL570`, in MINiML by `Platform-Ref`",
            )
        if sample.name in seen:
            raise fault(
                "duplicate_sample",
                f"found a second sample {sample.name}",
                sample.line,
                file=study.file,
                hint="sample ids must be unique: rename or delete one",
            )
        seen.add(sample.name)


def _notice_tables(study: Study) -> None:
    """Notices of the samples and columns that have no values, and of values left out."""
    loaded = {sample.name: sample.loaded or Loaded(0) for sample in study.samples}
    bare = [name for name, found in loaded.items() if not found.rows]
    valueless = [n for n, found in loaded.items() if found.rows and found.column is None]
    others = dict.fromkeys(name for found in loaded.values() for name in found.others)
    if valueless:
        study.notice("no_value_column", f"{len(valueless)} tables have no VALUE column", valueless)
    if len(bare) == len(loaded):
        study.notice("no_matrix", "no sample has a data table; see supplementary_file for the data")
    elif bare:
        study.notice(
            "samples_without_values",
            f"{counted(len(bare), 'sample has', 'samples have')} no data table",
            bare,
        )
    if others:
        study.notice("columns_not_loaded", f"{len(others)} further columns not loaded", [*others])
    if repeats := {name: found.repeats for name, found in loaded.items() if found.repeats}:
        study.notice(
            "duplicate_id_ref",
            f"{counted(sum(repeats.values()), 'row repeats', 'rows repeat')} an ID_REF of the "
            "table; the first was kept",
            [*repeats],
        )
    if errors := {name: found.errors for name, found in loaded.items() if found.errors}:
        study.notices.append(common.spreadsheet_errors(sum(errors.values()), [*errors]))


def _features(study: Study, measured: pl.Series) -> pl.DataFrame:
    """The measured features in platform order, with the platform's columns."""
    table = study.platform.table
    if table is None or table.empty or not measured.len():
        return measured.to_frame()
    frame = _platform_frame(table, id_column(table, "ID"))
    known = frame.filter(pl.col("feature_id").is_in(measured.implode()))
    once = known.unique("feature_id", keep="first", maintain_order=True)
    if repeats := known.height - once.height:
        many = counted(repeats, "platform row repeats", "platform rows repeat")
        study.notice(
            "duplicate_platform_id",
            f"{many} an ID; the first was kept",
            known.filter(known["feature_id"].is_duplicated())["feature_id"].unique().to_list(),
        )
    extra = measured.filter(~measured.is_in(once.get_column("feature_id").implode()))
    if extra.len():
        many = counted(extra.len(), "feature of samples is", "features of samples are")
        study.notice(
            "features_not_in_platform",
            f"{many} not in the table of {study.platform.name}",
            extra.head(5).to_list(),
        )
    return pl.concat([once, extra.to_frame()], how="diagonal")


def _platform_frame(table: Table, key: int) -> pl.DataFrame:
    """A platform's table, its ids first and without padding; unnamed empty columns left out."""
    frame = table.strings()
    columns = [frame[str(key)].str.strip_chars().alias("feature_id")]
    for i, name in enumerate(table.header):
        taken = [column.name for column in columns]
        column = frame[str(i)]
        if i != key and (name or column.null_count() < frame.height):
            columns.append(column.alias(_unused(name or f"column_{i + 1}", taken)))
    return pl.DataFrame(columns)


def _unused(name: str, taken: Sequence[str]) -> str:
    tries = (f"{name}.{n}" if n else name for n in range(len(taken) + 1))
    return next(found for found in tries if found not in taken)


def _column_texts(samples: Sequence[Entity]) -> tuple[dict[str, str], list[pl.Series]]:
    """Descriptions of sample table columns: those on which samples agree, and the others."""
    agreed: dict[str, str] = {}
    differing = []
    for name in dict.fromkeys(name for sample in samples for name in sample.columns):
        texts = [sample.columns.get(name) or None for sample in samples]
        distinct = [text for text in dict.fromkeys(texts) if text]
        if len(distinct) > 1:
            differing.append(pl.Series(f"#{name}", texts, pl.String))
        elif distinct:
            agreed[name] = distinct[0]
    return agreed, differing


def _metadata(study: Study, column_texts: dict[str, str]) -> dict[str, Any]:
    metadata = common.dataset_metadata(
        _named(study.series), _named(study.platform), study.database.attributes
    )
    described = {name: text for name, text in study.platform.columns.items() if text}
    return metadata | {
        name: texts
        for name, texts in (
            ("platform_table_columns", described),
            ("sample_table_columns", column_texts),
        )
        if texts
    }


def _named(entity: Entity) -> dict[str, list[str]]:
    own = {"geo_accession": [entity.name]} if entity.name else {}
    return own | entity.attributes


def _compare_row_counts(study: Study) -> None:
    """Notices where tables are longer or shorter than they declare, or absent."""
    platform = study.platform
    rows = {sample.name: sample.loaded.rows if sample.loaded else 0 for sample in study.samples}
    if platform.table:
        rows = {platform.name: platform.table.row_count} | rows
    declared = {e.name: e.first("data_row_count") for e in (platform, *study.samples)}
    study.notices.extend(common.row_count_notices(rows, declared))
