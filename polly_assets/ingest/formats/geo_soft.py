"""GEO SOFT family files: one dataset per series and platform.

Owns the way from SOFT entities to datasets `GSE_GPL`:

- A sample belongs to the platform that its `!Sample_platform_id` names, and to the file's
  series; where a file holds several series (a platform's family), to those that name it.
- Without a series in the file, the dataset is named after the platform; without that too,
  after the file.
- A fault in a sample or platform fails the datasets that need it; the others are read.
- A file with a `^DATASET` is a curated GEO DataSet (`geo_gds`).

Add here rules of what makes a dataset. Keep out: the SOFT grammar (`geo_entities`), metadata
rules (`geo_common`), what a dataset holds (`geo_study`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from polly_assets.ingest.formats import geo_common as common
from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Reader, Source
from polly_assets.ingest.formats.geo_entities import Entity, entities
from polly_assets.ingest.formats.geo_gds import gds_datasets
from polly_assets.ingest.formats.geo_study import Study, dataset
from polly_assets.ingest.formats.geo_table import GeoText
from polly_assets.ingest.formats.text import dataset_id_from_name, read_bytes, utf8_lines
from polly_resources.errors import BadInput

_FIRST_LINE = re.compile(rb"^\^(DATABASE|SERIES|PLATFORM|SAMPLE|DATASET)[ \t]*=", re.I | re.M)


class SoftFamilyReader(Reader):
    """Reads SOFT families (`GSE6344_family.soft.gz`), single records, and GDS."""

    name = "geo_soft"
    suffixes = (".soft", "_family.txt")

    def sniff(self, name: str, head: bytes) -> bool:
        """Whether a line of the head opens a SOFT entity."""
        return _FIRST_LINE.search(head) is not None

    def read(self, source: Source) -> Iterator[ParsedDataset | FailedDataset]:
        """The datasets of a family, one per series and platform, or of a curated DataSet.

        Raises BadInput `missing_entity` or `no_samples` for the whole file, and whatever a
        dataset fails for where it is the file's only one.
        """
        data, notices = utf8_lines(read_bytes(source.path, source.name), source.name)
        notices += common.unused_sidecars(source)
        text = GeoText(data, source.name)
        found = list(entities(text))
        if any(entity.kind == "DATASET" for entity in found):
            yield from gds_datasets(found, text, notices)
            return
        parts = list(studies(found, text))
        for study in parts:
            study.notices.extend(notices)
            try:
                yield dataset(study)
            except BadInput as error:
                if len(parts) == 1:
                    raise
                yield FailedDataset(study.dataset_id, error)


def studies(found: Sequence[Entity], text: GeoText) -> Iterator[Study]:
    """Groups a file's entities into one study per series and platform.

    Raises BadInput `no_samples`.
    """
    _require_samples(found, text.name)
    series = {e.name: e for e in found if e.kind == "SERIES"}
    platforms = {e.name: e for e in found if e.kind == "PLATFORM"}
    database = next((e for e in found if e.kind == "DATABASE"), Entity("DATABASE", ""))
    groups: dict[tuple[str, str], list[Entity]] = {}
    for sample in (e for e in found if e.kind == "SAMPLE"):
        for one in _series_of(sample, list(series.values())):
            groups.setdefault((one, sample.first("platform_id")), []).append(sample)
    for (one, platform), samples in groups.items():
        lonely = not one and platform not in platforms
        study = Study(
            dataset_id=common.dataset_id(
                dataset_id_from_name(text.name) if lonely else one,
                "" if lonely and len(groups) == 1 else platform,
                text.name,
            ),
            text=text,
            series=series.get(one) or Entity("SERIES", ""),
            platform=platforms.get(platform) or Entity("PLATFORM", platform),
            database=database,
            samples=samples,
        )
        _notice_absent(study, found)
        yield study


def _notice_absent(study: Study, found: Sequence[Entity]) -> None:
    """Notices samples that the series lists and the file lacks, on whatever platform."""
    present = {e.name for e in found if e.kind == "SAMPLE"}
    absent = [name for name in study.series.values("sample_id") if name not in present]
    if absent:
        message = f"the series lists {len(absent)} samples that are not in the file"
        study.notice("samples_not_in_file", message, absent)


def _require_samples(found: Sequence[Entity], name: str) -> None:
    if not any(e.kind == "SAMPLE" for e in found):
        raise BadInput(
            "no_samples",
            f"found no sample among {len(found)} entities",
            file=name,
            hint="upload the series family (GSEnnn_family.soft.gz)",
        )


def _series_of(sample: Entity, series: Sequence[Entity]) -> list[str]:
    """The names of the series that a sample belongs to; [""] where it has none."""
    if len(series) == 1:
        return [series[0].name]
    own = set(sample.values("series_id"))
    return [e.name for e in series if e.name in own or sample.name in e.values("sample_id")] or [""]
