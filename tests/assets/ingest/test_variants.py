"""From files of variants to the table: genes, order, updates, and datasets too large to hold."""

from __future__ import annotations

import pytest

from polly_assets.ingest import normalize, sink
from polly_assets.ingest.given import collect
from polly_assets.publish.load import load_dataset
from polly_assets.removal import remove
from polly_resources.records import JobStatus
from tests.assets.ingest.formats.seeds import SEEDS

MAF = "Hugo_Symbol\tChromosome\tStart_Position\tVariant_Classification\tTumor_Sample_Barcode\n"


def maf(*rows):
    return MAF + "".join(f"{gene}\t{chrom}\t{at}\tSilent\t{s}\n" for gene, chrom, at, s in rows)


def found(instance, *names, **where):
    rows = instance.rows("variants", **where)
    return sorted(tuple(row[name] for name in names) for row in rows)


def test_a_file_of_variants_is_a_dataset_without_matrix(instance, write):
    (job,) = instance.ingest(write("a.maf", maf(("TP53", "17", 7, "S1"), ("odd", "1", 5, "S2"))))
    assert (job.status, job.format, job.samples) == (JobStatus.SUCCEEDED, "maf", 2)
    assert found(instance, "gene", "sample_id", "position") == [("TP53", "S1", 7), ("odd", "S2", 5)]
    (row,) = instance.rows("datasets")
    assert (row["data_type"], row["data_matrix_available"]) == ("Mutations", False)
    assert instance.found() == ["a"] and instance.rows("measurements") == []
    (tp53,) = instance.rows("variants", gene="TP53")
    assert tp53["gene_curie"] is not None


def test_rows_are_stored_by_gene_and_place(instance, write):
    rows = [("TP53", "17", 9, "S"), ("MYC", "8", 5, "S"), ("TP53", "17", 7, "S")]
    instance.ingest(write("a.maf", maf(*rows)))
    stored = [(row["gene"], row["position"]) for row in instance.rows("variants")]
    assert stored == [("MYC", 5), ("TP53", 7), ("TP53", 9)]
    loaded = load_dataset(instance.tables, "demo", "a").variants
    assert loaded["position"].to_list() == [9, 5, 7]


def test_an_update_replaces_them_and_a_fault_does_not(instance, write):
    path = write("a.maf", maf(("TP53", "17", 7, "S1"), ("MYC", "8", 5, "S1")))
    instance.ingest(path)
    write("a.maf", maf(("MYC", "8", 6, "S1")))
    instance.ingest(path)
    assert found(instance, "gene", "position") == [("MYC", 6)]
    write("a.maf", maf(("MYC", "8", 7, "S1"), ("MYC", "8", "x", "S1")))
    (job,) = instance.ingest(path)
    assert job.error.code == "bad_field" and found(instance, "gene", "position") == [("MYC", 6)]


@pytest.mark.parametrize("flush", [1, 1500, 10**9])
def test_datasets_too_large_to_hold_are_written_piece_by_piece(instance, write, monkeypatch, flush):
    monkeypatch.setattr(sink, "FLUSH_BYTES", flush)
    monkeypatch.setattr(normalize, "PIECE_BYTES", 1)
    monkeypatch.setattr("polly_assets.ingest.formats.variants.PIECE_ROWS", 3)
    for _ in range(2):
        for name in ("a", "b", "c"):
            content = maf(
                *[("TP53", "17", i, f"S{i % 3}") for i in range(20)], ("MYC", "8", 1, "S0")
            )
            path = write(f"f/{name}.maf", content + ("#\n" if _ else ""))
        jobs = instance.ingest(path.parent)
        assert {job.status for job in jobs} == {JobStatus.SUCCEEDED}
        assert found(instance, "dataset_id", "record_index") == [
            (name, i) for name in ("a", "b", "c") for i in range(21)
        ]
    assert load_dataset(instance.tables, "demo", "a").variants.height == 21


def test_a_fault_in_the_last_line_stores_nothing(instance, write, monkeypatch):
    monkeypatch.setattr(sink, "FLUSH_BYTES", 1)
    monkeypatch.setattr("polly_assets.ingest.formats.variants.PIECE_ROWS", 3)
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1\tS2\n"
    records = [f"1\t{i}\t.\tA\tT\t.\t.\t.\tGT\t0/1\t1/1\n" for i in range(1, 200)]
    content = "##fileformat=VCFv4.3\n" + columns + "".join(records)
    (job,) = instance.ingest(write("a.vcf", content + "1\t300\t.\tA\tT\t.\t.\t.\tGT\t0/1\t2/1\n"))
    assert (job.error.code, job.error.place) == ("bad_genotype", "line 202, column 11")
    assert instance.rows("variants") == [] and instance.rows("datasets") == []
    (job,) = instance.ingest(write("a.vcf", content))
    assert job.status == JobStatus.SUCCEEDED and len(instance.rows("variants")) == 398


def test_a_study(instance, write):
    seed = SEEDS["cbio_study"]()
    for name, data in {**seed.sidecars, seed.name: seed.data}.items():
        folder = write(f"f/st/{name}", data.decode()).parent.parent
    jobs = instance.ingest(folder)
    assert {job.dataset_id: job.status for job in jobs} == dict.fromkeys(
        ("st_rna", "st_cna", "st_ic50", "st_sv"), JobStatus.SUCCEEDED
    )
    assert {job.source for job in jobs} == {"landing/demo/st/meta_study.txt"}
    assert found(instance, "dataset_id", "allele_index") == [("st_sv", 1), ("st_sv", 2)]


@pytest.mark.parametrize("given", ["f/st", "f", "f/st/data_exp.txt", "f/st/case_lists/c.txt"])
def test_files_of_a_study_land_in_its_folder(write, given):
    names = ("st/meta_study.txt", "st/data_exp.txt", "st/case_lists/c.txt", "other.csv")
    for name in names:
        folder = write(f"f/{name}", name).parent
    path = folder.parent / given
    expected = {name for name in names if given == "f" or name.startswith("st/")}
    if path.is_file():
        expected = {given.removeprefix("f/")}
    assert set(collect([path])) == expected


def test_deleting_the_dataset_deletes_them(instance, write):
    instance.ingest(write("a.vcf", SEEDS["vcf"]().data.decode()))
    assert found(instance, "dataset_id")
    work, _ = instance.claim()
    remove(work.tables, work.search, "demo", ["a"])
    assert found(instance, "dataset_id") == []
