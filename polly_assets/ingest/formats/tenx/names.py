"""The names of 10x Genomics' files: members of a matrix, and the dataset that they stand for.

Owns what can be said of a MatrixMarket triple or a Cell Ranger output folder before any file
is opened. Add here a name that Cell Ranger or a depositor of its output gives.
Keep out: pairing (`grouping`) and content (`tenx`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

MATRIX, BARCODES, FEATURES, NAMES = "matrix", "barcodes", "features", "names"

_OTHER_LISTS = {
    BARCODES: ("{}_rows.txt", "{}_barcodes.csv", "{}.barcodes.csv", "barcodes.csv",
               "cell_metadata.csv"),
    FEATURES: ("{}_cols.txt", "{}_genes.csv", "{}.genes.csv", "{}_features.csv",
               "{}.features.csv", "genes.csv", "features.csv", "all_genes.csv", "peaks.bed"),
    NAMES: ("{}.genes.names.txt",),
}  # fmt: skip
"""What alevin, kallisto, Parse, Cell Ranger ATAC and scripts call the lists of the matrix `{}`."""

_WORDS = {
    BARCODES: ("barcode", "cell_barcodes", "cells", "cell_ids", "cell_names", "colnames"),
    FEATURES: ("feature", "feature_ids", "gene_ids", "gene", "gene_names", "rownames"),
    NAMES: (),
}
"""What people call such lists otherwise, with or without the matrix's name before it."""

_ANY_WORD = "|".join(word for words in _WORDS.values() for word in words)
_ANY_OTHER = re.compile(
    r".+_(?:rows|cols)\.txt|.+\.genes\.names\.txt|(?:cell_metadata|all_genes)\.csv|peaks\.bed"
    rf"|(?:.+[._])?(?:(?:barcodes|genes|features)\.csv|(?:{_ANY_WORD})\.(?:csv|tsv|txt))"
)
_ALIKE = ("matrix.mtx", "cells_x_genes.mtx", "count_matrix.mtx", "DGE.mtx", "quants_mat.mtx")
"""Matrices that a tool calls alike in every run."""
_ALIKE_PREFIXES = frozenset(["", *(name.lower().removesuffix(".mtx") for name in _ALIKE[1:])])

_MATRIX = re.compile(r"(?:(?P<prefix>.+)[._-])?matrix\.mtx|(?P<base>.+)\.mtx")
_MEMBER = re.compile(r"(?:(?P<prefix>.+)[._-])?(?P<role>barcodes|features|genes)\.(?:tsv|txt)")
_SEPARATOR = re.compile(r"[._-]")

_DESCRIPTION = re.compile(r"(matrix[_.])?(metadata|samples)\.(csv|tsv|json)|matrix\.json")
_GENOME_NAME = r"(?:grc[a-z]+|hg|mm|rn|dm|danrer|bdgp|tair|wbcel|saccer)\d+"
_GENOME = re.compile(
    rf"{_GENOME_NAME}(?:_and_{_GENOME_NAME})?(?:[._-](?:\d{{4}}-[a-z]|\d+(?:\.\d+)*|premrna|ercc))?"
)
_OUTPUT = re.compile(
    r"(?:sample_)?(?P<kind>filtered|raw)_(?:feature|gene)_bc_matri(?:x|ces)(?:_mex|_h5)?"
    r"|(?P<bare>filtered|raw)|sample_feature_bc_matrix|outs|count|solo\.out|gene"
    r"|alevin|all-sample|all-well|counts_(?:un)?filtered|dge_(?:un)?filtered|(?:filtered|raw)_peak_bc_matrix"
)


class Member(NamedTuple):
    """One file of a triple: its role, and what its name has before the role."""

    role: str
    prefix: str


def member(name: str) -> Member | None:
    """What a file is by its name, in any case, with or without `.gz`; None for other files.

    `GSM1_s1_matrix.mtx` is the matrix of prefix `gsm1_s1`, `genes.tsv` the features of ``.
    """
    lower = name.lower().removesuffix(".gz")
    if found := _MATRIX.fullmatch(lower):
        return Member(MATRIX, found["base"] or found["prefix"] or "")
    if found := _MEMBER.fullmatch(lower):
        role = BARCODES if found["role"] == BARCODES else FEATURES
        return Member(role, found["prefix"] or "")
    return None


