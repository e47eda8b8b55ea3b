"""Making a lexicon out of ontology releases, once per combination of releases.

Owns collecting names, choosing between terms that share one, and the atomic write.
Keep out: which names are wanted (`naming`) and reading a saved lexicon (`lexicon`).
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import os
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from operator import itemgetter
from pathlib import Path
from typing import TypeAlias

import marisa_trie
import pyarrow as pa

from polly_assets.curate import lexicon as saved
from polly_assets.curate import naming, text
from polly_assets.curate.naming import Kind, Name
from polly_resources.ontologies.base import OntologySource
from polly_resources.records import Term

_FOLDER = re.compile(r"lexicon-[0-9a-f]{16}")
_COMPACT = (Kind.LINE, Kind.SYMBOL)
_WITH_FORM = (Kind.ABBREVIATION, Kind.ACRONYM, *_COMPACT)
_Claim: TypeAlias = tuple[Kind, int, str]
"""A kind of name, the row of the term that it names, and the spelling where it matters."""

_TREES = ("MONDO", "UBERON", "CL")
"""Ontologies whose hierarchy is kept, to tell a general statement from a specific one."""


@dataclass(slots=True)
class _Draft:
    """A lexicon in the making. `names` maps a key to (kind, term row, form) claims."""

    curies: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    ancestors: list[Sequence[str]] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    spaced: dict[str, list[_Claim]] = field(default_factory=lambda: defaultdict(list))
    compact: dict[str, list[_Claim]] = field(default_factory=lambda: defaultdict(list))


def lexicon_key(ontologies: OntologySource) -> str:
    """A short digest of everything that a lexicon is made from."""
    wanted = {source.ontology for source in naming.SOURCES}
    parts = [f"{i.name} {i.version}" for i in ontologies.available() if i.name in wanted]
    parts += [f"lexicon {saved.REVISION}", f"text {text.REVISION}"]
    parts += [f"{f} {c} {n.text} {n.kind}" for f, c, n in naming.extra_names()]
    parts += [" ".join(stop) for stop in sorted(naming.stop_names("always"))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def open_lexicon(ontologies: OntologySource, cache_dir: Path) -> saved.Lexicon:
    """The lexicon of these releases, built first where the cache does not have it.

    Several processes may build at once: each writes its own folder and the first to
    rename it wins. Lexicons of other releases are removed then; who has them open keeps them.
    Raises Unavailable where the saved files cannot be read.
    """
    folder = cache_dir / f"lexicon-{lexicon_key(ontologies)}"
    if not folder.exists():
        cache_dir.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".lexicon-", dir=cache_dir))
        try:
            compile_lexicon(ontologies, scratch)
            _publish(scratch, folder)
            _remove_others(folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return saved.Lexicon(folder)


def _publish(scratch: Path, folder: Path) -> None:
    try:
        scratch.chmod(0o755)
        os.rename(scratch, folder)  # noqa: PTH104 - must fail where the folder is there already
    except OSError:
        if not folder.exists():
            raise


def _remove_others(folder: Path) -> None:
    for other in folder.parent.iterdir():
        if other != folder and _FOLDER.fullmatch(other.name):
            bin_ = tempfile.TemporaryDirectory(
                prefix=".lexicon-", dir=folder.parent, ignore_cleanup_errors=True
            )
            with bin_ as name, contextlib.suppress(OSError):
                other.rename(Path(name) / other.name)


def compile_lexicon(ontologies: OntologySource, folder: Path) -> None:
    """Write the lexicon of these releases into an existing, empty folder."""
    with _no_garbage():
        _write(_drafted(ontologies), folder)


@contextlib.contextmanager
def _no_garbage() -> Iterator[None]:
    """Nothing of a million small objects is garbage before the end: do not look for any."""
    looking = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looking:
            gc.enable()


def _drafted(ontologies: OntologySource) -> _Draft:
    draft = _Draft()
    releases = {info.name: info.version for info in ontologies.available()}
    for source in naming.SOURCES:
        if source.ontology in releases:
            version = f"{source.ontology} {releases[source.ontology]}"
            _collect(draft, source, version, ontologies.terms(source.ontology))
    _link_chemicals(draft)
    _drop_sites(draft)
    for name_field, curie, name in naming.extra_names():
        row = draft.rows.get(curie)
        if row is not None and draft.fields[row] == name_field:
            _claim(draft, row, name)
    _stop(draft)
    return draft


def _collect(draft: _Draft, source: naming.Source, version: str, terms: Iterable[Term]) -> None:
    replaced: list[tuple[str, Term]] = []
    keep_tree = source.ontology in _TREES
    for term in terms:
        if term.deprecated or not term.label:
            if term.replaced_by and term.label:
                replaced.append((term.replaced_by, term))
            continue
        names = list(source.names(term))
        if not names and source.field not in ("age", "disease"):
            continue
        row = len(draft.curies)
        draft.rows[term.curie] = row
        draft.curies.append(term.curie)
        draft.labels.append(term.label)
        draft.fields.append(source.field)
        draft.versions.append(version)
        draft.ancestors.append(term.ancestors if keep_tree else ())
        for name in names:
            _claim(draft, row, name)
    for curie, old in replaced:
        heir = draft.rows.get(curie)
        if heir is not None:
            label = old.label.removeprefix("obsolete ")
            for name in source.names(Term(curie, label, ancestors=tuple(draft.ancestors[heir]))):
                if name.kind is Kind.LABEL:
                    _claim(draft, heir, Name(name.text, Kind.SYNONYM))


def _claim(draft: _Draft, row: int, name: Name) -> None:
    form = name.text if name.kind in _WITH_FORM else ""
    if name.kind in _COMPACT:
        key, names = text.compact_name(name.text), draft.compact
    else:
        key, names = text.spaced_name(name.text), draft.spaced
    if len(key) > 1 and not key.isdigit():
        names[key].append((name.kind, row, form))


def _link_chemicals(draft: _Draft) -> None:
    """Where ChEBI and DrugBank share a label, DrugBank's names name the ChEBI term."""
    twins: dict[int, int] = {}
    for _, claims in _shared(draft.spaced):
        drugs = [c for c in claims if draft.fields[c[1]] == "drug"]
        chemical = next((c[1] for c in drugs if draft.curies[c[1]].startswith("CHEBI:")), None)
        label = next((c[1] for c in drugs if c[0] is Kind.LABEL), None)
        if chemical is not None and label is not None:
            twins[label] = chemical
    for key, claims in draft.spaced.items():
        if not twins.keys().isdisjoint([row for _, row, _ in claims]):
            renamed = [(kind, twins.get(row, row), form) for kind, row, form in claims]
            draft.spaced[key] = list(dict.fromkeys(renamed))


