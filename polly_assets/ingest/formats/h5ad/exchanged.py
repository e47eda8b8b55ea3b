"""Whether the names of observations are those of genes: obs and var were exchanged.

Owns that one rule. Exports from R, where matrices are genes x cells, are sometimes written as
they are, so that `obs` describes genes and `var` cells.
Keep out: reading names, and what follows from the answer (`reader`).
"""

from __future__ import annotations

import re

import polars as pl

_ENSEMBL = re.compile(r"ENS[A-Z]*[GT]\d{6,}(\.\d+)?")
_LOOKED_AT = 1000
_MOST_GENES = 100_000
_WELL_KNOWN = """
actb b2m cd3e cd4 cd8a cd19 eef1a1 egfr epcam fth1 ftl gapdh hprt1 malat1 mki67 myc ppia ptprc
rplp0 rpl13a rps18 tp53 trp53 tuba1b vim
"""
_KNOWN = frozenset(_WELL_KNOWN.split())
_LONGEST = max(map(len, _KNOWN))
_ENOUGH = 3


def exchanged(obs: pl.Series, var: pl.Series) -> bool:
    """Whether `obs` is named like genes and `var` is not."""
    return names_genes(obs) and not names_genes(var)


def names_genes(names: pl.Series) -> bool:
    """Whether names are those of genes.

    At least half are Ensembl ids (of the first thousand), or three are well-known symbols of human
    or mouse genes.
    """
    some = names.head(_LOOKED_AT).to_list()
    ensembl = [name for name in some if name.startswith("ENS") and _ENSEMBL.fullmatch(name)]
    if len(ensembl) * 2 >= max(1, len(some)):
        return True
    known = {name.lower() for name in names.head(_MOST_GENES).to_list() if len(name) <= _LONGEST}
    return len(known & _KNOWN) >= _ENOUGH
