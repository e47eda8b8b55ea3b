"""Ontologies out of installed packages: layouts, newest release, cache, damage."""

from __future__ import annotations

import bz2
import io
import json
import pickle
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polly_resources.errors import BadInput, Misconfigured, NotFound
from polly_resources.ontologies import additions, cache, cellxgene, drug_names, hgnc, packages
from polly_resources.ontologies.catalogue import ROWS, Release
from polly_resources.ontologies.packages import PackageOntologies
from polly_resources.records import Term
from tests.contracts.ontologies import OntologySuite, entry, install, write_release

ROW_OF = {row.name: row for row in ROWS}

DISEASES = {
    "MONDO:1": entry("disease"),
    "MONDO:2": entry("cancer", "MONDO:1", synonyms=["malignant neoplasm"]),
    "MONDO:3": entry("thyroid cancer", "MONDO:2", "MONDO:1"),
    "MONDO:4": {**entry("obsolete flu"), "deprecated": True, "replaced_by": "MONDO:2"},
    "MONDO:5": {**entry(""), "deprecated": True},
}


@pytest.fixture
def guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return install(tmp_path / "site", monkeypatch, {"MONDO": DISEASES})


class TestContractWithCache(OntologySuite):
    TESTED = ("`packages://`",)

    @pytest.fixture
    def source(self, guide: Path, tmp_path: Path) -> PackageOntologies:
        return PackageOntologies(f"packages://{tmp_path / 'cache'}")


class TestContractWithoutCache(OntologySuite):
    TESTED = ("`packages://`",)

    @pytest.fixture
    def source(self, guide: Path) -> PackageOntologies:
        return PackageOntologies("packages://")


@pytest.mark.usefixtures("guide")
def test_terms_carry_everything(tmp_path: Path) -> None:
    source = PackageOntologies(f"packages://{tmp_path / 'cache'}")
    expected = [
        Term("MONDO:1", "disease"),
        Term("MONDO:2", "cancer", ("malignant neoplasm",), ("MONDO:1",)),
        Term("MONDO:3", "thyroid cancer", (), ("MONDO:2", "MONDO:1")),
        Term("MONDO:4", "obsolete flu", deprecated=True, replaced_by="MONDO:2"),
        Term("MONDO:5", "", deprecated=True),
    ]
    assert list(source.terms("MONDO")) == expected
    assert list(source.terms("MONDO")) == expected


def test_newest_release_wins_by_number(guide: Path) -> None:
    for version in ("3.9", "3.10", "v2"):
        write_release(guide, "EFO", version, {"EFO:1": entry(version)})
    (guide / "data" / "EFO-ontology-v2026-01-01.json.zst").unlink()
    source = PackageOntologies("packages://")
    assert next(i.version for i in source.available() if i.name == "EFO") == "3.10"
    assert [term.label for term in source.terms("EFO")] == ["3.10"]


def test_new_release_replaces_the_cached_one(guide: Path, tmp_path: Path) -> None:
    source = PackageOntologies(f"packages://{tmp_path / 'cache'}")
    list(source.terms("MONDO"))
    write_release(guide, "MONDO", "v2026-02-01", {"MONDO:9": entry("new")})
    assert [term.label for term in source.terms("MONDO")] == ["new"]


def test_only_the_older_files_of_an_ontology_are_removed(guide: Path, tmp_path: Path) -> None:
    cached = tmp_path / "cache"
    source = PackageOntologies(f"packages://{cached}")
    list(source.terms("MONDO"))
    list(source.terms("CL"))
    (older,) = cached.glob("MONDO-*")
    kept = {path.name for path in cached.glob("CL-*")} | {"MONDO-mine.arrow", "MONDO.txt"}
    for name in kept - {path.name for path in cached.iterdir()}:
        (cached / name).touch()
    write_release(guide, "MONDO", "v2026-02-01", {"MONDO:9": entry("new")})
    assert source.lookup("MONDO", ["MONDO:9"])
    assert not older.exists()
    (newer,) = (path.name for path in cached.glob("MONDO-v2026-02-01-*"))
    assert {path.name for path in cached.iterdir()} == kept | {newer}


