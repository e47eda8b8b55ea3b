"""MAF, the Mutation Annotation Format of TCGA, GDC and cBioPortal, plain or gzipped.

Owns making a dataset of a MAF file. Its samples are the tumour barcodes, and those that a
comment `sequenced_samples` names; tables beside it describe them.
Keep out: columns (`columns`) and rows (`rows`).
"""

from __future__ import annotations

from collections.abc import Iterator

from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Reader, Source
from polly_assets.ingest.formats.maf.columns import is_header
from polly_assets.ingest.formats.maf.rows import read_maf
from polly_assets.ingest.formats.tabbed import beginning
from polly_assets.ingest.formats.variant_samples import described_variants
from polly_assets.ingest.formats.variants import MUTATIONS

_BEGINNING = 64
"""A NUL byte here says that the file is no text; one behind is damage to a text."""


class MafReader(Reader):
    """Reads MAF, and its JSON, CSV and TSV sidecars."""

    name = "maf"
    suffixes = (".maf", ".tsv", ".txt")

    def sniff(self, name: str, head: bytes) -> bool:
        """By the suffix `.maf`, unless the content is binary, or by the column names."""
        text = beginning(head)
        if "\0" in text[:_BEGINNING]:
            return False
        if name.removesuffix(".gz").endswith(".maf"):
            return True
        lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
        return is_header(next(lines, ""))

    def read(self, source: Source) -> Iterator[ParsedDataset | FailedDataset]:
        """The one dataset of the file."""
        maf = read_maf(source.path, source.name)
        described = described_variants(source, maf.samples)
        yield ParsedDataset(
            dataset_id=described.dataset_id,
            format=self.name,
            metadata={**maf.metadata, **described.metadata},
            samples=described.samples,
            features=described.features,
            matrices=(),
            data_type=described.data_type or MUTATIONS,
            notices=(*maf.notices, *described.notices),
            variants=maf.variants,
        )