def _shared(names: Mapping[str, list[_Claim]]) -> Iterator[tuple[str, list[_Claim]]]:
    """The few names that are claimed more than once."""
    return ((key, claims) for key, claims in names.items() if len(claims) > 1)


def _drop_sites(draft: _Draft) -> None:
    """MONDO lists some sites as synonyms (`pituitary` of hypophysitis): they name the site."""
    for key, claims in _shared(draft.spaced):
        if any(draft.fields[row] in ("tissue", "cell_type") for _, row, _ in claims):
            draft.spaced[key] = [
                c for c in claims if c[0] is not Kind.SYNONYM or draft.fields[c[1]] != "disease"
            ]


def _stop(draft: _Draft) -> None:
    for name_field, key in naming.stop_names("always"):
        if key in draft.spaced:
            claims = draft.spaced[key]
            draft.spaced[key] = [
                c for c in claims if draft.fields[c[1]] != name_field or c[0] is Kind.EXTRA
            ]
        compact = key.replace(" ", "")
        if compact in draft.compact:
            claims = draft.compact[compact]
            draft.compact[compact] = [c for c in claims if draft.fields[c[1]] != name_field]


def _choose(draft: _Draft, claims: list[_Claim]) -> list[_Claim]:
    """One claim per field: the strongest; among equals the common ancestor, else the first."""
    if len(claims) == 1:
        return claims
    by_field: dict[str, list[_Claim]] = defaultdict(list)
    for claim in sorted(set(claims), key=lambda c: (c[0], draft.curies[c[1]], c[2])):
        by_field[draft.fields[claim[1]]].append(claim)
    chosen = []
    for group in by_field.values():
        kind = group[0][0]
        best = [claim for claim in group if claim[0] is kind]
        rows = {claim[1] for claim in best}
        if len(rows) == 1:
            chosen.append(best[0])
        elif kind is not Kind.ACRONYM:
            chosen.append(_common(draft, best, rows))
    return chosen


