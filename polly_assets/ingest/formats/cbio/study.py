"""A cBioPortal study: one folder, one dataset for each of its data files.

Owns how the files of a study belong together: meta files name data files, clinical tables
describe the samples of all of them, case lists say who was sequenced. Datasets are called
`STUDY_PROFILE`, by the profile's `stable_id`, or by the file's name where no meta file names
it. A fault in a data file fails its dataset alone; one in `meta_study.txt` or in a clinical
table fails the study. Keep out: the grammar of each kind of file (`cbio_*`, `maf_*`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from polly_assets.ingest.formats.base import (
    DenseMatrix,
    FailedDataset,
    ParsedDataset,
    Reader,
    Source,
)
from polly_assets.ingest.formats.cbio.clinical import (
    PATIENT,
    SAMPLE,
    Clinical,
    is_clinical,
    read_clinical,
)
from polly_assets.ingest.formats.cbio.events import (
    read_fusions,
    read_segments,
    read_structural,
)
from polly_assets.ingest.formats.cbio.kinds import Kind, kind_of, unloaded
from polly_assets.ingest.formats.cbio.matrix import Profile, read_profile
from polly_assets.ingest.formats.cbio.meta import Meta, checked, doubts, read_meta, study_identifier
from polly_assets.ingest.formats.cbio.names import STUDY, data_type
from polly_assets.ingest.formats.maf.rows import read_maf
from polly_assets.ingest.formats.streams import text
from polly_assets.ingest.formats.streams.lines import Lines
from polly_assets.ingest.formats.streams.table import unique_names
from polly_assets.ingest.formats.variants import Variants
from polly_resources.errors import BadInput
from polly_resources.records import Notice

_CLINICAL = "CLINICAL"
_KEYS = {"PATIENT_ATTRIBUTES": PATIENT, "SAMPLE_ATTRIBUTES": SAMPLE}
_ANNOTATIONS = ("pd_annotations_filename", "tags_file")
_COPY_NUMBERS = (-2.0, -1.5, -1.0, 0.0, 1.0, 2.0)
_CNA = "COPY_NUMBER_ALTERATION"
_LISTED = 20
_EVENTS = {
    Kind.FUSIONS: read_fusions,
    Kind.SEGMENTS: read_segments,
    Kind.STRUCTURAL: read_structural,
}


class StudyReader(Reader):
    """Reads the folder of a study, given as `meta_study.txt` with the other files beside it."""

    name = "cbio_study"
    suffixes = (STUDY,)

    def sniff(self, name: str, head: bytes) -> bool:
        """By name alone."""
        return name.rpartition("/")[2] == STUDY

    def read(self, source: Source) -> Iterator[ParsedDataset | FailedDataset]:
        """A dataset for each data file."""
        study = _Study(source)
        profiles = list(study.profiles())
        if not profiles:
            yield study.without_data()
        taken: dict[str, _Profile] = {}
        for profile in profiles:
            try:
                if (first := taken.setdefault(profile.dataset_id, profile)) is not profile:
                    raise study.named_again(profile, first)
                yield study.dataset(profile)
            except BadInput as error:
                yield FailedDataset(profile.dataset_id, error)


@dataclass(frozen=True, slots=True)
class _Profile:
    """One data file with what is said of it; `head` is its line of column names."""

    dataset_id: str
    key: str
    meta: Meta | None
    head: str


@dataclass(frozen=True, slots=True)
class _Content:
    samples: Sequence[str]
    features: pl.DataFrame
    matrices: tuple[DenseMatrix, ...] = ()
    variants: Variants | None = None
    metadata: Mapping[str, Any] | None = None
    notices: Sequence[Notice] = ()


class _Study:
    def __init__(self, source: Source) -> None:
        self._folder = source.name.rpartition("/")[0]
        self._files = dict(source.sidecars)
        self._meta = read_meta(source.path, source.name)
        self._id = study_identifier(self._meta)
        self._metas = [
            read_meta(self._files.pop(key), self._shown(key))
            for key in sorted(self._files)
            if key.lower().startswith("meta") and "/" not in key
        ]
        self._lists = {k: self._files.pop(k) for k in sorted(self._files) if "/" in k}
        self._notices: list[Notice] = []
        self._clinical = self._read_clinical()

    def _shown(self, key: str) -> str:
        return f"{self._folder}/{key}" if self._folder else key

    def _named(self, meta: Meta) -> str | None:
        """The data file of a meta file, gzipped or not; None where it is not there."""
        names = (meta.data_file, f"{meta.data_file}.gz")
        return next((name for name in names if name in self._files), None)

    def _read_clinical(self) -> pl.DataFrame:
        """All clinical samples with their patients' attributes; first column SAMPLE_ID.

        Clinical are the files that meta files call so, and others with such columns.
        """
        named = {self._named(meta): meta for meta in self._metas if meta.data_file}
        if (lost := named.get(None)) is not None and lost.kind == _CLINICAL:
            raise _no_file(lost)
        tables: list[Clinical] = []
        for key in sorted(self._files):
            meta = named.get(key)
            head = self._head(key)
            if meta.kind != _CLINICAL if meta else not is_clinical(head):
                continue
            path = self._files.pop(key)
            if reason := unloaded(head, key, meta):
                self._skip(key, reason)
                continue
            if meta is not None:
                checked(meta, self._id)
            of = _KEYS.get(meta.datatype, "") if meta else ""
            tables.append(read_clinical(path, self._shown(key), key=of))
            self._notices += tables[-1].notices
        self._notices += _unmatched(tables)
        return _joined(tables)

    def profiles(self) -> Iterator[_Profile]:
        """The data files, those of meta files first, then those that none names."""
        claimed: set[str | None] = set()
        for name in self._annotations():
            claimed.add(name)
            self._skip(name, "annotates other files")
        for meta in self._metas:
            if not meta.data_file or meta.kind == _CLINICAL:
                continue
            key = self._named(meta)
            claimed.add(key)
            if reason := unloaded(self._head(key), meta.data_file, meta):
                self._skip(meta.data_file, reason)
                continue
            name = meta.values.get("stable_id") or text.base_name(meta.data_file)
            yield _Profile(self._called(name), key or "", meta, self._head(key))
        for key in sorted(self._files.keys() - claimed):
            head = self._head(key)
            reason = unloaded(head, key, None)
            if not reason and (key.lower().startswith("data") or _ends(key, ".maf", ".seg")):
                name = text.base_name(key).removeprefix("data_")
                yield _Profile(self._called(name), key, None, head)
            else:
                self._skip(key, reason or "is not called data_... and no meta file names it")

    def _annotations(self) -> list[str]:
        """Files that meta files name beside their data."""
        said = [meta.values.get(key) for meta in (self._meta, *self._metas) for key in _ANNOTATIONS]
        return [name for name in said if name and name in self._files]

    def _skip(self, name: str, reason: str) -> None:
        message = f"{name} {reason}; it stays in the original"
        self._notices.append(Notice("file_not_loaded", message))

    def _called(self, name: str) -> str:
        name = name.removeprefix(f"{self._id}_")
        return text.safe_id(f"{self._id}_{name}")

    def _head(self, key: str | None) -> str:
        return _column_names(self._files[key]) if key else ""

    def dataset(self, profile: _Profile) -> ParsedDataset:
        """One data file as a dataset. Raises BadInput."""
        notices = list(self._notices)
        if profile.meta is not None:
            notices += doubts(checked(profile.meta, self._id))
            if not profile.key:
                raise _no_file(profile.meta)
        else:
            message = f"no meta file names {profile.key}; what it holds was told by its columns"
            notices.append(Notice("data_without_meta", message))
        content = self._content(profile)
        samples, more = self._samples(content.samples)
        kind = profile.meta.kind if profile.meta else ""
        said = profile.meta.values if profile.meta else {}
        return ParsedDataset(
            dataset_id=profile.dataset_id,
            format=StudyReader.name,
            metadata={**self._meta.values, **said, **(content.metadata or {})},
            samples=samples,
            features=content.features,
            matrices=content.matrices,
            data_type=data_type(kind, profile.key),
            notices=(*notices, *content.notices, *more),
            variants=content.variants,
        )

    def named_again(self, profile: _Profile, first: _Profile) -> BadInput:
        """The error of a data file that is called as another is."""
        files = [one.meta.file if one.meta else self._shown(one.key) for one in (profile, first)]
        return BadInput(
            "bad_meta_file",
            f"the profile is called {profile.dataset_id}, as that of {files[1]}, expected a name "
            "of its own",
            file=files[0],
            place=profile.meta.place("stable_id") if profile.meta else "",
            hint="give each meta file of the study its own stable_id",
        )

    def without_data(self) -> ParsedDataset:
        """The clinical samples of a study that has no data file."""
        ids = self._clinical.to_series(0).to_list() if self._clinical.width else []
        message = f"no data file is beside {STUDY}: the study has no values"
        return ParsedDataset(
            dataset_id=text.safe_id(self._id),
            format=StudyReader.name,
            metadata=dict(self._meta.values),
            samples=self._samples(ids)[0],
            features=pl.DataFrame(schema={"feature_id": pl.String}),
            matrices=(),
            notices=(*self._notices, Notice("no_matrix", message)),
        )

    def _content(self, profile: _Profile) -> _Content:
        path, file = self._files[profile.key], self._shown(profile.key)
        none = pl.DataFrame(schema={"feature_id": pl.String})
        kind = kind_of(profile.head, profile.key, profile.meta)
        if kind is Kind.MUTATIONS:
            maf = read_maf(path, file)
            samples = list(dict.fromkeys((*maf.samples, *self._sequenced())))
            return _Content(samples, none, (), maf.variants, maf.metadata, maf.notices)
        if kind is not Kind.MATRIX:
            events = _EVENTS[kind](path, file)
            return _Content(events.samples, none, (), events.variants, None, events.notices)
        said = profile.meta.values if profile.meta else {}
        also = said.get("generic_entity_meta_properties", "").split(",")
        datatype = profile.meta.datatype if profile.meta else ""
        limits = profile.head.upper().startswith("ENTITY_STABLE_ID") or "LIMIT" in datatype
        found = read_profile(path, file, also=[name for name in also if name], limits=limits)
        notices = list(found.notices)
        if profile.meta and profile.meta.kind == _CNA and datatype.startswith("DISCRETE"):
            notices += _odd_copy_numbers(found)
        return _Content(found.samples, found.features, found.matrices, notices=notices)

    def _sequenced(self) -> list[str]:
        """The samples of the case list of sequenced ones: without a mutation, but looked at."""
        found: list[str] = []
        for key, path in self._lists.items():
            said = read_meta(path, self._shown(key))
            if said.values.get("stable_id", "").endswith("_sequenced"):
                found += checked(said, self._id).values.get("case_list_ids", "").split()
        return found

    def _samples(self, ids: Sequence[str]) -> tuple[pl.DataFrame, list[Notice]]:
        own = pl.DataFrame({"sample_id": ids}, schema={"sample_id": pl.String})
        if self._clinical.width == 0:
            return own, []
        known = self._clinical.rename({self._clinical.columns[0]: "sample_id"})
        without = own.filter(~pl.col("sample_id").is_in(known["sample_id"].implode()))["sample_id"]
        notices = []
        if len(without):
            message = f"{len(without)} samples are in no clinical table, such as {_some(without)}"
            notices.append(Notice("samples_without_metadata", message))
        return own.join(known, on="sample_id", how="left", maintain_order="left"), notices


def _joined(tables: Sequence[Clinical]) -> pl.DataFrame:
    """Tables of samples side by side, then those of patients by PATIENT_ID."""
    found = pl.DataFrame()
    for key in (SAMPLE, PATIENT):
        for table in tables:
            if table.key != key:
                continue
            if found.width == 0:
                found = table.frame
                continue
            by = next((name for name in found.columns if name.upper() == key), None)
            if by is None:
                continue
            names = unique_names([*found.columns, *table.frame.columns[1:]])
            other = table.frame.rename(
                dict(zip(table.frame.columns[1:], names[found.width :], strict=True))
            )
            found = found.join(
                other,
                left_on=by,
                right_on=key,
                how="full" if key == SAMPLE else "left",
                coalesce=True,
                maintain_order="left",
            )
    return found


def _unmatched(tables: Sequence[Clinical]) -> Iterator[Notice]:
    """What is to be told where tables of samples and of patients name other patients."""
    named = [
        table.frame[column]
        for table in tables
        if table.key == SAMPLE
        for column in table.frame.columns
        if column.upper() == PATIENT
    ]
    described = [table.frame[PATIENT] for table in tables if table.key == PATIENT]
    if not named or not described:
        return
    ours = pl.concat(named).drop_nulls().unique(maintain_order=True)
    theirs = pl.concat(described)
    without = ours.filter(~ours.is_in(theirs.implode()))
    if len(without):
        message = f"{len(without)} patients of samples are in no table of patients, such as "
        yield Notice("patients_without_metadata", message + _some(without))
    surplus = theirs.filter(~theirs.is_in(ours.implode()))
    if len(surplus):
        message = f"{len(surplus)} patients of the clinical tables have no sample, such as "
        yield Notice("metadata_without_samples", message + _some(surplus))


def _some(ids: pl.Series) -> str:
    return ", ".join(ids.head(_LISTED).to_list())


def _column_names(path: Path) -> str:
    """The first line of a file that is no comment; '' for one that is no text."""
    try:
        lines = Lines(path, path.name)
        return next((line for _, line in lines if line.strip() and not line.startswith("#")), "")
    except BadInput:
        return ""


def _odd_copy_numbers(found: Profile) -> list[Notice]:
    """A notice where discrete copy numbers have other values than cBioPortal's."""
    notices = []
    for matrix in found.matrices:
        odd = ~(np.isin(matrix.values, _COPY_NUMBERS) | np.isnan(matrix.values))
        if odd.any():
            row, column = (int(at[0]) for at in odd.nonzero())
            message = (
                f"{int(odd.sum())} discrete copy numbers are none of -2, -1.5, -1, 0, 1 and 2, "
                f"such as {matrix.values[row, column]} of {found.features['feature_id'][row]} in "
                f"sample {found.samples[column]}"
            )
            notices.append(Notice("odd_copy_numbers", message))
    return notices


def _ends(key: str, *endings: str) -> bool:
    return key.lower().removesuffix(".gz").endswith(endings)


def _no_file(meta: Meta) -> BadInput:
    return BadInput(
        "missing_data_file",
        f"data_filename is {meta.data_file!r}, expected a file of this name in the folder",
        file=meta.file,
        place=meta.place("data_filename"),
        hint="put the data file beside its meta file, or remove the meta file",
    )
