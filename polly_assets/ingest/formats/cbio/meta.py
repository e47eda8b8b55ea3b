"""The meta files of a cBioPortal study: lines of `key: value` that describe its data files.

Owns their grammar and what each must say. Keep out: the data files.

Format: https://docs.cbioportal.org/file-formats/.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from polly_assets.ingest.formats.streams.lines import Lines
from polly_resources.errors import BadInput
from polly_resources.records import Notice

ID = "cancer_study_identifier"

_TYPE = "genetic_alteration_type"
_KINDS = re.compile(
    "CANCER_TYPE|CLINICAL|COPY_NUMBER_ALTERATION|FUSION|GENERIC_ASSAY|GENE_PANEL_MATRIX"
    "|GENESET_SCORE|GISTIC_GENES_(AMP|DEL)|METHYLATION.*|M(ICRO_)?RNA_EXPRESSION.*"
    "|MUTATION_(EXTENDED|UNCALLED)|MUTSIG|PROTEIN_.+|STRUCTURAL_VARIANT"
)


@dataclass(frozen=True, slots=True)
class Meta:
    """What one meta file says, by key, and the line of each key."""

    file: str
    values: Mapping[str, str]
    lines: Mapping[str, int]

    def place(self, key: str) -> str:
        """The line of a key; that of the first, where the key lacks."""
        return f"line {self.lines.get(key) or min(self.lines.values(), default=1)}"

    @property
    def kind(self) -> str:
        """What was measured, such as MUTATION_EXTENDED; '' where it does not say."""
        return self.values.get(_TYPE, "").upper()

    @property
    def datatype(self) -> str:
        """How it is written, such as MAF, CONTINUOUS or DISCRETE_LONG."""
        return self.values.get("datatype", "").upper()

    @property
    def data_file(self) -> str:
        """The file that it describes; '' for none."""
        return self.values.get("data_filename", "")


def read_meta(path: Path, file: str) -> Meta:
    """Read one meta file. Raises BadInput `bad_meta_file`."""
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    for number, line in Lines(path, file):
        if not line.strip() or line.startswith("#"):
            continue
        key, colon, value = line.partition(":")
        if not colon or not key.strip() or key.strip() in values:
            found = f"key {key.strip()!r} again" if colon and key.strip() else repr(line[:60])
            raise _bad(
                f"found {found}, expected lines of key: value, each key once",
                file,
                f"line {number}",
            )
        values[key.strip()] = value.strip()
        lines[key.strip()] = number
    return Meta(file, values, lines)


def checked(meta: Meta, study: str) -> Meta:
    """The meta file of a data file, if it is of the study. Raises BadInput."""
    found = meta.values.get(ID, "")
    if found != study:
        raise _bad(
            f"{ID} is {found!r}, expected {study!r} as in meta_study.txt", meta.file, meta.place(ID)
        )
    return meta


def doubts(meta: Meta) -> list[Notice]:
    """A notice where the kind of data is none of cBioPortal's; the columns tell what it is."""
    if _KINDS.fullmatch(meta.kind):
        return []
    said = repr(meta.kind[:60]) if meta.kind else "not given"
    message = f"genetic_alteration_type is {said}, which cBioPortal does not know"
    return [Notice("odd_meta_file", f"{meta.file}: {message}", meta.place(_TYPE))]


def study_identifier(meta: Meta) -> str:
    """The identifier in `meta_study.txt`. Raises BadInput `bad_meta_file`."""
    if found := meta.values.get(ID):
        return found
    keys = ", ".join(meta.values) or "nothing"
    raise _bad(f"found the keys {keys[:200]}, expected {ID} among them", meta.file, meta.place(ID))


def _bad(message: str, file: str, place: str) -> BadInput:
    return BadInput(
        "bad_meta_file",
        message,
        file=file,
        place=place,
        hint="such as cancer_study_identifier: brca_tcga",
    )
