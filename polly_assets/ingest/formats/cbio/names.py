"""The files of a cBioPortal study by name: what belongs together, and what a file may hold.

Owns what can be said before any file is opened. A study is a folder with `meta_study.txt`: all
files of that folder and its case lists belong to it. Keep out: content (`study`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

STUDY = "meta_study.txt"
CASE_LISTS = "case_lists"

_MEMBER = re.compile(r"(?:data|meta)[_.].*|.*\.(?:maf|seg)")


def find_studies(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """By main file (`meta_study.txt`) the other files of its study, by name below its folder."""
    mains = {_folder(name): name for name in names if _last(name).lower() == STUDY}
    found: dict[str, dict[str, str]] = {main: {} for main in mains.values()}
    for name in names:
        folder = _folder(name)
        home = folder.removesuffix(CASE_LISTS).rstrip("/") if _in_case_lists(folder) else folder
        main = mains.get(folder) or mains.get(home)
        if main and main != name:
            found[main][name[len(home) + bool(home) :]] = name
    return found


def beside_study(name: str) -> bool:
    """Whether a file's name is one that files of studies have."""
    return _MEMBER.fullmatch(_last(name).lower().removesuffix(".gz")) is not None


def study_name(name: str) -> str:
    """The folder of a study, by which it is known until it is read; '' for other files."""
    return _last(_folder(name)) if _last(name).lower() == STUDY else ""


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _in_case_lists(folder: str) -> bool:
    return _last(folder) == CASE_LISTS


_TYPES: Sequence[tuple[str, str]] = (
    (r"MUTATION_EXTENDED|MUTATION_UNCALLED|.*mutation.*|.*\.maf", "Mutations"),
    (r"STRUCTURAL_VARIANT|FUSION|.*(structural|_sv|fusion).*", "Structural variants"),
    (r"COPY_NUMBER_ALTERATION|.*(cna|cnv|gistic|log2).*|.*\.seg", "Copy Number Variation"),
    (r"METHYLATION|.*methyl.*", "Methylation"),
    (r"PROTEIN_LEVEL|.*(rppa|protein|mass_spec).*", "Proteomics"),
    (r"MRNA_EXPRESSION|.*(expression|mrna|rna_seq).*", "Transcriptomics"),
    (r".*(treatment|ic50|ec50|auc|drug).*", "Drug response"),
    (r"GENESET_SCORE|.*(geneset|gsva).*", "Gene set scores"),
)


def data_type(kind: str, file: str) -> str:
    """Polly's word for a profile, by its alteration type, else by the name of its file."""
    for pattern, word in _TYPES:
        if re.fullmatch(pattern, kind) if kind else re.fullmatch(pattern, file.lower()):
            return word
    return data_type("", file) if kind else ""