def _common(draft: _Draft, claims: list[_Claim], rows: set[int]) -> _Claim:
    for kind, row, form in claims:
        others = rows - {row}
        if all(draft.curies[row] in draft.ancestors[other] for other in others):
            return kind, row, form
    kind, row, form = claims[0]
    return (Kind.AMBIGUOUS if kind is Kind.SYNONYM else kind), row, form


def _lines_first(draft: _Draft, claims: list[_Claim]) -> list[_Claim]:
    """Cellosaurus numbered the common lines first: `CVCL_0031` before `CVCL_A1B2`."""
    if len(claims) == 1:
        return claims

    def age(claim: _Claim) -> tuple[Kind, bool, str, str]:
        curie = draft.curies[claim[1]]
        return claim[0], not curie[-4:].isdigit(), curie, claim[2]

    return sorted(set(claims), key=age)


def _write(draft: _Draft, folder: Path) -> None:
    curies = marisa_trie.Trie(draft.curies)
    curies.save(str(folder / saved.CURIES))
    place = [curies[curie] for curie in draft.curies]
    ordered: list[list[_Claim]] = []
    for file, chosen in (
        (saved.SPACED, {key: _choose(draft, claims) for key, claims in draft.spaced.items()}),
        (saved.COMPACT, {key: _lines_first(draft, c) for key, c in draft.compact.items()}),
    ):
        kept = {key: claims for key, claims in chosen.items() if claims}
        trie = marisa_trie.Trie(list(kept))
        trie.save(str(folder / file))
        ordered.extend(kept[key] for key, _ in sorted(trie.items(), key=itemgetter(1)))
    _save(folder / saved.ENTRIES, {"entries": _entries(ordered, place)})
    rows = sorted(range(len(place)), key=place.__getitem__)
    known = draft.rows
    _save(
        folder / saved.TERMS,
        {
            "curie": pa.array([draft.curies[row] for row in rows], pa.string()),
            "label": pa.array([draft.labels[row] for row in rows], pa.string()),
            "field": pa.array([draft.fields[row] for row in rows], pa.string()),
            "version": pa.array([draft.versions[row] for row in rows], pa.string()),
            "ancestors": pa.array(
                [[place[known[a]] for a in draft.ancestors[row] if a in known] for row in rows],
                pa.list_(pa.int32()),
            ),
        },
    )


def _entries(ordered: list[list[_Claim]], place: list[int]) -> pa.ListArray:
    offsets = [0, *accumulate(map(len, ordered))]
    claims = [claim for group in ordered for claim in group]
    values = pa.StructArray.from_arrays(
        [
            pa.array([place[row] for _, row, _ in claims], pa.int32()),
            pa.array([int(kind) for kind, _, _ in claims], pa.int8()),
            pa.array([form for _, _, form in claims], pa.string()),
        ],
        names=["term", "kind", "form"],
    )
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)


def _save(path: Path, columns: Mapping[str, pa.Array]) -> None:
    table = pa.table(dict(columns))
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=max(1, len(table)))