@pytest.mark.usefixtures("guide")
def test_address_is_percent_encoded(tmp_path: Path) -> None:
    list(PackageOntologies(f"packages://{tmp_path}/a%20b%2525").terms("CL"))
    assert [path.suffix for path in (tmp_path / "a b%25").iterdir()] == [".arrow"]


@pytest.mark.usefixtures("guide")
def test_lookup_carries_everything_and_fills_the_cache(tmp_path: Path) -> None:
    source = PackageOntologies(f"packages://{tmp_path / 'cache'}")
    expected = {
        "MONDO:2": Term("MONDO:2", "cancer", ("malignant neoplasm",), ("MONDO:1",)),
        "MONDO:3": Term("MONDO:3", "thyroid cancer", (), ("MONDO:2", "MONDO:1")),
        "MONDO:4": Term("MONDO:4", "obsolete flu", deprecated=True, replaced_by="MONDO:2"),
    }
    assert source.lookup("MONDO", list(expected)) == expected
    (path,) = (tmp_path / "cache").iterdir()
    assert source.lookup("MONDO", list(expected)) == expected
    path.write_bytes(path.read_bytes()[:-40])
    assert source.lookup("MONDO", list(expected)) == expected


def test_cache_answers_without_the_source(guide: Path, tmp_path: Path) -> None:
    source = PackageOntologies(f"packages://{tmp_path / 'cache'}")
    first = list(source.terms("MONDO"))
    (guide / "data" / "MONDO-ontology-v2026-01-01.json.zst").write_bytes(b"")
    assert list(source.terms("MONDO")) == first
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".arrow"]


@pytest.mark.usefixtures("guide")
def test_damaged_cache_is_written_again(tmp_path: Path) -> None:
    source = PackageOntologies(f"packages://{tmp_path / 'cache'}")
    first = list(source.terms("MONDO"))
    (path,) = (tmp_path / "cache").iterdir()
    sound = path.read_bytes()
    path.write_bytes(sound[:100])
    assert list(source.terms("MONDO")) == first
    assert path.read_bytes() == sound


@pytest.mark.usefixtures("guide")
def test_folder_that_cannot_be_made_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    source = PackageOntologies(f"packages://{tmp_path / 'file' / 'cache'}")
    assert len(list(source.terms("MONDO"))) == len(DISEASES)


def test_unnamed_organisms_are_left_out_unless_they_have_a_common_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taxa = {
        "NCBITaxon:9606": entry("Homo sapiens", synonyms=["human"]),
        "NCBITaxon:1": entry("Mus sp.", synonyms=["mice"]),
        "NCBITaxon:2": entry("Apis cf. mellifera X1"),
        "NCBITaxon:3": entry("Courtella sp. ex Ficus bubu"),
        "NCBITaxon:4": entry("Spisula solida"),
    }
    install(tmp_path, monkeypatch, {"NCBITaxon": taxa})
    kept = list(PackageOntologies("packages://").terms("NCBITaxon"))
    assert [t.label for t in kept[:3]] == ["Homo sapiens", "Mus sp.", "Spisula solida"]
    assert not any("cf." in t.label for t in kept)


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"A:1": {"label"', b"[1]", b'{"A:1": {}} x', b'{"A:1": 3}']
)
def test_damaged_file_is_bad_input(guide: Path, content: bytes) -> None:
    path = guide / "data" / "MONDO-ontology-v2026-01-01.json.zst"
    compressed = cellxgene.zstandard.compress(content)
    path.write_bytes(compressed[:-3] if content == b"{" else compressed)
    with pytest.raises(BadInput) as caught:
        list(PackageOntologies("packages://").terms("MONDO"))
    assert caught.value.code == "damaged_ontology_file"
    assert caught.value.file == str(path)


def test_ontology_missing_from_the_package(guide: Path) -> None:
    (guide / "data" / "CL-ontology-v2026-01-01.json.zst").unlink()
    with pytest.raises(NotFound, match="CL-ontology"):
        PackageOntologies("packages://").terms("CL")


