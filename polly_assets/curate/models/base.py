"""The contract for annotation models: records in, annotations out.

Owns the words of curation: which fields exist and what a record looks like. Add a model
as one file beside this one and one row in `models.registry`.
Keep out: storage, ontology files, and where records come from.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from polly_resources.records import Annotation

FIELDS = (
    "disease",
    "tissue",
    "cell_type",
    "cell_line",
    "drug",
    "organism",
    "gene",
    "strain",
    "sex",
    "age",
    "sample_type",
)
"""The curated fields, each a list of annotations; `is_control` stands beside them."""


@dataclass(frozen=True, slots=True)
class CurationRecord:
    """What is known in words about one sample or one dataset.

    `characteristics` maps the submitter's key (`disease state`) to its value; a plain
    string is split at `|` or `;` into `key: value` parts by `records.record_from_json`.
    `study` groups records that may be read together.
    """

    id: str
    study: str = ""
    title: str = ""
    source: str = ""
    characteristics: Mapping[str, str] = field(default_factory=dict)
    description: str = ""


@dataclass(frozen=True, slots=True)
class Control:
    """Whether a sample is a control, with calibrated confidence in [0, 1]; None = unknown."""

    value: bool | None
    confidence: float


@dataclass(frozen=True, slots=True)
class CuratedRecord:
    """The outcome for one record: every field of FIELDS present, empty = nothing there."""

    id: str
    fields: Mapping[str, tuple[Annotation, ...]]
    is_control: Control


class AnnotationModel(ABC):
    """Turns records into annotations."""

    name: ClassVar[str]

    @property
    @abstractmethod
    def version(self) -> str:
        """Changes whenever the same text may be annotated differently."""

    @abstractmethod
    def annotate(self, records: Sequence[CurationRecord]) -> list[CuratedRecord]:
        """One outcome per record, in order."""
