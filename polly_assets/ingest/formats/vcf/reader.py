"""VCF, the Variant Call Format, versions 4.0 to 4.5, plain, gzipped or packed by bgzip.

Owns making a dataset of a VCF file: its samples are those of the header, its rows go to
`variants`, one for each record, ALT allele and sample. A record with reference calls has rows
too, as "not mutated" is not "not looked at". Keep out: the grammar (`header`,
`record`, `genotype`).

Format: https://samtools.github.io/hts-specs/.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice

from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Reader, Source
from polly_assets.ingest.formats.streams import text
from polly_assets.ingest.formats.streams.lines import Lines
from polly_assets.ingest.formats.streams.tally import Tally
from polly_assets.ingest.formats.tabbed import beginning
from polly_assets.ingest.formats.variant_samples import described_variants
from polly_assets.ingest.formats.variants import MUTATIONS
from polly_assets.ingest.formats.vcf.header import read_header
from polly_assets.ingest.formats.vcf.record import Records
from polly_resources.errors import BadInput
from polly_resources.records import Notice

_BINARY = b"BCF"
_PORTION_CELLS, _PORTION_CHARACTERS = 1_000, 1_000_000
_LINES_TO_CHECKSUM = 10_000
"""How far to read on behind a fault, as the packing may tell there that it is damaged."""


class VcfReader(Reader):
    """Reads VCF 4.0 to 4.5 with or without samples, and its JSON, CSV and TSV sidecars."""

    name = "vcf"
    suffixes = (".vcf",)

    def sniff(self, name: str, head: bytes) -> bool:
        """By suffix, unless the content is binary, or by the line of the version; BCF, too."""
        if head.startswith(_BINARY):
            return True
        began = beginning(head)
        named = name.removesuffix(".gz").endswith(self.suffixes)
        return (named and "\0" not in began) or began.startswith("##fileformat=VCF")

    def read(self, source: Source) -> Iterator[ParsedDataset | FailedDataset]:
        """The one dataset of the file. Raises BadInput, `bcf_not_read` for BCF."""
        if text.head(source.path, len(_BINARY)) == _BINARY:
            raise BadInput(
                "bcf_not_read",
                "the file is BCF, the binary form of VCF, expected its text",
                file=source.name,
                hint="make it VCF by `bcftools view -O z -o NAME.vcf.gz NAME.bcf`",
            )
        yield _read(source)


def _portions(numbered: Iterator[tuple[int, str]], width: int) -> Iterator[list[tuple[int, str]]]:
    """Lines that are not blank, as many at a time as have some hundred samples."""
    portion: list[tuple[int, str]] = []
    cells = size = 0
    for number, line in numbered:
        if line and not line.isspace():
            portion.append((number, line))
            cells += width
            size += len(line)
            if cells >= _PORTION_CELLS or size >= _PORTION_CHARACTERS:
                yield portion
                portion, cells, size = [], 0, 0
    if portion:
        yield portion


def _read(source: Source) -> ParsedDataset:
    file = source.name
    lines = Lines(source.path, file)
    tally = Tally()
    numbered = iter(lines)
    header = read_header(numbered, file, tally)
    records = Records(header, file, tally)
    try:
        for some in _portions(numbered, header.width):
            records.add(some)
    except BadInput:
        deque(islice(numbered, _LINES_TO_CHECKSUM), maxlen=0)
        raise
    records.columns.write()
    variants = records.columns.variants
    if not lines.whole:
        message = f"{file} does not end with a line end: the last line may have been cut short"
        tally.note("no_final_line_end", message)
    if not variants.rows:
        tally.note("no_variants", f"{file} has a header and no records")
    described = described_variants(source, header.samples)
    sites = () if header.samples else (Notice("no_samples", f"{file} lists sites, no samples"),)
    return ParsedDataset(
        dataset_id=described.dataset_id,
        format="vcf",
        metadata={**header.metadata, **described.metadata},
        samples=described.samples,
        features=described.features,
        matrices=(),
        data_type=described.data_type or MUTATIONS,
        notices=(*lines.notices, *tally.notices(), *sites, *described.notices),
        variants=variants.done(),
    )
