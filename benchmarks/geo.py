"""How fast SOFT families are read, beside GEOparse.

GEOparse reads tables to pandas frames, one per sample; ours to one matrix with checked ids, and
tables of samples and features. Values are checked to be equal. One family is made, of a common
size; with POLLY_TEST_DATA, a real family and a real GEO DataSet are read too.
"""

from __future__ import annotations

import os
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.common import OURS, Bench, Result, Side, turns
from polly_assets.ingest.formats.base import ParsedDataset, Source
from polly_assets.ingest.formats.geo.soft import SoftFamilyReader

REAL = ("GSE6344.soft.gz", "GDS507.soft.gz")


def run(bench: Bench) -> None:
    """Measure and tell."""
    path = _family(bench.folder, 20_000 if bench.quick else 54_675, 8 if bench.quick else 24)
    _measure(bench, path, "a made family")
    folder = os.environ.get("POLLY_TEST_DATA")
    for name in REAL if folder else ():
        _measure(bench, Path(folder or "") / "formats" / "geo" / name, name)
    if not folder:
        bench.skip("real GEO files: POLLY_TEST_DATA does not name a folder")


def _measure(bench: Bench, path: Path, what: str) -> None:
    sides: dict[str, Side] = {OURS: partial(_ours, path)}
    if bench.peer("GEOparse"):
        sides["GEOparse"] = partial(_geoparse, path)
    times = turns(sides, bench.rounds, _equal)
    size = path.stat().st_size / 1e6
    bench.add(Result("geo", f"{what}, {size:.1f} MB", times, "", size, "MB"))


def _family(folder: Path, probes: int, samples: int) -> Path:
    """A family as GEO has them: one platform, and per sample a table of three columns."""
    random = np.random.default_rng(1)
    ids = [f"{200_000 + i}_s_at" for i in range(probes)]
    parts = ["^SERIES = GSE1\n!Series_title = made\n^PLATFORM = GPL1\n!Platform_title = made\n"]
    parts += ["#ID = id\n#Symbol = gene\n!platform_table_begin\nID\tSymbol\n"]
    parts += [f"{name}\tGENE{i}\n" for i, name in enumerate(ids)]
    parts += ["!platform_table_end\n"]
    for number in range(samples):
        values = random.normal(8, 2, probes).tolist()
        parts += [
            f"^SAMPLE = GSM{number}\n!Sample_title = s{number}\n!Sample_platform_id = GPL1\n"
            "#ID_REF = id\n#VALUE = RMA\n#ABS_CALL = call\n"
            "!sample_table_begin\nID_REF\tVALUE\tABS_CALL\n",
            *(f"{name}\t{value:.4f}\tP\n" for name, value in zip(ids, values, strict=True)),
            "!sample_table_end\n",
        ]
    path = folder / "GSE1_family.soft"
    path.write_text("".join(parts))
    return path


def _ours(path: Path) -> dict[str, npt.NDArray[np.float64]]:
    found = {}
    for dataset in SoftFamilyReader().read(Source(path, path.name)):
        if not isinstance(dataset, ParsedDataset):
            raise dataset.error
        whole = np.vstack([np.asarray(block) for block in dataset.matrices[0].blocks()])
        found |= dict(zip(dataset.samples["sample_id"], whole.T, strict=True))
    return found


def _geoparse(path: Path) -> Any:
    from GEOparse import get_GEO  # type: ignore[import-untyped, unused-ignore]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return get_GEO(filepath=str(path), silent=True)


def _equal(answers: dict[str, Any]) -> None:
    """The sums of each sample's values are equal, whatever their order."""
    theirs = answers.get("GEOparse")
    for name, values in answers[OURS].items() if theirs is not None else ():
        samples = getattr(theirs, "gsms", None)
        table = samples[name].table["VALUE"] if samples else theirs.table[name]
        if not np.isclose(np.nansum(values), table.astype(float).sum()):
            raise AssertionError(f"GEOparse gives other values of {name}")
