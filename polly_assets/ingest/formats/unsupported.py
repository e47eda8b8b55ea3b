"""Files of kinds that are not read, by name or first bytes: what they are, and what to do.

Owns the table of these kinds. Add a kind as one row; a kind that gets a reader loses its row.
Keep out: the kinds that are read (`registry`).
"""

from __future__ import annotations

from dataclasses import dataclass

from polly_assets.ingest.formats.variant_lists import lists_variants
from polly_resources.errors import BadInput


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: how it is called in a message, what tells it, and what to do with it.

    `starts` are first bytes (of text: in lower case, without spaces before), which count more
    than `suffixes`.
    """

    what: str
    hint: str
    suffixes: tuple[str, ...] = ()
    starts: tuple[bytes, ...] = ()


_UNPACK = "unpack it first, or pack it with gzip"
_ALIGN = "reads and alignments are no matrix: count them first, then give the table of counts"
_R = 'in R, write the matrix: write.csv(as.matrix(x), "x.csv"); a Seurat or SingleCellExperiment '
_R += "object becomes .h5ad with zellkonverter::writeH5AD(as.SingleCellExperiment(x), file)"

KINDS: tuple[Kind, ...] = (
    Kind("an HTML page", "the download gave a page instead of the file: download it again",
         (".htm", ".html"), (b"<!doctype html", b"<html", b"<head", b"<table")),
    Kind("a pointer that Git LFS keeps in place of a file", "get the file itself: git lfs pull",
         (), (b"version https://git-lfs",)),
    Kind("a bzip2 file", _UNPACK, (".bz2",), (b"BZh",)),
    Kind("an xz file", _UNPACK, (".xz", ".lzma"), (b"\xfd7zXZ\0",)),
    Kind("a Zstandard file", _UNPACK, (".zst", ".zstd"), (b"\x28\xb5\x2f\xfd",)),
    Kind("a file that is gzipped twice", "unpack it once", (), (b"\x1f\x8b",)),
    Kind("an LZ4 file", _UNPACK, (".lz4",), (b"\x04\x22\x4d\x18",)),
    Kind("a compress file", _UNPACK, (".z",), (b"\x1f\x9d",)),
    Kind("a 7-Zip or RAR archive", "pack the files as .zip or .tar.gz",
         (".7z", ".rar"), (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07")),
    Kind("a spreadsheet", "save each sheet as CSV and give these files",
         (".ods", ".xlsb", ".xlsm", ".xlsx"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",)),
    Kind("an R object", _R, (".h5seurat", ".qs", ".rda", ".rdata", ".rds", ".robj"),
         (b"RDX2", b"RDX3", b"RDA2", b"RDA3", b"X\n\0\0\0", b"A\n2\n", b"A\n3\n")),
    Kind("a Zarr store", 'write it as .h5ad: anndata.read_zarr("x.zarr").write_h5ad("x.h5ad")',
         (".zarr", "/.zgroup", "/.zattrs")),
    Kind("a MuData file", 'write each modality by itself: mdata["rna"].write_h5ad("x_rna.h5ad")',
         (".h5mu",), (b"mudata (format",)),
    Kind("an Arrow or Feather file",
         'write it as Parquet: pandas.read_feather("x.feather").to_parquet("x.parquet")',
         (".arrow", ".feather", ".ipc"), (b"ARROW1", b"FEA1")),
    Kind("an encrypted Parquet file", "write it anew without encryption", (), (b"PARE",)),
    Kind("a file of numpy or pickled Python objects",
         "write the matrix with its ids as .h5ad, .csv or .parquet",
         (".npy", ".npz", ".pickle", ".pkl", ".joblib"), (b"\x93NUMPY", b"\x80\x03", b"\x80\x04",
                                                          b"\x80\x05")),
    Kind("sequencing reads or alignments", _ALIGN,
         (".bam", ".cram", ".fa", ".fasta", ".fastq", ".fq", ".sam", ".sra"),
         (b"BAM\1", b"CRAM", b"@hd\t", b"@sq\t")),
    Kind("sequences", _ALIGN, (), (b">",)),
    Kind("a set or ranking of genes", "give the matrix of the samples that it was made of",
         (".chip", ".gmt", ".gmx", ".grp", ".rnk")),
    Kind("an Illumina sample sheet",
         "give the lines below [Data] as CSV, called x_samples.csv beside the matrix x.csv",
         (), (b"[header]",)),
    Kind("genomic regions, tracks or annotation", "give the matrix or the variants themselves",
         (".bed", ".bedgraph", ".bigwig", ".bw", ".gff", ".gff3", ".gtf", ".wig")),
    Kind("an array image or raw intensities",
         "normalize it first (affy, oligo, minfi), then give the matrix",
         (".cel", ".chp", ".idat"), (b"IDAT", b";\x01\0\0")),
    Kind("a mass spectrum file", "quantify it first, then give the table of intensities",
         (".mgf", ".mzml", ".mzxml", ".raw", ".wiff")),
    Kind("the annotation of a GEO platform",
         "give the series: its family (GSE1_family.soft.gz) holds its platforms, too",
         (".annot",), (b"^annotation",)),
    Kind("a PDF document", "give the data, not the document", (".pdf",), (b"%PDF",)),
    Kind("a document or a picture", "give the data, not the document",
         (".doc", ".docx", ".gif", ".jpeg", ".jpg", ".png", ".ppt", ".pptx", ".svg", ".tif",
          ".tiff"), (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*", b"{\\rtf")),
    Kind("a database file", "export its tables as CSV or Parquet",
         (".accdb", ".db", ".duckdb", ".mdb", ".sqlite", ".sqlite3"), (b"SQLite format 3\0",)),
    Kind("a SAS, SPSS or Stata file", "export it as CSV or Parquet",
         (".dta", ".por", ".sas7bdat", ".sav", ".xpt"), (b"$FL2", b"$FL3", b"<stata_dta>")),
    Kind("a MATLAB file", "write the matrix with its ids as .csv or .h5ad",
         (".mat",), (b"MATLAB 5.0 MAT-file",)),
    Kind("a part of an archive in several parts", "join the parts, and give the whole archive",
         (".001", ".002", ".003", ".z01", ".z02", ".z03")),
    Kind("a zip archive under another name", "name it .zip, or give the files that are in it",
         (), (b"PK\3\4",)),
    Kind("a program or script", "give the data that it makes",
         (".exe", ".ipynb", ".py", ".r", ".rmd", ".sh"), (b"\x7fELF", b"#!/")),
    Kind("a table of variants that is neither VCF nor MAF",
         "give the VCF, or a MAF: separated by tabs, with the columns Hugo_Symbol, "
         "Variant_Classification and Tumor_Sample_Barcode"),
    Kind("an HTML page under the name of a spreadsheet",
         "open it with a spreadsheet program and save each sheet as CSV; if it opens as a message "
         "instead, download the file again"),
    Kind("UTF-32 text, or UTF-16 without a mark of its encoding", "save it as UTF-8"),
)  # fmt: skip
"""From the surest first bytes to the vaguest endings; a test asks for each of them."""

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UTF32 = b"\xff\xfe\0\0"
_WIDE = KINDS[-1]
_PAGE, _PAGE_AS_SHEET, _VARIANTS = KINDS[0], KINDS[-2], KINDS[-3]
_SPREADSHEET = next(kind for kind in KINDS if kind.what == "a spreadsheet")
_IN_SPREADSHEETS = (b"xl/", b"opendocument.spreadsheet")
_ZIPPED = next(kind for kind in KINDS if kind.what.startswith("a zip"))
_ZARR = next(kind for kind in KINDS if kind.what.startswith("a Zarr"))


def unsupported(lower: str, head: bytes, name: str) -> BadInput | None:
    """The error for a file of a kind that is not read; None where it is of none of them.

    `lower` is the name in lower case without `.gz`, `head` the first bytes.
    """
    kind = _kind(lower, head)
    if kind is None:
        return None
    return BadInput(
        "unsupported_format", f"this is {kind.what}, which is not read", file=name, hint=kind.hint
    )


def is_other(head: bytes) -> bool:
    """Whether the first bytes are those of a kind that is not read."""
    return _begun(head) is not None


def _kind(lower: str, head: bytes) -> Kind | None:
    by_name = next((kind for kind in KINDS if lower.endswith(kind.suffixes or ("\n",))), None)
    if ".zarr/" in lower:
        return _ZARR
    found = _begun(head)
    if lower.endswith(".xls"):
        return _as_sheet(head, found)
    return by_name or found if found is None or found is _ZIPPED else found


def _as_sheet(head: bytes, found: Kind | None) -> Kind | None:
    """What a file is that is called `.xls`, as text is, too: None of what may be text."""
    if found is _PAGE:
        return _PAGE_AS_SHEET
    no_text = b"\0" in head or head.lstrip().startswith(b"<")
    return _SPREADSHEET if no_text and found in (None, _ZIPPED) else found


def _begun(head: bytes) -> Kind | None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower()
    if head.startswith(b"PK") and any(mark in head for mark in _IN_SPREADSHEETS):
        return _SPREADSHEET
    for kind in KINDS:
        if kind.starts and (head.startswith(kind.starts) or text.startswith(kind.starts)):
            return kind
    if lists_variants(head):
        return _VARIANTS
    return _WIDE if _looks_wide(head) else None


def _looks_wide(head: bytes) -> bool:
    """Whether every second byte or more is NUL, as Latin letters have them, and no mark is there.

    What is marked as UTF-16 is read; UTF-32 is not, marked or not.
    """
    if head.startswith(_UTF16):
        return head.startswith(_UTF32)
    even, odd = head[:64:2], head[1:64:2]
    return len(head) >= 8 and any(
        half.count(0) * 10 >= len(half) * 9 and other.count(0) * 4 <= len(other) * 3
        for half, other in ((even, odd), (odd, even))
    )
