"""GEO SOFT family files: one dataset per series and platform.

Owns the way from SOFT entities to datasets `GSE_GPL`:

- A sample belongs to the platform that its `!Sample_platform_id` names, and to the file's
  series; where a file holds several series (a platform's family), to those that name it.
- Without a series in the file, the dataset is named after the platform; without that too,
  after the file.
- A fault in a sample or platform fails the datasets that need it; the others are read.
- A file with a `^DATASET` is a curated GEO DataSet (`gds`).

Add here rules of what makes a dataset. Keep out: the SOFT grammar (`entities`), metadata
rules (`common`), what a dataset holds (`study`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Reader, Source
from polly_assets.ingest.formats.counts.geo import with_count_files
from polly_assets.ingest.formats.geo import common
from polly_assets.ingest.formats.geo.align import Alignment
from polly_assets.ingest.formats.geo.described import Descriptions
from polly_assets.ingest.formats.geo.entities import KINDS, Entity, entities
from polly_assets.ingest.formats.geo.gds import gds_datasets
from polly_assets.ingest.formats.geo.samples import put_away
from polly_assets.ingest.formats.geo.stream import GeoStream, as_utf8
from polly_assets.ingest.formats.geo.study import Study, dataset
from polly_assets.ingest.formats.streams.text import dataset_id_from_name
from polly_resources.errors import BadInput
from polly_resources.records import Notice

_FIRST_LINE = re.compile(rb"^\^(DATABASE|SERIES|PLATFORM|SAMPLE|DATASET)[ \t]*=", re.I | re.M)


class SoftFamilyReader(Reader):
    """Reads SOFT families (`GSE6344_family.soft.gz`), single records, and GDS."""

    name = "geo_soft"
    suffixes = (".soft", "_family.txt")

    def sniff(self, name: str, head: bytes) -> bool:
        """Whether a line of the head opens a SOFT entity; by name for nothing or a web page."""
        start = as_utf8(head).lstrip()
        named = name.removesuffix(".gz").endswith(self.suffixes)
        return _FIRST_LINE.search(start) is not None or (named and start[:1] in (b"", b"<"))

    def read(self, source: Source) -> Iterator[ParsedDataset | FailedDataset]:
        """The datasets of a family, one per series and platform, or of a curated DataSet.

        Raises BadInput `missing_entity` or `no_samples` for the whole file, and whatever a
        dataset fails for where it is the file's only one.
        """
        beside = Descriptions(source)
        stream, aligned = GeoStream(source.path, source.name), Alignment()
        found = []
        for entity in entities(stream):
            found.append(entity)
            if entity.kind == "SAMPLE":
                put_away(entity, aligned)
        notices = (*stream.notices, *unused(found))
        if any(entity.kind == "DATASET" for entity in found):
            found_in = gds_datasets(found, source.name, notices, beside)
            yield from with_count_files(source, found_in)
            return
        parts = list(studies(found, source.name, aligned))
        yield from with_count_files(source, datasets(parts, notices, beside))


def datasets(
    parts: Sequence[Study], notices: Sequence[Notice], beside: Descriptions
) -> Iterator[ParsedDataset | FailedDataset]:
    """The dataset of each study; where there is one only, its fault is the file's."""
    samples = [sample.name for study in parts for sample in study.samples]
    for study in parts:
        study.notices.extend(notices)
        try:
            found = dataset(study)
        except BadInput as error:
            if len(parts) == 1:
                raise
            yield FailedDataset(study.dataset_id, error)
        else:
            yield beside.told(found, samples, len(parts) > 1)


def unused(found: Sequence[Entity]) -> Iterator[Notice]:
    """Notices of entities that no rule is about, and of those given twice."""
    strange = [e for e in found if e.kind not in KINDS]
    if strange:
        message = f"{len(strange)} entities are of unknown kinds, and were not loaded"
        yield Notice("unknown_entity", message, common.named([f"^{e.kind}" for e in strange]))
    counts = Counter((e.kind, e.name) for e in found if e.kind in ("SERIES", "PLATFORM"))
    twice = [name for (_, name), count in counts.items() if count > 1]
    if twice:
        message = f"{len(twice)} entities are given more than once; the first counts"
        yield Notice("duplicate_entity", message, common.named(twice))


def studies(found: Sequence[Entity], file: str, aligned: Alignment) -> Iterator[Study]:
    """Groups a file's entities into one study per series and platform.

    Raises BadInput `no_samples`.
    """
    _require_samples(found, file)
    series = {e.name: e for e in reversed(found) if e.kind == "SERIES"}
    series = dict(reversed(series.items()))
    platforms = {e.name: e for e in reversed(found) if e.kind == "PLATFORM"}
    database = next((e for e in found if e.kind == "DATABASE"), Entity("DATABASE", ""))
    groups: dict[tuple[str, str], list[Entity]] = {}
    for sample in (e for e in found if e.kind == "SAMPLE"):
        for one in _series_of(sample, list(series.values())):
            groups.setdefault((one, sample.first("platform_id")), []).append(sample)
    used = {name for group in groups for name in group}
    idle = [name for name in (*series, *platforms) if name not in used]
    present = {e.name for e in found if e.kind == "SAMPLE"}
    for (one, platform), samples in groups.items():
        lonely = not one and platform not in platforms
        study = Study(
            dataset_id=common.dataset_id(
                dataset_id_from_name(file) if lonely else one,
                "" if lonely and len(groups) == 1 else platform,
                file,
            ),
            file=file,
            aligned=aligned,
            series=series.get(one) or Entity("SERIES", ""),
            platform=platforms.get(platform) or Entity("PLATFORM", platform),
            database=database,
            samples=samples,
        )
        _notice_absent(study, present)
        if idle:
            message = f"{len(idle)} series or platforms have no sample in the file: not loaded"
            study.notice("entities_without_samples", message, idle)
        yield study


def _notice_absent(study: Study, present: set[str]) -> None:
    """Notices samples that the series lists and the file lacks, on whatever platform."""
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
