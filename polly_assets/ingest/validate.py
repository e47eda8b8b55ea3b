"""Validation: what ingest would say of files, without a platform to put them into.

Owns the findings of a set of files: the same grouping, bundles, readers and checks as ingest,
and nothing stored. Keep out: how findings are shown, and rules of any one format.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path

from polly_assets.ingest.bundles import is_bundle, unbundled
from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Source
from polly_assets.ingest.formats.grouping import SourceGroup, group_sources
from polly_assets.ingest.formats.wording import counted
from polly_assets.ingest.given import Given, survey
from polly_assets.ingest.manifests import is_manifest
from polly_assets.ingest.reading import datasets, internal, named
from polly_resources.errors import BadInput, PollyError


class Severity(StrEnum):
    """How a finding is meant: only an error keeps a dataset out; what is skipped is no data."""

    OK = "ok"
    SKIPPED = "skipped"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class FileFinding:
    """One thing that is to be said of a file.

    Each dataset that can be read has one finding `ok`, with its format and shape, and one
    per warning; each that cannot has an error, and so has each file that cannot. `beside` names
    the files that belong to it, so that every file is somewhere in the findings.
    """

    file: str
    dataset_id: str
    severity: Severity
    code: str
    message: str
    place: str = ""
    hint: str = ""
    format: str = ""
    samples: int | None = None
    features: int | None = None
    beside: tuple[str, ...] = ()


OnFile = Callable[[str, int], None]
"""Called with each file that has been read, and how many there are."""


def validate(
    paths: Sequence[Path], *, workers: int, on_file: OnFile = lambda name, total: None
) -> list[FileFinding]:
    """The findings of files and folders, by name; what is skipped last. Files are not changed.

    Raises NotFound and Conflict for the paths, as ingest does, and BadInput
    `nothing_to_validate` where they hold no data.
    """
    given = survey(paths)
    with tempfile.TemporaryDirectory(prefix="polly-validate-") as folder:
        files, refused = unbundled(given.files, Path(folder))
        refused = given.refused | refused
        groups = [group for group in group_sources(sorted(files)) if group.main not in refused]
        if not groups and not refused:
            raise BadInput(
                "nothing_to_validate",
                "no data files found",
                file=", ".join(str(path) for path in paths),
                hint="hidden files, READMEs, licences, indexes and checksums are not data",
            )
        found = [_failure(error, name) for name, error in sorted(refused.items())]
        with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="validate") as pool:
            read = pool.map(partial(_examined, files), groups)
            for group, findings in zip(groups, read, strict=True):
                found += findings
                on_file(group.main, len(groups))
    used = {name for group in groups for name in (group.main, *group.sidecars.values())}
    return [*_once(found), *_skipped(given, files, used | refused.keys())]


def _skipped(given: Given, files: Mapping[str, Path], told: Set[str]) -> list[FileFinding]:
    """A finding for each file that is in no other, by name."""
    why = dict(given.skipped)
    for name in files.keys() - told:
        manifest = is_manifest(name)
        why[name] = "a manifest, which tells of other files" if manifest else "by its name no data"
    for name in given.files.keys() - files.keys() - told:
        if not is_bundle(name):
            why[name] = "a table of samples, which a manifest puts to its datasets"
    return [
        FileFinding(name, "", Severity.SKIPPED, "not_data", message)
        for name, message in sorted(why.items())
    ]


def _examined(files: Mapping[str, Path], group: SourceGroup) -> list[FileFinding]:
    """The findings of one source."""
    sidecars = {key: files[name] for key, name in group.sidecars.items()}
    source = Source(files[group.main], group.main, sidecars)
    found: list[FileFinding] = []
    try:
        for item in datasets(source):
            if isinstance(item, FailedDataset):
                error = named(item.error, sidecars, group.sidecars)
                found.append(_failure(error, group.main, item.dataset_id))
            else:
                found += _of_dataset(item, group.main)
    except PollyError as error:
        found.append(_failure(named(error, sidecars, group.sidecars), group.main))
    names = {group.main, *group.sidecars.values()}
    return [
        replace(each, beside=tuple(sorted(names - {each.file})))
        if each.severity is not Severity.WARNING
        else each
        for each in found
    ]


def _of_dataset(parsed: ParsedDataset, file: str) -> Iterator[FileFinding]:
    """The findings of a dataset whose values are read, too, to their end."""
    try:
        for matrix in parsed.matrices:
            for _ in matrix.blocks():
                pass
    except PollyError as error:
        yield _failure(error, file, parsed.dataset_id)
        return
    except Exception as error:
        yield _failure(internal(file, error), file, parsed.dataset_id)
        return
    samples, features = parsed.samples.height, parsed.features.height
    yield FileFinding(
        file,
        parsed.dataset_id,
        Severity.OK,
        "readable",
        f"{counted(samples, 'sample')} x {counted(features, 'feature')}",
        format=parsed.format,
        samples=samples,
        features=features,
    )
    for notice in parsed.notices:
        yield FileFinding(
            file, parsed.dataset_id, Severity.WARNING, notice.code, notice.message, notice.place
        )


def _failure(error: PollyError, file: str, dataset_id: str = "") -> FileFinding:
    return FileFinding(
        error.file or file,
        dataset_id,
        Severity.ERROR,
        error.code,
        error.message,
        error.place,
        error.hint,
    )


def _once(found: Iterable[FileFinding]) -> Iterator[FileFinding]:
    """The findings with an error, last, for each dataset whose id another file claims before it.

    It takes the place of all that was said of that dataset, as ingest would fail it.
    """
    owners: dict[str, str] = {}
    refused: dict[tuple[str, str], FileFinding] = {}
    for finding in found:
        key = (finding.file, finding.dataset_id)
        if finding.severity is Severity.OK:
            owner = owners.setdefault(finding.dataset_id, finding.file)
            if owner != finding.file:
                refused[key] = _taken(finding, owner)
        if key not in refused or finding.severity is Severity.ERROR:
            yield finding
    yield from refused.values()


def _taken(finding: FileFinding, owner: str) -> FileFinding:
    return FileFinding(
        finding.file,
        finding.dataset_id,
        Severity.ERROR,
        "dataset_id_taken",
        f"dataset {finding.dataset_id} comes from {owner} already",
        hint="give each file its own dataset_id in a JSON sidecar",
        beside=finding.beside,
    )