def test_package_that_is_not_installed() -> None:
    with pytest.raises(Misconfigured, match="pip install not-there"):
        packages._package_folder("not_there")


def test_drug_names_are_those_with_a_drugbank_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drugs = {
        "drug_canonical_to_data": {
            "sorafenib": {"name": "Sorafenib", "drugbank_id": "DB00398", "mesh_id": "D047428"},
            "estradiol": {"name": "Estradiol", "drugbank_id": "DB13956"},
            "acetate kinase": {"name": "Acetate Kinase", "mesh_id": "D000000"},
        },
        "drug_variant_to_canonical": {"sorafenib": ["sorafenib"], "nexavar": ["sorafenib"]},
    }
    install(tmp_path, monkeypatch, {}, drugs)
    assert list(PackageOntologies("packages://").terms("DRUGBANK")) == [
        Term("DRUGBANK:DB00398", "Sorafenib", ("nexavar",)),
        Term("DRUGBANK:DB00783", "Estradiol"),
    ]


@pytest.mark.parametrize("content", [b"", pickle.dumps({}), pickle.dumps(Path("x"))])
def test_drug_dictionary_loads_no_classes(tmp_path: Path, content: bytes) -> None:
    package = tmp_path / "drug_named_entity_recognition"
    package.mkdir()
    (package / "drug_ner_dictionary.pkl.bz2").write_bytes(bz2.compress(content))
    with pytest.raises(BadInput) as caught:
        list(drug_names.release(package, ROW_OF["DRUGBANK"]).read())
    assert caught.value.code == "damaged_ontology_file"


def test_missing_files_are_not_found(tmp_path: Path) -> None:
    for name, release in (("DRUGBANK", drug_names.release), ("HGNC", hgnc.release)):
        with pytest.raises(NotFound):
            release(tmp_path, ROW_OF[name])


def test_damaged_gene_file(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "hgnc.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(BadInput, match=r"build_hgnc\.py"):
        hgnc.release(tmp_path, ROW_OF["HGNC"])


def test_genes_ship_with_ids_and_successors() -> None:
    source = PackageOntologies("packages://")
    genes = {term.curie: term for term in source.terms("HGNC")}
    tp53 = genes["HGNC:11998"]
    assert tp53.label == "TP53"
    assert tp53.synonyms == ("tumor protein p53", "p53", "LFS1", "ENSG00000141510", "NCBIGene:7157")
    assert "MLL" in genes["HGNC:7132"].synonyms
    withdrawn = genes["HGNC:18635"]
    assert withdrawn.deprecated
    assert withdrawn.replaced_by == "HGNC:18636"
    assert sum(not term.deprecated for term in genes.values()) == 43_837


def test_installed_packages_hold_what_the_platform_needs(tmp_path: Path) -> None:
    source = PackageOntologies(f"packages://{tmp_path}")
    assert len(source.available()) == len(packages.ROWS)
    mondo = {term.curie: term for term in source.terms("MONDO")}
    assert mondo["MONDO:0002108"].label == "thyroid cancer"
    assert "MONDO:0004992" in mondo["MONDO:0002108"].ancestors
    drugs = {term.curie: term for term in source.terms("DRUGBANK")}
    assert "nexavar" in drugs["DRUGBANK:DB00398"].synonyms


def test_additions_follow_what_the_package_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(additions, "FOLDER", tmp_path)
    rows = ["curie\tlabel\tsynonyms\tparent", 'X:1\tthe "top"\t\t', "X:2\tmid\ta|b\tX:1"]
    rows += ["X:3\tlow\t\tX:2", "X:4\tknown\t\tX:2"]
    (tmp_path / "more1.tsv").write_text("\n".join(rows), encoding="utf-8")
    release = additions.merged(Release("v1", lambda: iter([Term("X:4", "ours")])), "more1")
    assert release.version == "v1+more1"
    assert list(release.read()) == [
        Term("X:4", "ours"),
        Term("X:1", 'the "top"'),
        Term("X:2", "mid", ("a", "b"), ("X:1",)),
        Term("X:3", "low", (), ("X:2", "X:1")),
    ]


@pytest.mark.parametrize("content", [None, b"curie\tlabel\nX:1\tx\n", b"curie\tlabel\n\xff"])
def test_damaged_additions_are_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    monkeypatch.setattr(additions, "FOLDER", tmp_path)
    if content is not None:
        (tmp_path / "more1.tsv").write_bytes(content)
    release = additions.merged(Release("v1", lambda: iter(())), "more1")
    with pytest.raises(BadInput) as caught:
        list(release.read())
    assert caught.value.code == "damaged_ontology_file"
    assert caught.value.file.endswith("more1.tsv")


def test_organisms_that_are_no_animals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, {"NCBITaxon": {}})
    source = PackageOntologies("packages://")
    (version,) = (info.version for info in source.available() if info.name == "NCBITaxon")
    assert version == "v2026-01-01+organisms1"
    terms = {term.curie: term for term in source.terms("NCBITaxon")}
    names = [name.casefold() for t in terms.values() for name in (t.label, *t.synonyms)]
    assert len(set(names)) == len(names)
    for term in terms.values():
        assert term.ancestors or term.label in ("cellular organisms", "Viruses")
        for curie in term.ancestors:
            assert set(terms[curie].ancestors) < set(term.ancestors)
    by_name = {name: t for t in terms.values() for name in (t.label, *t.synonyms)}
    expected = {"baker's yeast": "Fungi", "E. coli": "Bacteria", "thale cress": "Viridiplantae"}
    expected |= {"rice": "land plants", "SARS-CoV-2": "Viruses", "HIV-1": "Retroviridae"}
    for name, above in expected.items():
        assert by_name[above].curie in by_name[name].ancestors


