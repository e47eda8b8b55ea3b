"""GEO SOFT family files: one dataset per series and platform.

Owns the way from SOFT entities to datasets `GSE_GPL`:

- A sample belongs to the platform that its `!Sample_platform_id` names, and to the file's
  series; where a file holds several series (a platform's family), to those that name it.
- Without a series in the file, the dataset is named after the platform; without that too,
  after the file.
- A fault in a sample or platform fails the datasets that need it, or may do; the others are read.
- A file with a `^DATASET` is a curated GEO DataSet (`gds`).

Add here rules of what makes a dataset. Keep out: the SOFT grammar (`entities`), metadata
rules (`common`), what a dataset holds (`study`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from polly_assets.ingest.formats.base import FailedDataset, Source
from polly_assets.ingest.formats.geo import common
from polly_assets.ingest.formats.geo.align import Alignment
from polly_assets.ingest.formats.geo.entities import KINDS, Entity, entities
from polly_assets.ingest.formats.geo.gds import gds_datasets
from polly_assets.ingest.formats.geo.reader import Found, GeoReader, Item
from polly_assets.ingest.formats.geo.samples import put_away
from polly_assets.ingest.formats.geo.stream import GeoStream, as_utf8, fault
from polly_assets.ingest.formats.geo.study import Study, dataset
from polly_assets.ingest.formats.streams.text import dataset_id_from_name
from polly_assets.ingest.formats.wording import counted
from polly_resources.errors import BadInput
from polly_resources.records import Notice

_FIRST_LINE = re.compile(rb"^\^(DATABASE|SERIES|PLATFORM|SAMPLE|DATASET)[ \t]*=", re.I | re.M)


class SoftFamilyReader(GeoReader):
    """Reads SOFT families (`GSE6344_family.soft.gz`), single records, and GDS."""

    name = "geo_soft"
    suffixes = (".soft", "_family.txt")

    def sniff(self, name: str, head: bytes) -> bool:
        """Whether a line of the head opens a SOFT entity; by name for nothing or a web page."""
        start = as_utf8(head).lstrip()
        named = name.removesuffix(".gz").endswith(self.suffixes)
        return _FIRST_LINE.search(start) is not None or (named and start[:1] in (b"", b"<"))

    def read_alone(self, source: Source) -> Found:
        """The datasets of a family, one per series and platform, or of a curated DataSet.

        Raises BadInput `missing_entity` or `no_samples` for the whole file, and whatever a
        dataset fails for where it is the file's only one.
        """
        stream, aligned = GeoStream(source.path, source.name), Alignment()
        found = []
        for entity in entities(stream):
            found.append(entity)
            if entity.kind == "SAMPLE":
                put_away(entity, aligned)
        if any(entity.kind == "DATASET" for entity in found):
            return gds_datasets(found, source.name, (*stream.notices, *unused(found)))
        parts = [*studies(found, stream, aligned)]
        return datasets(parts, (*stream.notices, *unused(found), *idle(found, parts)))


def datasets(parts: Sequence[Study], notices: Sequence[Notice]) -> Found:
    """The dataset of each study; where there is one only, its fault is the file's."""
    samples = [sample.name for study in parts for sample in study.samples]
    return Found(samples, len(parts) > 1, _datasets(parts, notices))


def _datasets(parts: Sequence[Study], notices: Sequence[Notice]) -> Iterator[Item]:
    """The datasets; what is to be told of the file is told of the first that can be read."""
    untold = notices
    for study in parts:
        study.notices.extend(untold)
        try:
            found = dataset(study)
        except BadInput as error:
            if len(parts) == 1:
                raise
            yield FailedDataset(study.dataset_id, error)
        else:
            untold = ()
            yield found


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


def idle(found: Sequence[Entity], parts: Sequence[Study]) -> Iterator[Notice]:
    """A notice of series and platforms that no study is about."""
    used = {entity.name for study in parts for entity in (study.series, study.platform)}
    names = dict.fromkeys(e.name for e in found if e.kind in ("SERIES", "PLATFORM"))
    if lonely := [name for name in names if name not in used]:
        message = f"{len(lonely)} series or platforms have no sample in the file: not loaded"
        yield Notice("entities_without_samples", message, common.named(lonely))


def studies(found: Sequence[Entity], stream: GeoStream, aligned: Alignment) -> Iterator[Study]:
    """Groups the entities of a file, which is read to its end, into one study per dataset.

    Raises BadInput `no_samples`, or the fault by which there is none.
    """
    _require_samples(found, stream)
    file = stream.name
    series = {e.name: e for e in reversed(found) if e.kind == "SERIES"}
    series = dict(reversed(series.items()))
    platforms = {e.name: e for e in reversed(found) if e.kind == "PLATFORM"}
    database = next((e for e in found if e.kind == "DATABASE"), Entity("DATABASE", ""))
    groups = _grouped([e for e in found if e.kind == "SAMPLE"], list(series.values()))
    present = {e.name for e in found if e.kind == "SAMPLE"}
    told: set[str] = set()
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
        if one not in told:
            told.add(one)
            _notice_absent(study, present)
        yield study


def _grouped(
    samples: Sequence[Entity], series: Sequence[Entity]
) -> dict[tuple[str, str], list[Entity]]:
    """The samples by series and platform.

    One without a platform, or with several, is of each dataset that it may be of, and fails it: as
    without it the dataset would be wrong.
    """
    groups: dict[tuple[str, str], list[Entity]] = {}
    for sample in sorted(samples, key=_is_lost):
        platforms = sample.values("platform_id")
        for one in _series_of(sample, series):
            own = [(one, sample.first("platform_id"))]
            if _is_lost(sample):
                near = [group for group in groups if group[0] == one]
                own = [group for group in near if not platforms or group[1] in platforms] or own
            for group in own:
                groups.setdefault(group, []).append(sample)
    return groups


def _is_lost(sample: Entity) -> bool:
    return len({*sample.values("platform_id")}) != 1


def _notice_absent(study: Study, present: set[str]) -> None:
    """Notices samples that the series lists and the file lacks, on whatever platform."""
    absent = [name for name in study.series.values("sample_id") if name not in present]
    if absent:
        many = counted(len(absent), "sample that is", "samples that are")
        message = f"the series lists {many} not in the file"
        study.notice("samples_not_in_file", message, absent)


def _require_samples(found: Sequence[Entity], stream: GeoStream) -> None:
    if not any(e.kind == "SAMPLE" for e in found):
        for entity in found:
            if entity.fault is not None:
                raise entity.fault
        kinds = Counter(e.kind for e in found)
        held = ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "nothing"
        raise fault(
            "no_samples",
            f"found {held} up to the end of the file, expected a SAMPLE",
            stream.line - 1,
            file=stream.name,
            hint="upload the series family (GSEnnn_family.soft.gz)",
        )


def _series_of(sample: Entity, series: Sequence[Entity]) -> list[str]:
    """The names of the series that a sample belongs to; [""] where it has none."""
    if len(series) == 1:
        return [series[0].name]
    own = set(sample.values("series_id"))
    return [e.name for e in series if e.name in own or sample.name in e.values("sample_id")] or [""]
