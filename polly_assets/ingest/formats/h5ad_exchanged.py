"""Whether the names of observations are those of genes: obs and var were exchanged.

Owns that one rule. Exports from R, where matrices are genes x cells, are sometimes written as
they are, so that `obs` describes genes and `var` cells.
Keep out: reading names, and what follows from the answer (`h5ad`).
"""

from __future__ import annotations

import polars as pl

_ENSEMBL = r"^ENS[A-Z]*[GT]\d{6,}(\.\d+)?$"
_WELL_KNOWN = """
actb b2m cd3e cd4 cd8a cd19 eef1a1 egfr epcam fth1 ftl gapdh hprt1 malat1 mki67 myc ppia ptprc
rplp0 rpl13a rps18 tp53 trp53 tuba1b vim
"""
_KNOWN = _WELL_KNOWN.split()
_ENOUGH = 3


def exchanged(obs: pl.Series, var: pl.Series) -> bool:
    """Whether `obs` is named like genes and `var` is not.

    Named like genes is what has at least half Ensembl ids, or three well-known symbols of
    human or mouse genes.
    """
    return _genes(obs) and not _genes(var)


def _genes(names: pl.Series) -> bool:
    if int(names.str.contains(_ENSEMBL).sum()) * 2 >= max(1, len(names)):
        return True
    return names.str.to_lowercase().is_in(_KNOWN).sum() >= _ENOUGH
