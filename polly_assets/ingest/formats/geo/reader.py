"""What the readers of GEO files share: a series is one source, however many files describe it.

Owns the way from the datasets of one file to those of a source: other descriptions of the series
complete them (`united`), sidecars describe them (`described`), supplementary files and count files
of samples give values to those without any. Keep out: what is in a file of any kind.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Reader, Source
from polly_assets.ingest.formats.counts.geo import with_count_files
from polly_assets.ingest.formats.geo.described import Descriptions
from polly_assets.ingest.formats.geo.files import descriptions
from polly_assets.ingest.formats.geo.supplement import with_supplements
from polly_assets.ingest.formats.geo.united import united
from polly_assets.ingest.formats.registry import reader_for
from polly_assets.ingest.formats.streams.text import dataset_id_from_name, head
from polly_resources.errors import BadInput

Item = ParsedDataset | FailedDataset


@dataclass(frozen=True, slots=True)
class Found:
    """What one file holds: all its samples, whether in several datasets, and these."""

    samples: Sequence[str]
    several: bool
    datasets: Iterable[Item]


class GeoReader(Reader):
    """Reads a GEO file, and what else belongs to its series."""

    @abstractmethod
    def read_alone(self, source: Source) -> Found:
        """The datasets of the file, without what describes it. Raises BadInput."""

    def read(self, source: Source) -> Iterator[Item]:
        """The datasets of the series: of this file, of its other descriptions, of what is beside.

        Raises BadInput where the file is unreadable and nothing else describes the series.
        """
        beside = Descriptions(source)
        others = descriptions(source.sidecars)
        found = _all(self, source, others) if others else self.read_alone(source)
        told = (
            item
            if isinstance(item, FailedDataset)
            else beside.told(item, found.samples, found.several)
            for item in found.datasets
        )
        yield from with_count_files(source, with_supplements(source, told))


def _all(reader: GeoReader, source: Source, others: Sequence[str]) -> Found:
    """What the descriptions of one series hold together."""
    files = [(source.name.rpartition("/")[2], [*_tried(reader, source)])]
    for key in others:
        path = source.sidecars[key]
        files.append((path.name, [*_read(Source(path, path.name, source.sidecars))]))
    found = united(files)
    good = [item for item in found if isinstance(item, ParsedDataset)]
    samples = chain.from_iterable(item.samples["sample_id"] for item in good)
    return Found([*samples], len(good) > 1, found)


def _read(source: Source) -> Iterator[Item]:
    """The datasets of a further description."""
    try:
        reader = reader_for(source.name, head(source.path))
        if not isinstance(reader, GeoReader):
            raise BadInput(
                "not_geo",
                f"the file is of the format {reader.name}, expected GEO's, as its name says",
                file=source.name,
                hint="give it another name, or download it again",
            )
    except BadInput as error:
        yield FailedDataset(dataset_id_from_name(source.name), error)
    else:
        yield from _tried(reader, source)


def _tried(reader: GeoReader, source: Source) -> Iterator[Item]:
    """The datasets of a file, the fault of all of it as one that failed."""
    try:
        yield from reader.read_alone(source).datasets
    except BadInput as error:
        yield FailedDataset(dataset_id_from_name(source.name), error)
