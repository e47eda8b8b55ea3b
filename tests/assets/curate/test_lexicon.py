from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

from polly_assets.curate import naming
from polly_assets.curate.lexicon import Lexicon
from polly_assets.curate.lexicon_build import lexicon_key, open_lexicon
from polly_assets.curate.naming import Kind
from polly_resources.errors import Unavailable
from tests.assets.curate.small import SmallOntologies


@pytest.fixture(scope="module")
def lexicon(tmp_path_factory: pytest.TempPathFactory) -> Lexicon:
    return open_lexicon(SmallOntologies(), tmp_path_factory.mktemp("lexicon"))


def curies(entries) -> list[str]:
    return [entry.term.curie for entry in entries]


def test_labels_and_synonyms_are_found(lexicon):
    assert curies(lexicon.whole("breast cancer")) == ["MONDO:0007254"]
    assert lexicon.whole("liver carcinoma")[0].kind is Kind.SYNONYM
    assert lexicon.whole("no such name") == ()


def test_a_withdrawn_label_names_its_successor(lexicon):
    assert curies(lexicon.whole("sugar sickness")) == ["MONDO:0005015"]


def test_a_site_listed_as_a_disease_synonym_names_the_site(lexicon):
    assert curies(lexicon.whole("pituitary")) == ["UBERON:0000007"]


def test_qualifiers_and_empty_words_are_no_names(lexicon):
    assert lexicon.whole("tumor grade 1") == ()
    assert lexicon.whole("tissue") == lexicon.whole("cell") == lexicon.whole("disease") == ()


def test_a_drug_that_chebi_knows_takes_its_curie(lexicon):
    assert curies(lexicon.whole("decadron")) == ["CHEBI:41879"]
    assert curies(lexicon.whole("tamoxifen")) == ["DRUGBANK:DB00675"]
    assert lexicon.whole("water") == ()


def test_common_cell_lines_stand_before_rare_twins(lexicon):
    assert curies(lexicon.symbol("mcf7")) == ["CVCL_0031", "CVCL_A1B2"]


def test_organisms_are_limited_to_what_is_sequenced(lexicon):
    assert curies(lexicon.whole("homo sapien")) == ["NCBITaxon:9606"]
    assert lexicon.whole("apis mellifera") == ()


def test_ancestors_and_curies(lexicon):
    above = lexicon.ancestors(lexicon.term("UBERON:0002421").index)
    assert above == {lexicon.term("UBERON:0000955").index}
    assert lexicon.term("HsapDv:0000087").label == "adult stage"
    assert lexicon.term("HsapDv:0000000") is None


def test_a_saved_lexicon_is_opened_again_and_a_new_release_is_a_new_one(tmp_path):
    open_lexicon(SmallOntologies(), tmp_path)
    folders = list(tmp_path.iterdir())
    stamp = (folders[0] / "terms.arrow").stat().st_mtime_ns
    open_lexicon(SmallOntologies(), tmp_path)
    assert list(tmp_path.iterdir()) == folders
    assert (folders[0] / "terms.arrow").stat().st_mtime_ns == stamp
    assert lexicon_key(SmallOntologies("2")) != lexicon_key(SmallOntologies("1"))


def test_a_new_lexicon_removes_the_others(tmp_path):
    for name in ("lexicon-mine", ".lexicon-other", "other"):
        (tmp_path / name).mkdir()
    kept = set(tmp_path.iterdir())
    old = open_lexicon(SmallOntologies("1"), tmp_path)
    open_lexicon(SmallOntologies("2"), tmp_path)
    folder = tmp_path / f"lexicon-{lexicon_key(SmallOntologies('2'))}"
    assert set(tmp_path.iterdir()) == kept | {folder}
    assert curies(old.whole("breast cancer")) == ["MONDO:0007254"]


def test_a_lexicon_does_not_depend_on_the_order_of_hashes(tmp_path):
    code = (
        "import sys, pathlib\n"
        "from polly_assets.curate.lexicon_build import open_lexicon\n"
        "from tests.assets.curate.small import SmallOntologies\n"
        "open_lexicon(SmallOntologies(), pathlib.Path(sys.argv[1]))"
    )
    for seed in ("1", "2", "3"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", code, str(tmp_path / seed)]
        subprocess.run(command, env=environment, check=True)
    first, *others = (next(path.iterdir()) for path in tmp_path.iterdir())
    for path in first.iterdir():
        for other in others:
            assert path.read_bytes() == (other / path.name).read_bytes(), path.name


def test_a_damaged_lexicon_says_what_to_do(tmp_path):
    open_lexicon(SmallOntologies(), tmp_path)
    (next(tmp_path.iterdir()) / "terms.arrow").write_bytes(b"x")
    with pytest.raises(Unavailable) as caught:
        open_lexicon(SmallOntologies(), tmp_path)
    assert caught.value.code == "lexicon_unreadable"
    assert "remove the folder" in caught.value.hint


def _open(folder: str) -> int:
    return len(open_lexicon(SmallOntologies(), Path(folder)))


def test_two_processes_building_at_once_both_end_well(tmp_path):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        sizes = pool.map(_open, [str(tmp_path)] * 2)
    assert sizes[0] == sizes[1] > 0
    assert [path.name for path in tmp_path.iterdir()] == [
        f"lexicon-{lexicon_key(SmallOntologies())}"
    ]


def test_every_stop_name_has_a_reason_and_every_extra_name_a_curie():
    rows = naming._rows("stop_names.tsv")
    assert rows
    assert all(row["reason"] and row["where"] in ("always", "free") for row in rows)
    assert all(curie for _, curie, _ in naming.extra_names())
    assert all(row["pattern"] and row["name"] for row in naming.strain_rows())
