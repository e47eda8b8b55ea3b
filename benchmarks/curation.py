"""How well and how fast the dictionary model curates: labelled GEO samples, by study.

Reads `curation_gold/` below the folder named by POLLY_TEST_DATA. Run:
`python -m benchmarks.curation [--studies 600] [--seed 0] [--errors 0]`.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks.common import Bench
from polly_assets.curate.models.base import CuratedRecord, CurationRecord
from polly_assets.curate.models.registry import open_model
from polly_assets.curate.records import record_from_json
from polly_resources.ontologies.base import OntologySource
from polly_resources.ontologies.packages import PackageOntologies
from polly_resources.settings import load

CONTROL = "MONDO:0000000"
TREES = ("MONDO", "UBERON", "CL")
FIELDS = {"tissue": ("tissue", "cell_type"), "disease": ("disease",)}
"""Labelled field -> fields of ours; the labels call cell types tissues as well."""


def studies(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The labelled samples by study."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            groups[str(row["block"])].append(row)
    return groups


def record(row: dict[str, Any]) -> CurationRecord:
    """A labelled sample as a record."""
    return record_from_json(
        {
            "id": row["gsm"],
            "study": str(row["block"]),
            "title": row["title"],
            "source": row["source_name"],
            "characteristics": row["characteristics"],
            "description": row["description"],
        }
    )


def ancestors(ontologies: OntologySource) -> dict[str, frozenset[str]]:
    """The ancestors of every term whose hierarchy counts."""
    return {t.curie: frozenset(t.ancestors) for n in TREES for t in ontologies.terms(n)}


def related(one: str, other: str, above: dict[str, frozenset[str]]) -> bool:
    """Whether two terms are equal or one is above the other."""
    return one == other or one in above.get(other, ()) or other in above.get(one, ())


def score_terms(
    field: str,
    pairs: Iterable[tuple[dict[str, Any], CuratedRecord]],
    above: dict[str, frozenset[str]],
    errors: int,
) -> None:
    """Print precision and recall of one field, exact and by lineage, per sample and study."""
    count: Counter[str] = Counter()
    wrong: Counter[tuple[str, ...]] = Counter()
    per_study: dict[str, list[bool]] = defaultdict(list)
    for row, outcome in pairs:
        gold = {v[0] for v in row["labels"].get(field, []) if v[0] != "na"}
        if not gold or CONTROL in gold:
            continue
        guess = {a.curie for name in FIELDS[field] for a in outcome.fields[name]}
        count["samples"] += 1
        count["answered"] += bool(guess)
        exact = bool(guess & gold)
        near = any(related(g, o, above) for g in gold for o in guess)
        count["exact"] += exact
        count["near"] += near
        per_study[str(row["block"])].append(exact)
        count["right"] += len(guess & gold)
        count["right_near"] += sum(any(related(g, o, above) for g in gold) for o in guess)
        count["stated"] += len(guess)
        if not near:
            names = tuple(sorted({v[1] for v in row["labels"][field]}))
            words = (
                f"{row['title'][:40]} | {row['source_name'][:40]} | {row['characteristics'][:90]}"
            )
            labels = ",".join(a.label for n in FIELDS[field] for a in outcome.fields[n])
            wrong[("/".join(names)[:40], labels[:40], words)] += 1
    n, stated = max(1, count["samples"]), max(1, count["stated"])
    by_study = sum(sum(v) / len(v) for v in per_study.values()) / max(1, len(per_study))
    print(
        f"{field:8} n={n} answered={count['answered'] / n:.3f}"
        f" recall exact={count['exact'] / n:.3f} near={count['near'] / n:.3f}"
        f" by-study exact={by_study:.3f}"
        f" precision exact={count['right'] / stated:.3f} near={count['right_near'] / stated:.3f}"
    )
    for what in _spread(wrong, errors):
        print("   ", what)


def _spread(wrong: Counter[tuple[str, ...]], errors: int) -> list[Any]:
    by_kind: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for (gold, guess, words), n in wrong.items():
        by_kind[(gold, guess)].append((n, gold, guess, words))
    order = sorted(by_kind.values(), key=lambda v: -sum(x[0] for x in v))
    return [(sum(x[0] for x in v), *v[0][1:]) for v in order[:errors]]


def score_controls(pairs: list[tuple[dict[str, Any], CuratedRecord]], errors: int) -> None:
    """Print how many labelled disease controls were given a disease."""
    gold = [p for p in pairs if any(v[0] == CONTROL for v in p[0]["labels"].get("disease", []))]
    false = [p for p in gold if p[1].fields["disease"]]
    print(f"controls n={len(gold)} false disease={len(false) / max(1, len(gold)):.4f}")
    shown: set[str] = set()
    for row, outcome in false:
        if str(row["block"]) not in shown and len(shown) < errors:
            shown.add(str(row["block"]))
            labels = [(a.label, a.source_field) for a in outcome.fields["disease"]]
            print("   ", labels, row["title"][:50], "|", row["source_name"][:50], "|",
                  row["characteristics"][:120])  # fmt: skip


def score_sex(pairs: list[tuple[dict[str, Any], CuratedRecord]]) -> None:
    """Print recall and precision of sex."""
    n = right = stated = 0
    for row, outcome in pairs:
        gold = {v[1] for v in row["labels"].get("sex", [])}
        if gold:
            n += 1
            guess = {a.label for a in outcome.fields["sex"]}
            stated += bool(guess)
            right += bool(guess & gold)
    print(f"sex      n={n} recall={right / max(1, n):.3f} precision={right / max(1, stated):.3f}")


def score_confidence(pairs: list[tuple[dict[str, Any], CuratedRecord]]) -> None:
    """Print how often a confidence holds (disease and tissue, exact)."""
    bins: dict[tuple[str, float], list[bool]] = defaultdict(list)
    for row, outcome in pairs:
        for field, ours in FIELDS.items():
            gold = {v[0] for v in row["labels"].get(field, [])}
            if gold:
                for name in ours:
                    for a in outcome.fields[name]:
                        bins[(field, a.confidence)].append(a.curie in gold)
    for (field, confidence), hits in sorted(bins.items()):
        if len(hits) >= 50:
            print(
                f"    {field:8} {confidence:.2f} holds {sum(hits) / len(hits):.2f} of {len(hits)}"
            )


def score_perturbation(model: Any, path: Path, errors: int) -> None:
    """Print macro-F1 of control against perturbation; neighbours by accession are one study."""
    with gzip.open(path, "rt", encoding="utf-8") as text:
        rows = sorted(csv.DictReader(text), key=lambda r: int(r["sample_id"][3:]))
    records, study, last = [], 0, 0
    for row in rows:
        number = int(row["sample_id"][3:])
        study += number - last > 40
        last = number
        records.append(CurationRecord(row["sample_id"], str(study), title=row["text"].strip()))
    started = time.perf_counter()
    outcomes = model.annotate(records)
    spent = time.perf_counter() - started
    table: Counter[tuple[bool, bool]] = Counter()
    missed = []
    for row, outcome in zip(rows, outcomes, strict=True):
        gold, guess = row["label"] == "0", bool(outcome.is_control.value)
        table[(gold, guess)] += 1
        if gold != guess:
            missed.append((gold, row["text"][:160]))
    f1 = [
        2 * table[(k, k)] / (2 * table[(k, k)] + table[(k, not k)] + table[(not k, k)])
        for k in (True, False)
    ]
    print(f"control  n={len(rows)} macro-F1={sum(f1) / 2:.3f} (control {f1[0]:.3f})"
          f" {len(rows) / spent:.0f} records/s")  # fmt: skip
    for miss in random.Random(0).sample(missed, min(errors, len(missed))):
        print("   ", miss)


def run(bench: Bench) -> None:
    """Score a sample of the labelled studies; skipped where they are not."""
    data = os.environ.get("POLLY_TEST_DATA")
    if not data:
        bench.skip("curation: set POLLY_TEST_DATA to the folder with curation_gold/")
        return
    score(Path(data) / "curation_gold", 60 if bench.quick else 600, 0, 0, load().cache)


def score(gold: Path, count: int, seed: int, errors: int, cache: Path) -> None:
    """Read the labelled sets and print every score.

    Args:
        gold: Folder of the labelled sets.
        count: Studies drawn from the labelled samples.
        seed: What draws them.
        errors: Mistakes shown of each kind.
        cache: Where converted ontologies and the compiled model are kept.
    """
    ontologies = PackageOntologies(f"packages://{quote(str(cache))}/ontologies")
    started = time.perf_counter()
    model = open_model("dictionary", ontologies, cache / "models")
    print(f"curation: opened in {time.perf_counter() - started:.2f} s")
    groups = studies(gold / "metahq_samples_dev.jsonl.gz")
    picked = random.Random(seed).sample(sorted(groups), min(count, len(groups)))
    rows = [row for study in picked for row in groups[study]]
    records = [record(row) for row in rows]
    started = time.perf_counter()
    outcomes = model.annotate(records)
    print(f"{len(rows)} samples, {len(rows) / (time.perf_counter() - started):.0f} records/s")
    pairs = list(zip(rows, outcomes, strict=True))
    above = ancestors(ontologies)
    for field in FIELDS:
        score_terms(field, pairs, above, errors)
    score_controls(pairs, errors)
    score_sex(pairs)
    score_confidence(pairs)
    score_perturbation(model, gold / "geokhoj_v1_dev.csv.gz", 0)


def main() -> None:
    """Score as the arguments say, with errors shown where asked for."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--studies", type=int, default=600)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--errors", type=int, default=0)
    options.add_argument("--cache", type=Path, default=None)
    chosen = options.parse_args()
    data = os.environ.get("POLLY_TEST_DATA")
    if not data:
        sys.exit("set POLLY_TEST_DATA to the folder with curation_gold/")
    cache = chosen.cache or Path(tempfile.mkdtemp(prefix="polly-curation-"))
    score(Path(data) / "curation_gold", chosen.studies, chosen.seed, chosen.errors, cache)


if __name__ == "__main__":
    main()
