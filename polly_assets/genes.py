"""Which human gene a feature is: Ensembl ids, NCBI gene ids and symbols to HGNC.

Owns the rules by which a feature's id and annotation columns name a gene, and the names that
such columns have. Add a column name to its table here. A name is taken only where it means
one gene; everything else stays unknown rather than guessed.
Keep out: other species (no vocabulary ships for them), and words in running text.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from polly_resources.records import Term

SYMBOL_COLUMNS = (
    "approvedsymbol", "hgncsymbol", "hugosymbol", "prgenesymbol", "ilmngene", "genesymbol",
    "genesymbols", "genesym", "symbol", "symbols", "externalgenename", "associatedgenename",
    "geneshortname", "genename", "genenames", "featurename", "gene", "genes", "identifier",
)  # fmt: skip
"""Column names, in lower case without punctuation, that hold symbols; the best first."""

DOUBTFUL_SYMBOL_COLUMNS = ("description", "name", "annotation", "label")
"""Names that may hold anything; see `GeneIndex.symbol_column`."""

ENTREZ_COLUMNS = (
    "entrezgeneid", "entrezid", "entrezgene", "entrez", "ncbigeneid", "ncbigene",
    "prgeneid", "geneid", "locuslinkid",
)  # fmt: skip
"""Column names that hold NCBI gene ids; an Ensembl id in one is understood too."""

ENSEMBL_COLUMNS = (
    "ensemblgeneid", "ensemblid", "ensembl", "ensemblgene", "ensgid", "geneids", "geneidversion",
)  # fmt: skip
"""Column names that hold Ensembl gene ids."""

HUMAN_SHARE = 0.2
"""Below this share of known genes a list is not human; 0.03 % of mouse symbols are human ones."""

ENTREZ_COUNT = 2000
"""Bare integers may be NCBI gene ids only in lists this long (see `looks_entrez`)."""

_ALL_COLUMNS = (*ENSEMBL_COLUMNS, *ENTREZ_COLUMNS, *SYMBOL_COLUMNS, *DOUBTFUL_SYMBOL_COLUMNS)
_KEPT_ANSWERS = 16
_MISSING = frozenset(
    ("", "-", "--", "---", ".", "?", "na", "n/a", "nan", "none", "null", "-666", "unknown")
)
_FOREIGN_ENSEMBL = re.compile(r"ENS(?!G)[A-Z]{3,}G\d")
_SEPARATORS = re.compile(r"\s*(?:/{2,}|[|;,])\s*")
_SYMBOL = re.compile(r"(?!ENS[A-Z]*[GTP]\d{6})[A-Za-z][\w.@/:-]{0,29}")
_OTHER_CASE = re.compile(r"[A-Za-z][a-z][^A-Z]*")


@dataclass(frozen=True, slots=True)
class _Gene:
    symbol: str
    curie: str


Answer = tuple[list[str | None], list[str | None]]
"""Per feature: its symbol and its CURIE, None where unknown."""


class GeneIndex:
    """The human genes by id and by symbol, built once from the terms of HGNC.

    A term's synonyms may hold `ENSG...` and `NCBIGene:...`; of the others those are symbols
    that have no space and are not written like words or like mouse symbols (`Ang1`). Previous
    and alias symbols count where exactly one gene has them and no gene is called so. Case
    matters, but `C1orf112` may be written in capitals, as arrays do.
    """

    def __init__(self, terms: Iterable[Term]) -> None:
        self._ids: dict[str, _Gene] = {}
        self._symbols: dict[str, _Gene] = {}
        others: dict[str, _Gene] = {}
        shared: set[str] = set()
        for term in terms:
            if term.deprecated:
                continue
            gene = _Gene(term.label, term.curie)
            self._symbols[gene.symbol] = gene
            for name in (gene.symbol, *term.synonyms):
                if name.startswith(("ENSG0", "NCBIGene:")):
                    self._ids[name.removeprefix("NCBIGene:")] = gene
                elif " " not in name and not _OTHER_CASE.fullmatch(name):
                    for spelling in (name, name.upper()) if "orf" in name else (name,):
                        if others.setdefault(spelling, gene) is not gene:
                            shared.add(spelling)
        for name in shared:
            del others[name]
        self._symbols = others | self._symbols
        self._answers: dict[bytes, Answer] = {}
        self._lock = threading.Lock()

    def annotate(self, features: pl.DataFrame) -> Answer:
        """Symbols and CURIEs of a features frame (`feature_id` and the file's columns).

        Tried in this order: gene ids in `feature_id`, columns of gene ids, the symbol
        column; `feature_id` as a symbol only where there is no such column, for else it is a
        probe's name (`p53` is a gene, and so is `p1`). Equal frames are answered from memory.
        """
        columns = ["feature_id", *_columns(features, _ALL_COLUMNS)]
        used = features.select(pl.col(columns).cast(pl.String))
        key = hashlib.blake2b(repr(used.schema).encode())
        key.update(used.hash_rows().to_numpy().tobytes())
        with self._lock:
            found = self._answers.get(key.digest())
        if found is None:
            found = self._answer_frame(used)
            with self._lock:
                if len(self._answers) >= _KEPT_ANSWERS:
                    self._answers.pop(next(iter(self._answers)))
                self._answers[key.digest()] = found
        return list(found[0]), list(found[1])

    def resolve(
        self, ids: Sequence[str | None], symbols: Sequence[str | None] | None = None
    ) -> Answer:
        """Symbols and CURIEs of features, given their ids and, where the file has them, symbols.

        A symbol that the file gives is kept, without CURIE, where it is no human gene's.
        """
        return self._answer(ids, [], symbols)

    def symbol_column(self, features: pl.DataFrame) -> str | None:
        """The column that holds gene symbols, if there is one.

        A column of a known name is taken where at least half of its values are written
        like symbols; one of a doubtful name where at least half of them are known, or where
        they stand beside Ensembl ids, mostly distinct and written like symbols.
        """
        for name in _columns(features, SYMBOL_COLUMNS):
            values = _present(features[name])
            if values and 2 * sum(_symbol_like(value) for value in values) >= len(values):
                return name
        for name in _columns(features, DOUBTFUL_SYMBOL_COLUMNS):
            values = _present(features[name])
            if not values:
                continue
            if 2 * sum(_single(value) in self._symbols for value in values) >= len(values):
                return name
            like = {value for value in values if _symbol_like(value)}
            if _of_ensembl(features) and 2 * len(like) >= len(values):
                return name
        return None

    def looks_entrez(self, ids: Sequence[str | None]) -> bool:
        """Whether bare integers are NCBI gene ids and not the numbers of probes.

        At least ENTREZ_COUNT of them, spread over ten times as many numbers, at least half
        of them human genes. Probes numbered in a row are not spread; of numbers up to
        20,000, drawn at random, 43 % are human genes, and of larger ones fewer.
        """
        if len(ids) < ENTREZ_COUNT or not all(one and one.isdecimal() for one in ids):
            return False
        spread = max(map(int, filter(None, ids))) > 10 * len(ids)
        return spread and 2 * sum(one in self._ids for one in ids) >= len(ids)

    def _answer_frame(self, features: pl.DataFrame) -> Answer:
        symbol = self.symbol_column(features)
        gene_ids = _columns(features, (*ENSEMBL_COLUMNS, *ENTREZ_COLUMNS))
        return self._answer(
            features["feature_id"].to_list(),
            [features[name].to_list() for name in gene_ids],
            features[symbol].to_list() if symbol else None,
        )

    def _answer(
        self,
        ids: Sequence[str | None],
        columns: Sequence[Sequence[str | None]],
        symbols: Sequence[str | None] | None,
    ) -> Answer:
        genes = self._by_id(ids, integers=self.looks_entrez(ids))
        for column in columns:
            found = self._by_id(column, integers=True)
            genes = [one or other for one, other in zip(genes, found, strict=True)]
        self._fill_by_symbol(genes, ids if symbols is None else symbols, ids)
        labels = [gene.symbol if gene else None for gene in genes]
        if symbols is not None:
            labels = [
                label or _as_given(given) for label, given in zip(labels, symbols, strict=True)
            ]
        return labels, [gene.curie if gene else None for gene in genes]

    def _by_id(self, values: Sequence[str | None], *, integers: bool) -> list[_Gene | None]:
        known = self._ids.get
        return [
            (known(one) or known(_bare(one))) if one and (integers or one[0] == "E") else None
            for one in values
        ]

    def _fill_by_symbol(
        self, genes: list[_Gene | None], names: Sequence[str | None], ids: Sequence[str | None]
    ) -> None:
        """Look up what is still unknown, unless the list as a whole is not human."""
        known = self._symbols.get
        found: dict[int, _Gene] = {}
        present = sum(gene is not None for gene in genes)
        human = present
        for place, gene in enumerate(genes):
            name = names[place]
            if gene is not None or name is None or name.lower() in _MISSING:
                continue
            present += 1
            feature = ids[place] or ""
            if feature.startswith("ENS") and _FOREIGN_ENSEMBL.match(feature):
                continue
            match = known(name) or known(_single(name))
            if match is not None:
                found[place] = match
                human += 1
        if human >= HUMAN_SHARE * present:
            for place, match in found.items():
                genes[place] = match


def _bare(value: str) -> str:
    """A gene id without version or pseudo-autosomal mark; `5720.0` is an integer read as float."""
    return value.partition(".")[0].removesuffix("_PAR_Y")


def _single(value: str) -> str:
    """The one symbol that a cell such as `TP53 /// TP53` or `TP53|7157` holds, else ``."""
    if value.isalnum():
        return "" if value.isdecimal() else value
    parts = {part.strip() for part in _SEPARATORS.split(value)}
    symbols = {part for part in parts if part and not part.isdecimal()}
    return symbols.pop() if len(symbols) == 1 else ""


def _as_given(value: str | None) -> str | None:
    single = _single(value) if value else ""
    return single if single.lower() not in _MISSING else None


def _symbol_like(value: str) -> bool:
    return all(_SYMBOL.fullmatch(part) for part in _SEPARATORS.split(value) if part)


def _of_ensembl(features: pl.DataFrame) -> bool:
    ids = features["feature_id"].cast(pl.String).drop_nulls()
    return bool(2 * sum(one.startswith("ENS") for one in ids) >= max(1, len(ids)))


def _present(column: pl.Series) -> list[str]:
    """The values of a column that are not missing, as text."""
    return [value for value in column.cast(pl.String).drop_nulls() if value.lower() not in _MISSING]


def _columns(features: pl.DataFrame, names: Sequence[str]) -> list[str]:
    """The columns with one of these names, in the order of the names."""
    plain = {name: re.sub(r"[^a-z0-9]", "", name.lower()) for name in features.columns[1:]}
    return [name for wanted in names for name, bare in plain.items() if bare == wanted]
