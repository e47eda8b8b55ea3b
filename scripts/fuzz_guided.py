"""Looks for inputs that break a reader, led by the code that each input reaches (atheris).

`python -m scripts.fuzz_guided gct --seconds 60` from the project's folder, with `atheris` installed
(it is no dependency of the project: `pip install atheris`). What fails is kept in `--keep`, and
ends the run; inputs that reach new code are kept in `--corpus`, for the next run to begin with.
The first byte of an input says which file of the seed the rest replaces: the main one or a sidecar.
Keep out: the targets and the damage (`tests/fuzz`).
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.assets.ingest.formats.seeds import Seed


def main() -> None:
    """Fuzz one target until the time is over or something is found."""
    try:
        import atheris
    except ImportError:
        sys.exit("atheris is not installed: pip install atheris")
    with atheris.instrument_imports(include=["polly_assets.ingest"], enable_loader_override=False):
        from polly_assets.ingest.formats.registry import READERS
        from tests.fuzz import targets

        for row in READERS:
            row.load()  # imported now, so that it is instrumented

    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("target", choices=targets.TARGETS)
    options.add_argument("--seconds", type=int, default=60, help="how long; 0 is for ever")
    options.add_argument("--memory", type=int, default=2048, help="most memory, MiB")
    options.add_argument("--slow", type=int, default=5, help="most seconds for one input")
    options.add_argument("--keep", type=Path, default=Path("build/fuzz"), help="for what fails")
    options.add_argument("--corpus", type=Path, help="folder of inputs to begin with and to grow")
    args = options.parse_args()
    args.keep.mkdir(parents=True, exist_ok=True)
    logging.disable()
    with tempfile.TemporaryDirectory(prefix="polly-fuzz-") as folder:
        corpus = args.corpus or Path(folder) / "corpus"
        work = Path(folder) / "work"
        work.mkdir()
        seed = targets.seed_of(args.target)
        _begin(corpus, seed)
        words = [
            sys.argv[0],
            f"-max_total_time={args.seconds}",
            f"-rss_limit_mb={args.memory}",
            f"-timeout={args.slow}",
            f"-artifact_prefix={args.keep}/{args.target}-",
            "-max_len=65536",
            str(corpus),
        ]
        _run(atheris, targets, args.target, words, work)


def _run(
    atheris: ModuleType, targets: ModuleType, target: str, words: list[str], work: Path
) -> None:
    seed = targets.seed_of(target)

    def one(data: bytes) -> None:
        targets.attempt(target, _input(seed, data), work)

    def mutated(data: bytes, most: int, number: int) -> bytes:
        chance = random.Random(number)
        if len(data) < 2 or chance.random() < 0.5:
            return bytes(atheris.Mutate(data, most))
        return (data[:1] + targets.damage(target, data[1:], chance))[:most]

    atheris.Setup(words, one, custom_mutator=mutated)
    atheris.Fuzz()


def _begin(corpus: Path, seed: Seed) -> None:
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate((seed.data, *(seed.sidecars[k] for k in sorted(seed.sidecars)))):
        (corpus / f"seed-{number}").write_bytes(bytes([number]) + data)


def _input(seed: Seed, data: bytes) -> Seed:
    names = ["", *sorted(seed.sidecars)]
    name = names[data[0] % len(names)] if data else ""
    if not name:
        return replace(seed, data=data[1:])
    return replace(seed, sidecars={**seed.sidecars, name: data[1:]})


if __name__ == "__main__":
    main()
