"""GEO datasets and the files that describe them: dataset JSON, sample sheets keyed by accession.

Owns how a sidecar is shared by the datasets of one file: each takes the samples that are its
own; a given `dataset_id` replaces GEO's, with the platform behind it where there are several
datasets. What a sidecar says of a dataset replaces what the file says, with a warning.
Keep out: reading sidecars and joining them (`beside.sidecars`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import polars as pl

from polly_assets.ingest.formats.base import ParsedDataset, Source
from polly_assets.ingest.formats.beside.sidecars import Sidecar, describe, read_sidecars
from polly_assets.ingest.formats.geo import common
from polly_assets.ingest.formats.streams.text import safe_id
from polly_resources.records import Notice


class Descriptions:
    """The sidecars of a GEO file. Raises BadInput where one cannot be read."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._sidecars = read_sidecars(source)

    def told(
        self, dataset: ParsedDataset, samples: Iterable[str], several: bool = False
    ) -> ParsedDataset:
        """The dataset with what the sidecars say of it.

        `samples` are all of the file, `several` whether it has further datasets.
        Raises BadInput `sidecar_matches_nothing` or `class_count_mismatch`.
        """
        if not self._sidecars:
            return dataset
        ids = dataset.samples["sample_id"]
        own = [_shared(side, ids, [*samples]) for side in self._sidecars]
        found = describe(self._source, dataset.samples, dataset.features, own)
        notices = [*dataset.notices, *found.notices]
        changed = [k for k, v in found.metadata.items() if dataset.metadata.get(k, v) != v]
        if changed:
            message = f"the sidecar replaces these of the file: {common.named(changed)}"
            notices.append(Notice("metadata_overridden", message))
        return replace(
            dataset,
            dataset_id=self._id(dataset, several),
            metadata={**dataset.metadata, **found.metadata},
            samples=found.samples,
            features=found.features,
            data_type=found.data_type or dataset.data_type,
            notices=tuple(notices),
        )

    def _id(self, dataset: ParsedDataset, several: bool) -> str:
        given = next((side.dataset_id for side in self._sidecars if side.dataset_id), "")
        if not given:
            return dataset.dataset_id
        platform = safe_id(str(dataset.metadata.get("platform_geo_accession") or ""))
        return "_".join(filter(None, (given, platform))) if several else given


def _shared(side: Sidecar, own: pl.Series, all_samples: Sequence[str]) -> Sidecar:
    """The sidecar less the samples of the file's other datasets.

    Where it describes samples of those only, it has nothing to say.
    """
    if side.samples is None:
        return side
    described = side.samples["sample_id"]
    mine, known = described.is_in(own.implode()), described.is_in(all_samples)
    if mine.any():
        return replace(side, samples=side.samples.filter(mine | ~known))
    return replace(side, samples=side.samples.filter(mine)) if known.any() else side
