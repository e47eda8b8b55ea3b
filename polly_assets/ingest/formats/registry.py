"""The table of file formats: which reader reads a file.

Owns the readers' addresses (imported on use, so h5py costs a GCT nothing). Add a format as
one row, in alphabetical order.
Keep out: anything that one format demands, and which files belong together (`grouping`).
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import cast

from polly_assets.ingest.formats.apart.reader import Apart
from polly_assets.ingest.formats.base import Reader
from polly_assets.ingest.formats.counts.names import ENDINGS as COUNT_ENDINGS
from polly_assets.ingest.formats.geo.files import is_table
from polly_assets.ingest.formats.grouping import describes_only, plain
from polly_assets.ingest.formats.prose import is_prose, is_text_with_nul
from polly_assets.ingest.formats.streams.text import refuse_nul
from polly_assets.ingest.formats.unsupported import unsupported
from polly_assets.ingest.formats.wording import beginning
from polly_resources.errors import BadInput


@dataclass(frozen=True, slots=True)
class ReaderRow:
    """Where a reader lives (`module:Class`) and which file endings suggest it.

    `apart` is true where a damaged file can crash or stall the library that reads it.
    """

    name: str
    target: str
    suffixes: tuple[str, ...]
    apart: bool = False

    def load(self) -> Reader:
        """The reader, imported now; where need be, it works in a process of its own."""
        return Apart(self.bare()) if self.apart else self.bare()

    def bare(self) -> Reader:
        """The reader itself, which works in this process."""
        module, _, name = self.target.partition(":")
        return cast(Reader, getattr(importlib.import_module(module), name)())


_HERE = "polly_assets.ingest.formats"

READERS: tuple[ReaderRow, ...] = (
    ReaderRow("cbio_clinical", f"{_HERE}.cbio.clinical:ClinicalReader", (".txt",)),
    ReaderRow("cbio_seg", f"{_HERE}.cbio.events:SegReader", (".seg", ".tsv", ".txt")),
    ReaderRow("cbio_study", f"{_HERE}.cbio.study:StudyReader", ("meta_study.txt",)),
    ReaderRow("count_files", f"{_HERE}.counts.reader:CountFilesReader", COUNT_ENDINGS),
    ReaderRow("csv", f"{_HERE}.separated.reader:CsvReader", (".csv",)),
    ReaderRow("gct", f"{_HERE}.gct:GctReader", (".gct",)),
    ReaderRow("gctx", f"{_HERE}.gctx:GctxReader", (".gctx",), apart=True),
    ReaderRow("geo_miniml", f"{_HERE}.geo.miniml:MinimlReader", (".xml",)),
    ReaderRow(
        "geo_series_matrix", f"{_HERE}.geo.series:SeriesMatrixReader", ("_series_matrix.txt",)
    ),
    ReaderRow("geo_soft", f"{_HERE}.geo.soft:SoftFamilyReader", (".soft", "_family.txt")),
    ReaderRow("h5ad", f"{_HERE}.h5ad.reader:H5adReader", (".h5ad",), apart=True),
    ReaderRow("loom", f"{_HERE}.loom:LoomReader", (".loom",), apart=True),
    ReaderRow("maf", f"{_HERE}.maf.reader:MafReader", (".maf", ".tsv", ".txt")),
    ReaderRow("parquet", f"{_HERE}.parquet.reader:ParquetReader", (".parquet", ".pq"), apart=True),
    ReaderRow("tenx_h5", f"{_HERE}.tenx.h5:TenxH5Reader", (".h5", ".hdf5"), apart=True),
    ReaderRow(
        "tenx_mtx",
        f"{_HERE}.tenx.mtx:MtxReader",
        (".mtx", "barcodes.tsv", "features.tsv", "genes.tsv"),
    ),
    ReaderRow("tsv", f"{_HERE}.separated.reader:TsvReader", (".tab", ".tsv", ".txt", ".xls")),
    ReaderRow("vcf", f"{_HERE}.vcf.reader:VcfReader", (".vcf",)),
)


def reader_for(name: str, head: bytes, *, besides: str = "") -> Reader:
    """The reader of a file, by its name and first bytes (see `text.head`).

    Formats whose ending fits are asked first, then all others, but for that called `besides`.
    Raises BadInput `sidecar_without_data`, `table_without_family`, `unsupported_format`,
    `binary_content` or `unknown_format`.
    """
    lower = plain(name)
    if is_table(lower):
        raise BadInput(
            "table_without_family",
            "the file is a table of a MINiML family that is not in its folder",
            file=name,
            hint="put GSE1_family.xml and all tables of its archive into one folder",
        )
    if describes_only(lower):
        raise BadInput(
            "sidecar_without_data",
            "the file describes a matrix, and there is no matrix of the same name beside it",
            file=name,
            hint="put both in one folder, such as GSE1.gct and GSE1.json; a table of samples that "
            "is to be a dataset needs another name, such as GSE1.csv",
        )
    rows = [row for row in READERS if row.name != besides]
    fitting = [row for row in rows if lower.endswith(row.suffixes)]
    for row in (*fitting, *(row for row in rows if row not in fitting)):
        reader = row.load()
        if reader.sniff(lower, head):
            return reader
    if error := unsupported(lower, head, name):
        raise error
    if is_text_with_nul(head):
        refuse_nul(head, name)
    if is_prose(head):
        raise BadInput(
            "unknown_format",
            "the file has sentences and no columns, expected data",
            file=name,
            hint="notes are no data: call it README.txt, or leave it out; a table has one "
            "separator (tab, comma or semicolon) and as many of it in each line",
        )
    begins = f"it begins with {beginning(head)}" if head else "it is empty"
    known = f"known formats: {', '.join(row.name for row in READERS)}; each may be gzipped"
    if fitting:
        by_name = " or ".join(row.name for row in fitting)
        raise BadInput(
            "unknown_format",
            f"the name is that of {by_name}, and the content is not: {begins}",
            file=name,
            hint=f"check that the file is what its name says, and transfer it again; {known}",
        )
    raise BadInput(
        "unknown_format",
        f"neither name nor content is of a known format: {begins}",
        file=name,
        hint=known,
    )
