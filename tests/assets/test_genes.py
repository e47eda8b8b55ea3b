"""Which human gene a feature is."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import polars as pl
import pytest

from polly_assets.genes import GeneIndex
from polly_resources.ontologies.packages import PackageOntologies
from polly_resources.records import Term

TP53, KMT2A = "HGNC:11998", "HGNC:7132"


@pytest.fixture(scope="module")
def genes() -> GeneIndex:
    return GeneIndex(PackageOntologies("packages://").terms("HGNC"))


def one(genes: GeneIndex, value: str, symbol: str | None = None) -> tuple[str | None, str | None]:
    symbols, curies = genes.resolve([value], None if symbol is None else [symbol])
    return symbols[0], curies[0]


@pytest.mark.parametrize(
    ("value", "symbol"),
    [
        ("ENSG00000141510", "TP53"),
        ("ENSG00000141510.17", "TP53"),
        ("ENSG00000182378.13_PAR_Y", "PLCXD1"),
        ("ENSG00000182378_PAR_Y", "PLCXD1"),
        ("TP53", "TP53"),
        ("MLL", "KMT2A"),
        ("p53", "TP53"),
        ("C1ORF112", "FIRRM"),
        ("TP53|7157", "TP53"),
        ("TP53 /// TP53", "TP53"),
    ],
)
def test_names_of_a_gene(genes: GeneIndex, value: str, symbol: str) -> None:
    found, curie = one(genes, value)
    assert found == symbol
    assert curie is not None
    assert curie.startswith("HGNC:")


@pytest.mark.parametrize(
    "value",
    ["", "---", "NA", "7157", "1007_s_at", "Brd4", "Ang1", "Trp53", "tp53", "albumin", "MLL2",
     "DDR1 /// MIR4640", "ENSMUSG00000059552", "ENSG99999999999", "ENST00000269305", "1-Mar",
     "AFFX-BioB-5_at", "|", "tumor protein p53"],
)  # fmt: skip
def test_what_names_no_single_human_gene(genes: GeneIndex, value: str) -> None:
    assert one(genes, value) == (None, None)


def test_symbol_of_the_file_is_kept_without_curie(genes: GeneIndex) -> None:
    ids = ["ENSMUSG00000059552", "ENSMUSG00000000031", "p1", "p2", "p3", "p4"]
    symbols = ["Trp53", "H19", "MLL", "A /// B", "---", None]
    assert genes.resolve(ids, symbols) == (
        ["Trp53", "H19", "KMT2A", None, None, None],
        [None, None, KMT2A, None, None, None],
    )


def test_mouse_list_gets_no_human_gene(genes: GeneIndex) -> None:
    mouse = ["H19", "C3", *(f"Gm{n}" for n in range(20))]
    assert genes.resolve(mouse)[1] == [None] * len(mouse)


def test_id_wins_over_symbol(genes: GeneIndex) -> None:
    assert one(genes, "ENSG00000141510", "KMT2A") == ("TP53", TP53)
    assert one(genes, "probe", "KMT2A") == ("KMT2A", KMT2A)


def test_probe_names_are_no_symbols(genes: GeneIndex) -> None:
    assert genes.resolve(["p1", "MLL"], ["TP53", None]) == (["TP53", None], [TP53, None])


def test_ambiguous_names_are_no_names() -> None:
    index = GeneIndex(
        [
            Term("HGNC:1", "AAA", ("OLD", "SHARED", "BBB")),
            Term("HGNC:2", "BBB", ("SHARED",)),
            Term("HGNC:3", "GONE", ("WAS",), deprecated=True),
        ]
    )
    names = ["AAA", "OLD", "SHARED", "BBB", "GONE", "WAS"]
    assert index.resolve(names)[1] == ["HGNC:1", "HGNC:1", None, "HGNC:2", None, None]


def entrez(terms_with_gaps: int) -> tuple[GeneIndex, list[str]]:
    numbers = [str(n * 997) for n in range(1, 2501)]
    index = GeneIndex(
        Term(f"HGNC:{n}", f"G{n}", (f"NCBIGene:{n}",)) for n in numbers[terms_with_gaps:]
    )
    return index, numbers


def test_bare_integers_are_genes_only_where_most_are_known() -> None:
    index, numbers = entrez(1000)
    assert index.looks_entrez(numbers)
    assert index.resolve(numbers)[1][-1] == f"HGNC:{numbers[-1]}"
    assert not index.looks_entrez(numbers[:1999])
    assert not index.looks_entrez([*numbers[:-1], "x"])
    assert not index.looks_entrez([*numbers[:-1], None])
    assert not entrez(1300)[0].looks_entrez(numbers)


def test_numbered_probes_are_no_genes(genes: GeneIndex) -> None:
    probes = [str(n) for n in range(1, 40_000)]
    assert genes.resolve(probes) == ([None] * len(probes), [None] * len(probes))
    random.seed(1)
    assert not genes.looks_entrez([str(n) for n in random.sample(range(1, 25_000), 2_400)])


@pytest.mark.parametrize(
    "name",
    ["Gene Symbol", "Gene_Sym", "GENE_SYMBOL", "Symbol", "SYMBOL", "pr_gene_symbol",
     "gene_symbols", "feature_name", "gene_name", "IDENTIFIER", "hgnc_symbol", "Gene.symbol"],
)  # fmt: skip
def test_symbol_columns_by_name(genes: GeneIndex, name: str) -> None:
    frame = pl.DataFrame({"feature_id": ["p1", "p2"], name: ["Trp53", "A /// B"]})
    assert genes.symbol_column(frame) == name
    assert genes.annotate(frame)[0] == ["Trp53", None]


def test_doubtful_column_needs_known_symbols(genes: GeneIndex) -> None:
    frame = pl.DataFrame({"feature_id": ["p1", "p2"], "Description": ["PSME1", "CISD1"]})
    assert genes.symbol_column(frame) == "Description"
    assert genes.annotate(frame)[0] == ["PSME1", "CISD1"]
    frame = pl.DataFrame({"feature_id": ["1_at", "2_at"], "Description": ["na", "murine IL2"]})
    assert genes.symbol_column(frame) is None
    assert genes.annotate(frame) == ([None, None], [None, None])


def test_doubtful_column_beside_ensembl_ids(genes: GeneIndex) -> None:
    ids = ["ENSMUSG00000059552", "ENSMUSG00000000031"]
    frame = pl.DataFrame({"feature_id": ids, "name": ["Trp53", "H19"]})
    assert genes.annotate(frame) == (["Trp53", "H19"], [None, None])
    frame = pl.DataFrame({"feature_id": ids * 2, "annotation": ["protein_coding"] * 4})
    assert genes.symbol_column(frame) is None


def test_columns_that_hold_something_else(genes: GeneIndex) -> None:
    frame = pl.DataFrame(
        {
            "feature_id": ["p1", "p2", "p3"],
            "gene_name": ["tumor protein p53", "actin, beta", "a gene"],
            "gene": [7157, 60, 1],
            "symbol": pl.Series([None, None, None], dtype=pl.String),
        }
    )
    assert genes.symbol_column(frame) is None


def test_gene_id_columns(genes: GeneIndex) -> None:
    frame = pl.DataFrame(
        {
            "feature_id": ["TP53-a", "x", "y", "z"],
            "gene_ids": ["ENSG00000141510", None, "ENSMUSG00000059552", None],
            "ENTREZ_GENE_ID": [None, 4297.0, None, 999999999.0],
        }
    )
    assert genes.annotate(frame) == (
        ["TP53", "KMT2A", None, None],
        [TP53, KMT2A, None, None],
    )


def test_equal_frames_are_answered_alike_and_separately(genes: GeneIndex) -> None:
    frame = pl.DataFrame({"feature_id": ["p1"], "symbol": pl.Series(["MLL"], dtype=pl.Categorical)})
    first = genes.annotate(frame)
    first[0][0] = "changed"
    assert genes.annotate(frame)[0] == ["KMT2A"]
    other = frame.with_columns(symbol=pl.Series(["TP53"], dtype=pl.Categorical))
    assert genes.annotate(other)[0] == ["TP53"]
    for number in range(20):
        genes.annotate(pl.DataFrame({"feature_id": [f"p{number}"]}))
    assert len(genes._answers) <= 16


def test_empty_frame(genes: GeneIndex) -> None:
    frame = pl.DataFrame({"feature_id": []}, schema={"feature_id": pl.String})
    assert genes.annotate(frame) == ([], [])


def test_landmark_genes_of_a_real_file(genes: GeneIndex, real_data: Path) -> None:
    path = real_data / "formats" / "gct" / "test_l1000.gct"
    frame = pl.read_csv(path, separator="\t", skip_rows=2, infer_schema=False)
    frame = frame.rename({"id": "feature_id"})[35:, :12]
    symbols, curies = genes.annotate(frame)
    assert genes.symbol_column(frame) == "pr_gene_symbol"
    assert len(curies) == 978
    assert None not in curies
    assert genes.annotate(frame.drop("pr_gene_symbol")) == (symbols, curies)


def test_renal_arrays_of_a_real_file(genes: GeneIndex, real_data: Path) -> None:
    path = real_data / "formats" / "geo" / "GDS507.soft.gz"
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    rows = lines[lines.index("!dataset_table_begin") + 2 : lines.index("!dataset_table_end")]
    cells = [row.split("\t") for row in rows]
    frame = pl.DataFrame({"feature_id": [c[0] for c in cells], "IDENTIFIER": [c[1] for c in cells]})
    symbols, curies = genes.annotate(frame)
    assert dict(zip(frame["feature_id"], symbols, strict=True))["200000_s_at"] == "PRPF8"
    assert sum(curie is not None for curie in curies) > 11_000
