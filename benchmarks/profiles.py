"""The same work on embedded backends and on the servers that run: ingest, SQL, search, one gene.

`make up-servers PROFILE=servers` (or `aws`) leaves `.servers/PROFILE.env`; each profile that has
one is measured beside the profile `local`. All answers are compared before they are timed.
The servers share this machine's cores with the platform, as they would not in a lab.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import data
from benchmarks.common import OURS, Bench, Result, Times, turns
from benchmarks.endtoend import ATLAS, COMMAND
from polly_api.base import Door
from polly_api.open import open_door
from polly_resources.records import SearchRequest
from polly_resources.settings import load

VARIABLES = Path(__file__).parents[1] / ".servers"

STATEMENTS = {
    "SQL, one dataset": (
        "SELECT dataset_id, total_num_samples FROM {atlas}.datasets WHERE dataset_id = '{one}'"
    ),
    "SQL, samples of a disease, grouped": (
        "SELECT src_dataset_id, count(*) AS n FROM {atlas}.samples"
        " WHERE CARDINALITY(curated_disease) > 0 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10"
    ),
    "SQL, one gene of all datasets": (
        "SELECT dataset_id, max(value) AS top FROM {atlas}.measurements"
        " WHERE name = '{gene}' GROUP BY 1 ORDER BY 1"
    ),
    "SQL, words and values in one statement": (
        "SELECT d.dataset_id, s.title FROM {atlas}.datasets d"
        " JOIN {atlas}.search_index s ON s.dataset_id = d.dataset_id ORDER BY 1 LIMIT 10"
    ),
}


def run(bench: Bench) -> None:
    """Measure and tell."""
    files = bench.folder / "gct"
    files.mkdir()
    studies = [
        path.stem for path in (data.write_gct(files, s) for s in data.studies(_count(bench)))
    ]
    atlas = f"{ATLAS}_{uuid.uuid4().hex[:8]}"
    sides = {OURS: dict[str, str]()} | {
        profile: _read(VARIABLES / f"{profile}.env")
        for profile in ("servers", "aws")
        if (VARIABLES / f"{profile}.env").exists()
    }
    if len(sides) == 1:
        bench.skip("servers and aws: make up-servers PROFILE=servers")
    doors = {}
    for side, variables in sides.items():
        home = bench.folder / side
        _ingest(bench, side, files, home, atlas, variables)
        os.environ.update(variables)
        doors[side] = open_door(load(home=home, environ=variables))
    named = {"atlas": atlas, "one": studies[0], "gene": data.PROBE}
    calls: dict[str, Callable[[Door], Any]] = {
        what: partial(_sql, statement.format(**named)) for what, statement in STATEMENTS.items()
    }
    calls["search with a facet"] = partial(_search, atlas)
    calls["one gene of all datasets"] = partial(_gene, atlas)
    for what, call in calls.items():
        ways = {side: partial(call, door) for side, door in doors.items()}
        times = turns(ways, 3 * bench.rounds, _agree)
        bench.add(Result("profiles", f"{what}, {len(studies)} datasets", times))


def _count(bench: Bench) -> int:
    return min(24, bench.datasets)


def _read(path: Path) -> dict[str, str]:
    words = shlex.split(path.read_text())
    return dict(word.split("=", 1) for word in words if "=" in word)


def _ingest(
    bench: Bench, side: str, files: Path, home: Path, atlas: str, variables: Mapping[str, str]
) -> None:
    count = len(list(files.iterdir()))
    command = [*COMMAND, "--home", home, "ingest", files, "--atlas", atlas, "--json"]
    began = time.perf_counter()
    done = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **variables},
    )
    wall = time.perf_counter() - began
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode or len(reports) != count:
        raise RuntimeError(f"polly ingest on {side} gave {done.returncode}: {done.stderr[-2000:]}")
    what = f"`polly ingest` of {count} GCT files, {data.GENES:,} genes x {data.SAMPLES} samples"
    times = {side: Times([wall], [0.0])}
    bench.add(Result("profiles", f"{what}, {side}", times, units=float(count), unit="datasets"))


def _sql(statement: str, door: Door) -> Any:
    return door.sql(statement).to_pylist()


def _search(atlas: str, door: Door) -> Any:
    found = door.search(atlas, SearchRequest("cancer", facets=("curated_disease",)))
    return sorted(hit.dataset_id for hit in found.hits), found.total, dict(found.facets)


def _gene(atlas: str, door: Door) -> Any:
    return door.gene(data.PROBE, atlas).num_rows


def _agree(answers: Mapping[str, Any]) -> None:
    for side, answer in answers.items():
        if answer != answers[OURS]:
            raise AssertionError(f"{side} answers differently: {answer} for {answers[OURS]}")
