"""Files that are no data by their names: notes, settings, indexes, checksums, lists, backups.

Owns the names that labs, downloads and tools leave beside data. They are passed over, and told
of as skipped. Add a name or ending to its row. Keep out: kinds of data that no reader reads,
which are an error with what to do instead (`unsupported`).
"""

from __future__ import annotations

import re

_BEGINNINGS = ("licence", "license", r"[\d_.-]*read[_-]?me")
_ENDS = r"(?:.+[_. -])(?:read[_-]?me|licen[cs]e)(?:[^.]*\.(?:docx?|html?|pdf|rtf|txt))?(?:\.gz)?"
"""A note on what the name begins with, such as `GSE1_README.txt`; `x_readme.csv` may be a table."""
_NOTES = (
    r"(?:acknowledge?ments?|authors|changelog|citation|contributors|copying|install|notice|todo)"
    r"(?:\.(?:bib|cff|md|rst|txt))?"
)
_NAMES = (
    _NOTES, r"session_?info\.txt", r"thumbs\.db", r"desktop\.ini",
    r"manifest\.csv(\.gz)?", r"manifest\.txt", r"gdc_manifest.*\.(tsv|txt)", r"filelist\.txt",
    r"(md5|sha1|sha256|sha512)(sums?)?(\.txt)?", r"checksums?(\.txt)?",
    r"dockerfile", r"makefile", r"snakefile", r"requirements\.txt", r"snpeff_genes\.txt",
    r"(barcodes|features)\.stats", r"umipercellsorted\.txt", r"metrics_summary\.csv",
    r"lib_format_counts\.json", r"ambig_info\.tsv", r"flendist\.txt", r"fld\.gz",
    r"(observed|expected)_bias(_3p)?\.gz", r"(.*[_.-])?log(\.(final|progress|std))?\.out",
    r"(.*[_.-])?sj\.out\.tab", r"web_summary\.html", r"(run|cmd|meta)_info\.json", r"inspect\.json",
)  # fmt: skip
_ENDINGS = (
    "md", "rst", "log",
    "bib", "cff", "cfg", "ini", "nf", "smk", "toml", "yaml", "yml",
    "bai", "crai", "csi", "dict", "fai", "gzi", "idx", "tbi",
    "md5", "md5sum", "sha1", "sha256", "sha512",
    "cnt", "model", "summary", "theta",
    "bak", "orig", "swp", "tmp",
)  # fmt: skip

_ANY = re.compile(
    rf"(?:{'|'.join(_BEGINNINGS)}).*|{'|'.join(_NAMES)}|{_ENDS}|.*(?:\.(?:{'|'.join(_ENDINGS)})|~)"
)


def never_data(name: str) -> bool:
    """Whether a file is none of data by the last part of its path."""
    return _ANY.fullmatch(name.rpartition("/")[2].lower()) is not None