def other_lists(prefix: str) -> dict[str, tuple[str, ...]]:
    """By role, how the lists of the matrix of this prefix may be called else; the first counts."""
    found = {}
    for role, names in _OTHER_LISTS.items():
        own = (name.replace("{}", prefix) for name in names)
        words = product((f"{prefix}_", f"{prefix}.", ""), _WORDS[role], ("tsv", "txt", "csv"))
        found[role] = (*own, *(f"{before}{word}.{ending}" for before, word, ending in words))
    return found


def shares_lists(prefix: str) -> bool:
    """Whether STARsolo calls a matrix so that it writes beside `matrix.mtx`, for the same lists."""
    return prefix.startswith("uniqueandmult-")


def is_other_list(name: str) -> bool:
    """Whether another tool may call a list of a matrix so."""
    return _ANY_OTHER.fullmatch(name.lower().removesuffix(".gz")) is not None


def shorter(prefix: str) -> Iterator[str]:
    """The prefix, then what is left of it before each of its separators, then nothing."""
    yield prefix
    for found in reversed(list(_SEPARATOR.finditer(prefix))):
        yield prefix[: found.start()]
    if prefix:
        yield ""


def dataset_name(name: str) -> str:
    """The dataset that a path stands for by 10x's naming, '' where its file name says it.

    A triple with a prefix is called so. Files that are called alike in every run take the
    name of the nearest folder that is not: `run1/outs/filtered_feature_bc_matrix/matrix.mtx`
    is `run1`. Passing a raw folder adds `_raw`, passing a genome's adds its name.
    """
    *folders, last = name.replace("\\", "/").strip().split("/")
    found = member(last)
    if found is not None and found.role != FEATURES:
        if found.prefix not in _ALIKE_PREFIXES:
            return last[: len(found.prefix)]
        return _called(folders or [found.prefix or found.role])
    base = last.lower().removesuffix(".gz")
    if folders and base.endswith(".h5") and _OUTPUT.fullmatch(base.removesuffix(".h5")):
        return _called([*folders, last[: len(base) - len(".h5")]])
    return ""


def within_run(name: str, path: Path) -> str:
    """The name with as many of the file's own folders before it as tell its run.

    For a file that all runs call alike, and for one beside such a matrix that belongs to it.
    """
    *folders, last = name.split("/")
    if not _alike(last, path):
        return name
    outer = list(path.absolute().parent.parts[1:])[: -len(folders) or None]
    while outer and all(_mark(folder.lower()) is not None for folder in folders):
        folders.insert(0, outer.pop())
    return "/".join([*folders, last])


def _alike(last: str, path: Path) -> bool:
    lower = last.lower().removesuffix(".gz")
    stem = lower.partition(".")[0]
    if lower in map(str.lower, _ALIKE):
        return True
    if _OUTPUT.fullmatch(stem):
        return lower == f"{stem}.h5" or (path.parent / f"{stem}.h5").exists()
    found = member(last)
    beside = found is not None and found.prefix in _ALIKE_PREFIXES
    if not (beside or is_other_list(lower) or _DESCRIPTION.fullmatch(lower)):
        return False
    return any((path.parent / f"{name}{end}").exists() for name in _ALIKE for end in ("", ".gz"))


def _called(folders: Sequence[str]) -> str:
    marks: list[str] = []
    for position in range(len(folders) - 1, -1, -1):
        folder = folders[position]
        mark = _mark(folder.lower())
        if mark is None or position == 0:
            return "_".join([folder, *reversed(marks)])
        if mark:
            marks.append("raw" if mark == "raw" else folder)
    return ""


def _mark(folder: str) -> str | None:
    """What passing this folder adds to a name; None where the folder has a name of its own."""
    if found := _OUTPUT.fullmatch(folder):
        return "raw" if "raw" in (found["kind"], found["bare"]) else ""
    return folder if _GENOME.fullmatch(folder) else None
