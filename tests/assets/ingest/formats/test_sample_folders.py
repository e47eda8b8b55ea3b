"""Counts of samples that lie in folders called by these, and what programs write beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset
from polly_assets.ingest.formats.counts.names import around, home, named
from polly_assets.ingest.formats.grouping import group_sources
from tests.assets.ingest.formats.test_sample_counts import (
    GDC,
    KALLISTO,
    RSEM,
    SALMON,
    STAR,
    only,
    read,
)

ONE, TWO = (f"{c * 8}-{c * 4}-4{c * 3}-8{c * 3}-{c * 12}" for c in "ab")


@pytest.mark.parametrize(
    ("text", "files", "dataset_id"),
    [
        (SALMON, "q/{}/quant.sf", "q_salmon"),
        (SALMON, "q/{}/quant.sf.gz", "q_salmon"),
        (SALMON, "Salmon/{}/quant.sf", "Salmon"),
        (SALMON, "a/q/{}/quant.genes.sf", "q_salmon_genes"),
        (KALLISTO, "k/{}/abundance.tsv", "k_kallisto"),
        (STAR, "al/{}/ReadsPerGene.out.tab", "al_star"),
        (STAR, "al/{0}/{0}_ReadsPerGene.out.tab", "al_star"),
        (RSEM, "r/{0}/{0}.genes.results", "r_rsem_genes"),
        (RSEM, "r/{0}/rsem.genes.results", "r_rsem_genes"),
        (SALMON, "{}/quant.sf", "S1_and_others_salmon"),
    ],
)
def test_folders_of_samples(tmp_path: Path, text: str, files: str, dataset_id: str) -> None:
    names = {name: files.format(name) for name in ("S2", "S1", "S10")}
    found = only(read(tmp_path, {path: text.format(name[1:]) for name, path in names.items()}))
    assert found.dataset_id == dataset_id
    assert found.samples["sample_id"].to_list() == ["S1", "S2", "S10"]
    told = [names[name].split(f"{name}/", 1)[1] for name in ("S1", "S2", "S10")]
    samples = ("S1", "S2", "S10")
    expected = [f"{name}/{last}" for name, last in zip(samples, told, strict=True)]
    assert found.samples["file"].to_list() == expected


def test_values_are_those_of_the_folder(tmp_path: Path) -> None:
    found = only(read(tmp_path, {f"q/S{i}/quant.sf": SALMON.format(i * 7) for i in (1, 2)}))
    np.testing.assert_array_equal(
        np.vstack([np.asarray(block) for block in found.matrices[0].blocks()]),
        [[7, 14], [3.125, 3.125]],
    )


def test_a_fault_in_one_folder_is_told_with_it(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="x") as caught:
        read(tmp_path, {"q/S1/quant.sf": SALMON.format(1), "q/S2/quant.sf": SALMON.format("x")})
    assert (caught.value.code, caught.value.file) == ("not_a_number", "q/S2/quant.sf")  # type: ignore[attr-defined]


def test_a_table_beside_the_folders_describes_the_samples_of_all_levels(tmp_path: Path) -> None:
    files = {f"r/S{i}/S{i}.genes.results": RSEM.format(i) for i in (1, 2)}
    files |= {f"r/S{i}/S{i}.isoforms.results": RSEM.format(i) for i in (1, 2)}
    found = read(tmp_path, {**files, "r/metadata.csv": "sample,tissue\nS1,liver\nS2,lung\n"})
    assert [item.dataset_id for item in found] == ["r_rsem_genes", "r_rsem_isoforms"]
    for item in found:
        assert isinstance(item, ParsedDataset)
        assert item.samples["tissue"].to_list() == ["liver", "lung"]


def test_two_levels_of_one_sample_have_names_of_their_own(tmp_path: Path) -> None:
    texts = {"S1.genes.results": RSEM.format(1), "S1.isoforms.results": RSEM.format(1)}
    assert [item.dataset_id for item in read(tmp_path, texts)] == ["S1", "S1_isoforms"]


def test_several_samples_in_one_folder_are_its_own(tmp_path: Path) -> None:
    files = {"ctrl/ctrl_quant.sf": SALMON.format(1), "ctrl/drug_quant.sf": SALMON.format(2)}
    found = only(read(tmp_path, files))
    assert found.dataset_id == "ctrl_salmon"
    assert found.samples["sample_id"].to_list() == ["ctrl", "drug"]


def test_folders_of_gdc(tmp_path: Path) -> None:
    last = "rna_seq.augmented_star_gene_counts.tsv"
    files = {f"d/{ONE}/{TWO}.{last}": GDC.format(1), f"d/{TWO}/{ONE}.{last}": GDC.format(2)}
    found = only(read(tmp_path, files))
    assert (found.dataset_id, found.samples["sample_id"].to_list()) == ("d_gdc", [TWO, ONE])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/b/S1/quant.sf", "a/b"),
        ("S1/quant.sf", ""),
        ("quant.sf", ""),
        ("a/S1_quant.sf", "a"),
        ("a/S1/s1.genes.results", "a"),
        ("a/GSM1/GSM1_x.txt", "a/GSM1"),
        ("a/S1/x.csv", "a/S1"),
    ],
)
def test_the_folder_of_the_dataset(name: str, expected: str) -> None:
    assert home(name) == expected


def test_where_the_other_samples_are() -> None:
    assert around("a/S1/quant.sf") == ("a/", "")
    assert around("S1/quant.sf") == ("", "")
    assert around("a/S1_quant.sf") is None
    assert named("a/S1/rsem.genes.results") == ("rsem_genes", "S1", "")


def test_the_copy_of_kallisto_in_hdf5_is_told(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {}
    for i in (1, 2):
        files[f"k/S{i}/abundance.tsv"] = KALLISTO.format(i)
        files[f"k/S{i}/abundance.h5"] = b"\x89HDF\r\n\x1a\n"
    found = only(read(tmp_path, files))
    assert [notice.code for notice in found.notices] == ["not_loaded"]
    (group,) = group_sources(sorted(files))
    assert {group.main, *group.sidecars.values()} == {*files}


def test_what_programs_write_beside_counts_is_no_data() -> None:
    names = [
        "S1/quant.sf", "S1/lib_format_counts.json", "S1/cmd_info.json", "S1/aux_info/fld.gz",
        "S1/aux_info/meta_info.json", "S1/libParams/flenDist.txt", "S1/logs/salmon_quant.log",
        "al/S1_Log.final.out", "al/Log.out", "al/S1_SJ.out.tab", "r/S1.stat/S1.cnt",
        "counts.txt.summary",
    ]  # fmt: skip
    assert [group.main for group in group_sources(names)] == ["S1/quant.sf"]


def test_other_files_of_the_folders_are_read_by_themselves(tmp_path: Path) -> None:
    files = {f"q/S{i}/quant.sf": SALMON.format(i) for i in (1, 2)}
    found = read(tmp_path, {**files, "q/S1/genes.csv": "gene,A,B\nTP53,1,2\nMYC,3,4\n"})
    assert not [item for item in found if isinstance(item, FailedDataset)]
    assert [item.dataset_id for item in found] == ["genes", "q_salmon"]


def test_one_sample_is_called_by_its_folder(tmp_path: Path) -> None:
    found = only(read(tmp_path, {"q/S1/quant.sf": SALMON.format(1)}))
    assert (found.dataset_id, found.samples["sample_id"].to_list()) == ("S1", ["S1"])
