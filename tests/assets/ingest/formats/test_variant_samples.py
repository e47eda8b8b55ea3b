"""Clinical tables beside variants: which files describe which, and what they say of samples."""

from __future__ import annotations

import pytest

from polly_assets.ingest.formats.base import Source
from polly_assets.ingest.formats.grouping import beginnings_of, group_sources
from polly_assets.ingest.formats.variant_folders import KEY
from polly_assets.ingest.formats.variant_samples import described_variants
from polly_resources.errors import BadInput

BARCODES = ["TCGA-AB-2802-03B-01W", "TCGA-AB-2803-03B-01W"]


def beside(*names):
    return {group.main: set(group.sidecars.values()) for group in group_sources(names)}


class TestGrouping:
    @pytest.mark.parametrize("main", ["x.maf", "x.vcf.gz", "x.seg", "data_mutations.txt"])
    @pytest.mark.parametrize(
        "table",
        ["clinical.tsv", "Clinical.csv", "data_clinical_sample.txt", "data_clinical_patients.txt",
         "samples.tsv", "metadata.csv", "annotation.tsv.gz", "follow_up.tsv", "clin_data.tsv"],
    )  # fmt: skip
    def test_tables_of_the_folder(self, main, table):
        assert beside(f"a/{main}", f"a/{table}") == {f"a/{main}": {f"a/{table}"}}
        for one, other in ((main, table), (table, main)):
            starts = beginnings_of(f"a/{one}")
            assert any(other.lower().startswith(start.lower()) for start in starts)

    @pytest.mark.parametrize("table", ["features.tsv", "genes.csv", "survival.tsv", "clinical.pdf"])
    def test_other_tables(self, table):
        assert beside("x.maf", table)["x.maf"] == set()

    def test_all_variants_of_a_folder_and_of_no_other(self):
        found = beside("a/x.maf", "a/y.maf", "a/clinical.tsv", "b/z.maf")
        assert found == {
            "a/x.maf": {"a/clinical.tsv"},
            "a/y.maf": {"a/clinical.tsv"},
            "b/z.maf": set(),
        }

    def test_tables_of_a_matrix_and_of_a_name_stay(self):
        found = beside("counts.csv", "metadata.csv", "x.maf", "x_annot.tsv")
        assert found == {"counts.csv": {"metadata.csv"}, "x.maf": {"x_annot.tsv"}}

    def test_without_variants_they_are_sources(self):
        assert beside("clinical.tsv", "x.csv").keys() == {"clinical.tsv", "x.csv"}


@pytest.fixture
def described(tmp_path):
    def joined(ids, **tables):
        sidecars = {}
        for name, content in tables.items():
            sidecars[f"{KEY}{name}.tsv"] = tmp_path / f"{name}.tsv"
            sidecars[f"{KEY}{name}.tsv"].write_text(content)
        found = described_variants(Source(tmp_path / "x.maf", "x.maf", sidecars), ids)
        return found.samples.to_dicts(), [notice.code for notice in found.notices]

    return joined


class TestJoining:
    def test_by_sample(self, described):
        samples, codes = described(
            ["S1", "S2"], clinical="age\tTumor_Sample_Barcode\n61\tS1\n5\tS9\n"
        )
        assert samples == [{"sample_id": "S1", "age": "61"}, {"sample_id": "S2", "age": None}]
        assert codes == ["metadata_without_samples", "samples_without_metadata"]

    def test_by_patient_with_several_rows(self, described):
        table = (
            "case_id\tcase_submitter_id\tsex\ttreatment\tstage\n"
            "u1\tTCGA-AB-2802\tmale\tRadiation\t'--\n"
            "u1\tTCGA-AB-2802\tmale\tDrug\tII\n"
            "u2\tTCGA-AB-2803\tfemale\t'--\t\n"
        )
        samples, codes = described(BARCODES, clinical=table)
        first, second = samples
        assert (first["sample_id"], first["case_submitter_id"]) == (BARCODES[0], "TCGA-AB-2802")
        assert (first["sex"], first["treatment"], first["stage"]) == (
            "male",
            "Radiation; Drug",
            "II",
        )
        assert (second["sex"], second["treatment"], second["stage"]) == ("female", None, None)
        assert codes == ["ids_respelled", "rows_joined"]

    def test_patients_of_cbioportal(self, described):
        above = "#a\tb\n#a\tb\n#STRING\tSTRING\n#1\t1\n"
        samples, codes = described(
            ["S1", "S2"],
            data_clinical_patient=f"{above}PATIENT_ID\tSEX\nP2\tF\nP1\tM\n",
            data_clinical_sample=f"{above}PATIENT_ID\tSAMPLE_ID\nP1\tS1\nP2\tS2\n",
        )
        assert samples == [
            {"sample_id": "S1", "PATIENT_ID": "P1", "SEX": "M"},
            {"sample_id": "S2", "PATIENT_ID": "P2", "SEX": "F"},
        ]
        assert codes == []

    def test_the_longest_beginning(self, described):
        table = "sample\tsite\nTCGA-AB-2802\tno\nTCGA-AB-2802-03B\tyes\n"
        samples, _ = described(BARCODES[:1], samples=table)
        assert samples[0]["site"] == "yes"

    def test_a_table_of_others(self, described):
        samples, codes = described(["S1"], clinical="sample\tage\nT1\t5\n")
        assert samples == [{"sample_id": "S1"}] and codes == ["metadata_without_samples"]

    def test_spelled_otherwise_and_names_that_are_taken(self, described):
        samples, codes = described(["S-1"], clinical="id\tsample_id\tsample_id\nx\ts.1\ty\n")
        assert samples == [
            {"sample_id": "S-1", "id": "x", "sample_id.2": "s.1", "sample_id.1": "y"}
        ]
        assert codes == ["ids_respelled"]

    def test_a_table_of_the_same_name_is_joined_alike(self, tmp_path):
        path = tmp_path / "x_clinical.tsv"
        source = Source(tmp_path / "x.maf", "x.maf", {"tsv": path})
        path.write_text("patient\tdrug\nTCGA-AB-2802\tA\nTCGA-AB-2802\tB\nTCGA-AB-9\tC\n")
        found = described_variants(source, BARCODES)
        assert found.samples["drug"].to_list() == ["A; B", None]
        assert [notice.code for notice in found.notices] == [
            "metadata_without_samples",
            "samples_without_metadata",
            "ids_respelled",
            "rows_joined",
        ]

    def test_a_table_of_the_same_name_must_name_samples(self, tmp_path):
        path = tmp_path / "x_clinical.tsv"
        source = Source(tmp_path / "x.maf", "x.maf", {"tsv": path})
        path.write_text("patient\tdrug\nP1\tA\n")
        with pytest.raises(BadInput, match="none of its 1 ids") as caught:
            described_variants(source, BARCODES)
        assert (caught.value.code, caught.value.file) == ("sidecar_matches_nothing", path.name)
        assert described_variants(source, []).samples.height == 0

    def test_a_broken_table(self, described):
        with pytest.raises(BadInput, match="expected 2") as caught:
            described(["S1"], clinical="sample\tage\nS1\t5\nS2\t5\t6\n")
        assert (caught.value.code, caught.value.file) == ("ragged_row", "clinical.tsv")
