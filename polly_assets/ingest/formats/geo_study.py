"""One series on one platform, from its SOFT entities to a dataset.

Owns what a SOFT dataset holds:

- Features come in the platform table's order, as far as any sample has a row for them;
  features that only samples have follow. Without a platform table: order of appearance.
- The matrix is the `VALUE` column, matched by `ID_REF` and never by position. Other columns
  stay in the original; a notice names them.
- Column descriptions (`#VALUE = ...`) are dataset metadata where all samples agree, else
  sample columns under their own name.

Keep out: the SOFT grammar (`geo_entities`), alignment (`geo_align`), metadata names
(`geo_common`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from polly_assets.ingest.formats import geo_common as common
from polly_assets.ingest.formats.base import DenseMatrix, ParsedDataset
from polly_assets.ingest.formats.geo_align import Alignment
from polly_assets.ingest.formats.geo_entities import Entity
from polly_assets.ingest.formats.geo_table import GeoText, Table
from polly_resources.records import Notice


@dataclass(slots=True)
class Study:
    """The entities of one dataset, and what was noticed while reading them."""

    dataset_id: str
    text: GeoText
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
    aligned = _align(study)
    features = _features(study, aligned.measured())
    values = aligned.matrix(features.get_column("feature_id"), len(ids))
    agreed, differing = _column_texts(study.samples)
    _compare_row_counts(study)
    return ParsedDataset(
        dataset_id=study.dataset_id,
        format=study.format,
        metadata=_metadata(study, agreed),
        samples=common.samples_frame(ids, records).with_columns(differing),
        features=features,
        matrices=(DenseMatrix(values),) if features.height else (),
        data_type=common.data_type(study.series.attributes, records),
        notices=tuple(study.notices),
    )


def _require_sound(study: Study) -> None:
    for entity in (study.database, study.series, study.platform, *study.samples):
        if entity.fault is not None:
            raise entity.fault
    seen: set[str] = set()
    for sample in study.samples:
        if study.platform_required and len(set(sample.values("platform_id"))) != 1:
            found = ", ".join(sample.values("platform_id")) or "none"
            raise study.text.fault(
                "no_platform",
                f"found {found} as the platform of {sample.name}, expected one",
                study.text.line_at(sample.start),
                hint="name it, such as `!Sample_platform_id = GPL570`, in MINiML by `Platform-Ref`",
            )
        if sample.name in seen:
            raise study.text.fault(
                "duplicate_sample",
                f"found a second sample {sample.name}",
                study.text.line_at(sample.start),
                hint="sample ids must be unique: rename or delete one",
            )
        seen.add(sample.name)


def _align(study: Study) -> Alignment:
    """The VALUE columns of all samples; notices say which samples and columns have none."""
    aligned = Alignment()
    bare, valueless, loaded = [], [], []
    others: dict[str, None] = {}
    for position, sample in enumerate(study.samples):
        table = sample.table
        if table is None or not table.row_count:
            bare.append(sample.name)
            continue
        header = table.header
        key, value = _column(table, "ID_REF"), _find(header, "VALUE")
        others |= dict.fromkeys(n for i, n in enumerate(header) if i not in (key, value))
        if value is None:
            valueless.append(sample.name)
            continue
        ids, values = table.numbers(key, [value])
        aligned.add(position, ids, values[:, 0])
        loaded.append(sample.name)
    if valueless:
        study.notice("no_value_column", f"{len(valueless)} tables have no VALUE column", valueless)
    if not (loaded or valueless):
        study.notice("no_matrix", "no sample has a data table; see supplementary_file for the data")
    elif bare:
        study.notice("samples_without_values", f"{len(bare)} samples have no data table", bare)
    if others:
        study.notice("columns_not_loaded", f"{len(others)} further columns not loaded", [*others])
    _notice_repeats(study, aligned)
    return aligned


def _find(header: Sequence[str], name: str) -> int | None:
    return next((i for i, found in enumerate(header) if found.upper() == name), None)


def _column(table: Table, name: str) -> int:
    header = table.header
    found = _find(header, name)
    if found is None:
        raise table.text.fault(
            "no_id_column",
            f"found columns {common.named(header) or 'none'}, expected {name} among them",
            table.text.line_at(table.start),
            hint=f"the column that identifies features must be called {name}",
        )
    return found


def _notice_repeats(study: Study, aligned: Alignment) -> None:
    if repeated := aligned.repeated():
        study.notice(
            "duplicate_id_ref",
            f"{sum(repeated.values())} rows repeat an ID_REF of their table; the first was kept",
            [study.samples[position].name for position in repeated],
        )


def _features(study: Study, measured: pl.Series) -> pl.DataFrame:
    """The measured features in platform order, with the platform's columns."""
    table = study.platform.table
    if table is None or not table.row_count or not measured.len():
        return measured.to_frame()
    key, names = _column(table, "ID"), ["feature_id"]
    for name in table.header:
        names.append(_unused(name, names))
    frame = table.strings()
    frame = frame.select(str(key), pl.exclude(str(key)))
    frame.columns = [names[0], *(name for i, name in enumerate(names[1:]) if i != key)]
    known = frame.filter(pl.col("feature_id").is_in(measured.implode()))
    once = known.unique("feature_id", keep="first", maintain_order=True)
    if repeats := known.height - once.height:
        study.notice(
            "duplicate_platform_id",
            f"{repeats} platform rows repeat an ID; the first was kept",
            known.filter(known["feature_id"].is_duplicated())["feature_id"].unique().to_list(),
        )
    extra = measured.filter(~measured.is_in(once.get_column("feature_id").implode()))
    if extra.len():
        study.notice(
            "features_not_in_platform",
            f"{extra.len()} features of samples are not in the table of {study.platform.name}",
            extra.head(5).to_list(),
        )
    return pl.concat([once, extra.to_frame()], how="diagonal")


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
    entities = [e for e in (study.platform, *study.samples) if e.table or e.kind == "SAMPLE"]
    rows = {e.name: e.table.row_count if e.table else 0 for e in entities}
    declared = {e.name: e.first("data_row_count") for e in entities}
    study.notices.extend(common.row_count_notices(rows, declared))
