"""A source becomes its datasets, whatever is the matter with it.

Owns what ingest and validation share: choosing the reader, and the promise that a file's faults
are `BadInput`s. Keep out: where sources come from, and what becomes of datasets.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Reader, Source
from polly_assets.ingest.formats.geo.files import parts
from polly_assets.ingest.formats.registry import reader_for
from polly_assets.ingest.formats.streams import text
from polly_assets.ingest.formats.twice import without_twice
from polly_resources.errors import BadInput, PollyError

LOG = logging.getLogger(__name__)


def datasets(source: Source) -> Iterator[ParsedDataset | FailedDataset]:
    """The datasets of a file, one at least. Raises BadInput where the file cannot be read.

    What is to be told of files that are given twice is told of the first of them.
    """
    source, twice = without_twice(source)
    try:
        reader = _reader(source)
        found = False
        for item in reader.read(source):
            found = True
            if isinstance(item, ParsedDataset):
                yield replace(item, notices=(*item.notices, *twice))
            else:
                yield item
        if not found:
            raise BadInput(
                "no_datasets", f"the {reader.name} file holds no dataset", file=source.name
            )
    except PollyError:
        raise
    except Exception as error:
        LOG.exception("reading %s failed", source.name)
        raise internal(source.name, error) from error


def _reader(source: Source) -> Reader:
    start = text.head(source.path)
    try:
        reader = reader_for(source.name, start)
        if not reader.name.startswith("geo_") and (lost := parts(source.name, source.sidecars)):
            names = ", ".join(source.sidecars[key].name for key in lost[:3])
            raise BadInput(
                "not_geo",
                f"by its name the file describes a series of GEO, with {len(lost)} files beside it "
                f"({names}), and it is of the format {reader.name}",
                file=source.name,
                hint="download it again, or give it another name",
            )
        return reader
    except BadInput as error:
        if error.code == "unknown_format" and not start:
            text.read_bytes(source.path, source.name)  # says that it is empty, or a damaged gzip
        raise


def named(error: PollyError, paths: Mapping[str, Path], names: Mapping[str, str]) -> PollyError:
    """The error with the name that the user knows a sidecar by, by whatever name it was read.

    `paths` and `names` are those of the sidecars by their keys.
    """
    shown = {path.name: names[key] for key, path in paths.items()}
    error.file = shown.get(error.file, error.file)
    return error


def internal(name: str, error: Exception) -> BadInput:
    """What a user is told where a reader fails in a way that it should not."""
    return BadInput(
        "internal_error",
        f"the reader failed on this file ({type(error).__name__}: {error})",
        file=name,
        hint="this is a defect of the platform: report it with the file",
    )