words = st.text(string.ascii_letters + " é\n\"'", max_size=8)
terms = st.builds(
    Term,
    curie=words,
    label=words,
    synonyms=st.lists(words, max_size=3).map(tuple),
    ancestors=st.lists(words, max_size=3).map(tuple),
    deprecated=st.booleans(),
    replaced_by=st.none() | words,
)


@settings(max_examples=50, deadline=None)
@given(st.lists(terms, max_size=5))
def test_cache_round_trip(tmp_path_factory: pytest.TempPathFactory, stored: list[Term]) -> None:
    path = tmp_path_factory.mktemp("cache") / "x.arrow"
    assert list(cache.record(path, stored)) == stored
    found = cache.read(path)
    assert found is not None
    assert list(found) == stored
    curies = {term.curie for term in stored[:2]}
    some = cache.lookup(path, curies)
    assert some is not None
    assert list(some) == [term for term in stored if term.curie in curies]


marks = ["a", "sp.", " ", "{", "}", "\\", '"', '},"', "x},", '"ancestors":{', "é"]
odd = st.lists(st.sampled_from(marks), max_size=5).map("".join)
entries = st.fixed_dictionaries(
    {"ancestors": st.dictionaries(words, st.integers(1, 9), max_size=3), "label": odd},
    optional={"synonyms": st.lists(odd, max_size=2), "replaced_by": words},
)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(words, entries, max_size=5),
    st.integers(1, 60),
    st.sampled_from([(None, (",", ":")), (None, None), (2, None)]),
)
def test_terms_do_not_depend_on_chunks_or_layout(
    content: dict[str, dict[str, Any]], size: int, layout: tuple[int | None, Any]
) -> None:
    expected = [
        Term(
            curie,
            written["label"],
            tuple(written.get("synonyms", ())),
            tuple(sorted(written["ancestors"], key=written["ancestors"].get)),
            True,
            written.get("replaced_by"),
        )
        for curie, written in content.items()
        if written.get("synonyms") or "sp." not in written["label"]
    ]
    whole = {curie: {**written, "deprecated": True} for curie, written in content.items()}
    text = json.dumps(whole, indent=layout[0], separators=layout[1], ensure_ascii=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cellxgene, "_CHUNK", size)
        assert list(cellxgene._terms(io.BytesIO(text.encode()), r"sp\.")) == expected
