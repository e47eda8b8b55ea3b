"""What every benchmark shares: taking turns, checking, and telling the figures.

Owns the runs of a comparison and their report as text and JSON. A side is a function without
arguments; `polly` is ours and all ratios are the other side's time over ours, round by round.
Keep out: data, and what is compared.
"""

from __future__ import annotations

import importlib
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

OURS = "polly"
PACKAGES = (
    "polly-open",
    "anndata",
    "cmapPy",
    "deltalake",
    "duckdb",
    "h5py",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "tantivy",
    "tiledbsoma",
)

Side = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of each round of one side: by the clock, and of processors (all threads)."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Result:
    """One comparison: what was measured on how much, and what each side took.

    `units` is how many things one round handles, for a rate. `goal` is the design's.
    """

    benchmark: str
    what: str
    times: Mapping[str, Times]
    goal: str = ""
    units: float = 0.0
    unit: str = ""
    notes: str = ""

    def ratios(self, side: str) -> list[float]:
        """The side's time over ours, round by round."""
        pairs = zip(self.times[side].wall, self.times[OURS].wall, strict=True)
        return [theirs / ours for theirs, ours in pairs]

    def cpu_ratio(self, side: str) -> float:
        """The side's processor time over ours, of medians: steadier on a busy machine."""
        return median(self.times[side].cpu) / median(self.times[OURS].cpu)

    def lines(self) -> Iterator[str]:
        """The comparison as text."""
        yield f"{self.benchmark}: {self.what}" + (f"  (goal {self.goal})" if self.goal else "")
        for side, times in self.times.items():
            line = f"    {side:34} {spread(times.wall)}  cpu {shown(median(times.cpu)):>9}"
            if self.units:
                line += f"  {self.units / median(times.wall):10,.1f} {self.unit}/s"
            if side != OURS and OURS in self.times:
                ratios = self.ratios(side)
                line += f"  {median(ratios):6.2f}x ({min(ratios):.2f}-{max(ratios):.2f})"
                line += f" cpu {self.cpu_ratio(side):.2f}x"
            yield line
        if self.notes:
            yield f"    {self.notes}"

    def record(self) -> dict[str, Any]:
        """The comparison as JSON."""
        return {
            "benchmark": self.benchmark,
            "what": self.what,
            "goal": self.goal,
            "notes": self.notes,
            "rate": {"units": self.units, "unit": self.unit} if self.units else None,
            "sides": {
                side: {"wall_seconds": times.wall, "cpu_seconds": times.cpu}
                | (
                    {"ratios": self.ratios(side), "cpu_ratio": self.cpu_ratio(side)}
                    if side != OURS and OURS in self.times
                    else {}
                )
                for side, times in self.times.items()
            },
        }


@dataclass(slots=True, eq=False)
class Bench:
    """One call of the command: its folder, its size, and the results so far."""

    folder: Path
    quick: bool
    datasets: int
    rounds: int
    cells: int
    rows: int
    per_cell: int
    results: list[Result] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """Keep a result and tell it."""
        self.results.append(result)
        print(*result.lines(), sep="\n", flush=True)

    def peer(self, module: str) -> Any:
        """A peer's module, or None with a word about it where it is not installed."""
        try:
            return importlib.import_module(module)
        except ImportError as error:
            self.skip(f"{module}: {error}; `make bench` installs the peers")
            return None

    def skip(self, reason: str) -> None:
        """Say what was not measured."""
        if reason not in self.skipped:
            self.skipped.append(reason)
            print(f"not measured: {reason}", flush=True)

    def record(self) -> dict[str, Any]:
        """Everything measured, as JSON."""
        return {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "cores": os.cpu_count(),
            "load": os.getloadavg(),
            "quick": self.quick,
            "versions": versions(),
            "skipped": self.skipped,
            "results": [result.record() for result in self.results],
        }


def turns(
    sides: Mapping[str, Side], rounds: int, check: Callable[[dict[str, Any]], None]
) -> dict[str, Times]:
    """Run all sides once, check that they agree, then time them in turns.

    The first, unmeasured, round warms caches for every side alike.
    """
    check({name: side() for name, side in sides.items()})
    times = {name: Times() for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            with timed(times[name]):
                side()
    return times


def turns_over(
    inputs: Sequence[Any],
    sides: Mapping[str, Callable[[Any], Any]],
    check: Callable[[dict[str, Any]], None],
    rounds: int = 1,
) -> dict[str, Times]:
    """The same over many inputs, such as queries: one figure per input, round and side."""
    times = {name: Times() for name in sides}
    for given in inputs:
        bound = {name: partial(side, given) for name, side in sides.items()}
        for name, found in turns(bound, rounds, check).items():
            times[name].wall.extend(found.wall)
            times[name].cpu.extend(found.cpu)
    return times


@contextmanager
def timed(times: Times) -> Iterator[None]:
    """Add the block's time to the times of a side."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    times.wall.append(time.perf_counter() - wall)
    times.cpu.append(time.process_time() - cpu)


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def shown(seconds: float) -> str:
    """A duration for people."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.2f} ms"


def spread(seconds: Sequence[float]) -> str:
    """Median, least to most, and the 95th percentile where there are enough values."""
    text = f"{shown(median(seconds)):>10} ({shown(min(seconds))} to {shown(max(seconds))})"
    if len(seconds) >= 20:
        text += f" p95 {shown(percentile(seconds, 0.95))}"
    return text


def versions() -> dict[str, str]:
    """The installed versions of all sides."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
