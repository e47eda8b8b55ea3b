"""cBioPortal: studies, clinical tables, matrices and events, each fault with its place."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from polly_assets.ingest.formats.base import FailedDataset, Source
from polly_assets.ingest.formats.cbio.clinical import ClinicalReader
from polly_assets.ingest.formats.cbio.events import SegReader
from polly_assets.ingest.formats.cbio.study import StudyReader
from polly_assets.ingest.formats.grouping import beginnings_of, group_sources
from polly_assets.ingest.formats.registry import reader_for
from polly_assets.ingest.formats.streams.text import dataset_id_from_name
from polly_assets.ingest.reading import datasets
from polly_resources.errors import BadInput

STUDY = "cancer_study_identifier: st\nname: A study\npmid: 123\n"
DESCRIBED = (
    "#Patient\tSample\tAge\tDone\n#p\ts\tyears old\td\n"
    "#STRING\tSTRING\tNUMBER\tBOOLEAN\n#1\t1\t1\t1\n"
)
SAMPLES = (
    DESCRIBED + "PATIENT_ID\tSAMPLE_ID\tAGE\tDONE\nP1\tS1\t61\tyes\nP2\tS2\t[Not Available]\t\n"
)
PATIENTS = "#P\tSex\n#p\ts\n#STRING\tSTRING\n#1\t1\nPATIENT_ID\tSEX\nP1\tF\nP3\tM\n"
MAF = (
    "Hugo_Symbol\tChromosome\tStart_Position\tVariant_Classification\tTumor_Sample_Barcode\t"
    "HGVSp_Short\nTP53\t17\t7\tSilent\tS1\tp.R1=\n"
)
MATRIX = "Hugo_Symbol\tEntrez_Gene_Id\tS1\tS2\nTP53\t7157\t1.5\tNA\nMYC\t4609\t-2\t3\n"


def meta(kind, data, stable_id, datatype="CONTINUOUS", study="st"):
    return (
        f"cancer_study_identifier: {study}\ngenetic_alteration_type: {kind}\ndatatype: {datatype}\n"
        f"stable_id: {stable_id}\nprofile_name: A: profile\ndata_filename: {data}\n"
    )


@pytest.fixture
def study(tmp_path):
    def read(study=STUDY, **files):
        for name, content in {"meta_study.txt": study, **files}.items():
            path = tmp_path / name.replace("__", "/").replace("_txt", ".txt").replace(
                "_seg", ".seg"
            )
            path.parent.mkdir(exist_ok=True)
            path.write_text(content)
        paths = [path for path in tmp_path.rglob("*") if path.is_file()]
        beside = {path.relative_to(tmp_path).as_posix(): path for path in paths}
        main = beside.pop("meta_study.txt")
        found = list(StudyReader().read(Source(main, "a/meta_study.txt", beside)))
        return {one.dataset_id: one for one in found}

    return read


@pytest.fixture
def given(tmp_path):
    def path(content, name="x.txt"):
        (tmp_path / name).write_text(content)
        return Source(tmp_path / name, name)

    return path


def rows(dataset):
    return [row for table in dataset.variants for row in table.to_pylist()]


def codes(dataset):
    return [notice.code for notice in dataset.notices]


def only(found):
    (dataset,) = found.values()
    return dataset


def refused(reader, source):
    with pytest.raises(BadInput) as caught:
        list(reader.read(source))
    error = caught.value
    assert error.hint and "expected" in error.message
    return error.code, error.place


class TestGrouping:
    def test_a_folder_is_a_study(self):
        names = ["a/meta_study.txt", "a/data_x.txt", "a/x.maf", "a/case_lists/c.txt", "a/b/y.csv"]
        names += ["meta_study.txt", "z.csv"]
        assert [(g.main, dict(g.sidecars)) for g in group_sources([*names, "a/.hidden"])] == [
            ("a/b/y.csv", {}),
            (
                "a/meta_study.txt",
                {"case_lists/c.txt": "a/case_lists/c.txt", "data_x.txt": "a/data_x.txt",
                 "x.maf": "a/x.maf"},
            ),
            ("meta_study.txt", {"z.csv": "z.csv"}),
        ]  # fmt: skip

    def test_what_a_change_may_concern(self):
        assert beginnings_of("a/meta_study.txt") == {""}
        assert "meta_study.txt" in beginnings_of("a/data_cna.txt")
        assert beginnings_of("a/x.csv") == {"x"}

    def test_names_and_readers(self):
        assert dataset_id_from_name("a/brca/meta_study.txt") == "brca"
        assert reader_for("a/meta_study.txt", b"cancer_study_identifier: x\n").name == "cbio_study"
        assert reader_for("data_clinical.txt", b"PATIENT_ID\tX\n").name == "cbio_clinical"
        assert reader_for("x.txt", SAMPLES.encode()).name == "cbio_clinical"
        assert reader_for("x.seg.gz", b"ID\tchrom\n").name == "cbio_seg"
        assert reader_for("x.txt", MATRIX.encode()).name == "tsv"


class TestStudy:
    def test_a_dataset_for_each_profile_with_clinical_samples(self, study):
        found = study(
            data_clinical_sample_txt=SAMPLES,
            data_clinical_patient_txt=PATIENTS,
            meta_mut_txt=meta("MUTATION_EXTENDED", "data_mut.txt", "mutations", "MAF"),
            data_mut_txt=MAF,
            meta_exp_txt=meta("MRNA_EXPRESSION", "data_exp.txt", "st_rna"),
            data_exp_txt=MATRIX,
        )
        assert list(found) == ["st_rna", "st_mutations"]
        mutations, expression = found["st_mutations"], found["st_rna"]
        assert (mutations.data_type, expression.data_type) == ("Mutations", "Transcriptomics")
        assert [r["gene"] for r in rows(mutations)] == ["TP53"] and mutations.matrices == ()
        assert expression.samples.to_dicts() == [
            {"sample_id": "S1", "PATIENT_ID": "P1", "AGE": 61.0, "DONE": True, "SEX": "F"},
            {"sample_id": "S2", "PATIENT_ID": "P2", "AGE": None, "DONE": None, "SEX": None},
        ]
        assert expression.features.to_dicts()[0] == {
            "feature_id": "TP53", "Hugo_Symbol": "TP53", "Entrez_Gene_Id": "7157"
        }  # fmt: skip
        (x,) = expression.matrices
        np.testing.assert_array_equal(x.values, [[1.5, np.nan], [-2, 3]])
        assert expression.metadata["profile_name"] == "A: profile"
        assert expression.metadata["pmid"] == "123"
        told = {notice.code: notice.message for notice in expression.notices}
        assert set(told) == {"patients_without_metadata", "metadata_without_samples"}
        assert told["patients_without_metadata"].endswith("such as P2")
        assert told["metadata_without_samples"].endswith("such as P3")

    def test_files_that_no_meta_file_names(self, study):
        found = study(data_cna_txt=MATRIX, notes_txt="hello", x_seg="")
        assert list(found) == ["st_cna", "st_x"] and isinstance(found["st_x"], FailedDataset)
        assert found["st_cna"].data_type == "Copy Number Variation"
        assert codes(found["st_cna"]) == ["file_not_loaded", "data_without_meta"]

    def test_a_fault_fails_one_dataset(self, study):
        found = study(
            meta_a_txt=meta("MRNA_EXPRESSION", "data_a.txt", "a"),
            meta_b_txt=meta("MRNA_EXPRESSION", "data_b.txt", "b"),
            meta_c_txt=meta("MRNA_EXPRESSION", "data_c.txt", "c", study="other"),
            meta_d_txt=meta("MRNA_EXPRESSION", "data_d.txt", "d"),
            data_a_txt=MATRIX.replace("-2", "spam"),
            data_b_txt=MATRIX,
            data_c_txt=MATRIX,
        )
        failed = {k: v.error for k, v in found.items() if isinstance(v, FailedDataset)}
        assert {name: (error.code, error.file) for name, error in failed.items()} == {
            "st_a": ("not_a_number", "a/data_a.txt"),
            "st_c": ("bad_meta_file", "a/meta_c.txt"),
            "st_d": ("missing_data_file", "a/meta_d.txt"),
        }
        assert failed["st_a"].place == "line 3, column 3" and not isinstance(
            found["st_b"], FailedDataset
        )

    def test_samples_that_no_table_describes(self, study):
        found = study(data_clinical_txt=SAMPLES, data_exp_txt=MATRIX.replace("S2", "S9"))
        assert codes(only(found)) == ["data_without_meta", "samples_without_metadata"]

    def test_sequenced_samples_without_a_mutation(self, study):
        cases = "cancer_study_identifier: st\nstable_id: st_sequenced\ncase_list_ids: S1\tS7\n"
        found = study(data_mutations_txt=MAF, case_lists__cases_sequenced_txt=cases)
        assert only(found).samples["sample_id"].to_list() == ["S1", "S7"]

    def test_what_is_no_profile_is_told(self, study):
        found = study(
            meta_p_txt=meta("GENE_PANEL_MATRIX", "data_panel.txt", "panel"),
            data_panel_txt="SAMPLE_ID\tmutations\nS1\tp\n",
            data_timeline_txt="PATIENT_ID\tSTART_DATE\tEVENT_TYPE\nP1\t0\tSURGERY\nP1\t1\tX\n",
            data_exp_txt=MATRIX,
        )
        told = [n.message for n in only(found).notices if n.code == "file_not_loaded"]
        assert len(told) == 2 and "data_timeline.txt" in told[0] and "data_panel.txt" in told[1]

    def test_clinical_tables_alone(self, study):
        dataset = only(study(data_clinical_txt=SAMPLES))
        assert dataset.dataset_id == "st" and codes(dataset) == ["no_matrix"]
        assert dataset.samples.height == 2

    @pytest.mark.parametrize(
        ("files", "file", "place"),
        [
            ({"study": "name: x\n"}, "a/meta_study.txt", "line 1"),
            ({"study": STUDY + "no colon\n"}, "a/meta_study.txt", "line 4"),
            ({"study": STUDY + "name: y\n"}, "a/meta_study.txt", "line 4"),
            ({"meta_x_txt": "what\n"}, "a/meta_x.txt", "line 1"),
        ],
    )
    def test_bad_meta_files(self, study, files, file, place):
        with pytest.raises(BadInput) as caught:
            study(**files)
        assert (caught.value.code, caught.value.file, caught.value.place) == (
            "bad_meta_file", file, place
        )  # fmt: skip

    def test_a_bad_clinical_table_fails_the_study(self, study):
        with pytest.raises(BadInput) as caught:
            study(data_clinical_txt=SAMPLES.replace("S2", "S1"), data_exp_txt=MATRIX)
        assert caught.value.file == "a/data_clinical.txt"
        with pytest.raises(BadInput, match="expected a file of this name"):
            study(meta_clin_txt=meta("CLINICAL", "nowhere.txt", "x"))


class TestMatrices:
    def matrix(self, study, content, **said):
        if said:
            return only(study(meta_x_txt=meta(**said), data_x_txt=content))
        return only(study(data_x_txt=content))

    def test_whole_numbers(self, study):
        content = "Hugo_Symbol\tCytoband\tS1\nTP53\t17p\t-2\nMYC\t\t2\n"
        dataset = self.matrix(study, content)
        assert dataset.matrices[0].dtype == "int64"
        assert dataset.features["Cytoband"].to_list() == ["17p", None]

    def test_ids_of_genes_without_a_symbol(self, study):
        content = "Hugo_Symbol\tEntrez_Gene_Id\tS1\n\t7157\t1\nMYC\t4609\t2\n"
        assert self.matrix(study, content).features["feature_id"].to_list() == ["7157", "MYC"]

    def test_long(self, study):
        content = (
            "Hugo_Symbol\tEntrez_Gene_Id\tSample_Id\tValue\tcbp_driver\n"
            "TP53\t7157\tS1\t-2\tPutative_Driver\nMYC\t4609\tS2\t1\t\nMYC\t4609\tS1\t0\t\n"
        )
        dataset = self.matrix(study, content)
        assert dataset.samples["sample_id"].to_list() == ["S1", "S2"]
        assert dataset.features["feature_id"].to_list() == ["TP53", "MYC"]
        np.testing.assert_array_equal(dataset.matrices[0].values, [[-2, np.nan], [0, 1]])
        assert codes(dataset) == ["data_without_meta", "columns_not_loaded"]

    def test_limits(self, study):
        content = (
            "ENTITY_STABLE_ID\tNAME\tS1\tS2\tS3\nD1\tDrug\t>8\t< 0.5\t1.5\nD2\tOther\tNA\t2\t\n"
        )
        dataset = self.matrix(study, content)
        x, limit = dataset.matrices
        np.testing.assert_array_equal(x.values, [[8, 0.5, 1.5], [np.nan, 2, np.nan]])
        assert limit.name == "layers/limit" and limit.values.tolist() == [[1, -1, 0], [0, 0, 0]]
        assert (dataset.features.columns, limit.dtype) == (
            ["feature_id", "ENTITY_STABLE_ID", "NAME"], "int32"
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("content", "code", "place"),
        [
            ("ENTITY_STABLE_ID\tS1\nD\tspam\n", "not_a_number", "line 2, column 2"),
            ("Hugo_Symbol\tS1\tS1\nA\t1\t2\n", "duplicate_sample_ids", "line 1, column 3"),
            ("Hugo_Symbol\tEntrez_Gene_Id\nA\t1\n", "no_samples", "line 1"),
            ("nonsense\tS1\nA\t1\n", "missing_columns", "line 1, column 1"),
            ("Hugo_Symbol\tSample_Id\tValue\nA\tS1\t1\nA\tS1\t2\n", "repeated_values", "line 3"),
            ("Hugo_Symbol\tSample_Id\tValue\nA\tS1\tx\n", "not_a_number", "line 2, column 3"),
            ("Hugo_Symbol\tSample_Id\tValue\nA\t\t1\n", "missing_sample_id", "line 2, column 2"),
            ("Hugo_Symbol\tS1\nA\t1\nB\t1\t2\n", "ragged_row", "line 3, column 3"),
        ],
    )
    def test_faults(self, study, content, code, place):
        failed = only(study(data_x_txt=content))
        assert (failed.error.code, failed.error.place) == (code, place)
        assert failed.error.file == "a/data_x.txt" and failed.error.hint


class TestEvents:
    SV = (
        "Sample_Id\tSite1_Hugo_Symbol\tSite1_Chromosome\tSite1_Position\tSite2_Hugo_Symbol\t"
        "Site2_Entrez_Gene_Id\tTumor_Variant_Count\tClass\n"
    )
    SEG = "ID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean\n"

    def test_structural_variants_have_a_row_for_each_gene(self, study):
        found = study(
            data_sv_txt=self.SV + "S1\tEML4\t2\t42\tALK\t238\t9\tFUSION\nS2\tA\t1\t5\t\tNA\t\t\n"
        )
        names = ("sample_id", "record_index", "allele_index", "gene", "position", "alt_depth")
        assert [tuple(r[name] for name in names) for r in rows(only(found))] == [
            ("S1", 0, 1, "EML4", 42, 9),
            ("S1", 0, 2, "ALK", None, 9),
            ("S2", 1, 1, "A", 5, None),
        ]
        assert rows(only(found))[0]["consequence"] == "FUSION"
        assert only(found).data_type == "Structural variants"

    @pytest.mark.parametrize(
        ("row", "code", "place"),
        [("\tA\t1\t5\t\t\t\t", "missing_sample_id", "line 2, column 1"),
         ("S1\t\t\t\t\t\t\t", "bad_field", "line 2"),
         ("S1\tA\t1\tx\t\t\t\t", "bad_field", "line 2, column 4")],
    )  # fmt: skip
    def test_bad_structural_variants(self, study, row, code, place):
        error = only(study(data_sv_txt=self.SV + row + "\n")).error
        assert (error.code, error.place) == (code, place)

    def test_segments(self, given):
        (dataset,) = SegReader().read(given(self.SEG + "S1\t1\t0\t9\t3\t-0.9\n", "x.seg"))
        (row,) = rows(dataset)
        assert (row["chromosome"], row["position"], row["end_position"]) == ("1", 0, 9)
        assert json.loads(row["metadata"])["seg.mean"] == "-0.9"
        assert dataset.data_type == "Copy Number Variation" and dataset.dataset_id == "x"

    @pytest.mark.parametrize(
        ("content", "code", "place"),
        [
            (SEG + "S1\t1\t9\t0\t3\t1\n", "bad_field", "line 2, column 4"),
            (SEG + "S1\t1\tx\t0\t3\t1\n", "bad_field", "line 2, column 3"),
            (SEG + "S1\t1\t\t0\t3\t1\n", "bad_field", "line 2, column 3"),
            (SEG + "S1\t1\t1\t2\t-3\t1\n", "bad_field", "line 2, column 5"),
            (SEG + "S1\t1\t1\t2\t3\thigh\n", "bad_field", "line 2, column 6"),
            (SEG + "\t1\t1\t2\t3\t1\n", "missing_sample_id", "line 2, column 1"),
            (SEG + "S1\t1\t1\t2\n", "ragged_row", "line 2, column 4"),
            ("ID\tchrom\n", "missing_columns", "line 1"),
            ("", "empty_file", ""),
        ],
    )
    def test_bad_segments(self, given, content, code, place):
        with pytest.raises(BadInput) as caught:
            list(SegReader().read(given(content, "x.seg")))
        assert (caught.value.code, caught.value.place) == (code, place)

    @pytest.mark.parametrize(
        ("content", "code", "place"),
        [
            (SEG + "S1\t1\t1e+05\t2e5\t3\t-Inf\n", "rounded_position", "line 2, column 3"),
            (SEG, "no_variants", ""),
        ],
    )
    def test_doubtful_segments(self, given, content, code, place):
        (dataset,) = SegReader().read(given(content, "x.seg"))
        assert [(notice.code, notice.place) for notice in dataset.notices] == [(code, place)]
        positions = [row["position"] for table in dataset.variants for row in table.to_pylist()]
        assert positions == ([100000] if "S1" in content else [])

    @pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
    def test_segments_with_a_mark(self, given, codec):
        content = (self.SEG + "S1\t1\t1\t2\t3\t0.5\n").encode(codec)
        source = given("", "x.txt")
        source.path.write_bytes(content)
        assert SegReader().sniff("x.txt", content)
        (dataset,) = SegReader().read(source)
        assert dataset.samples["sample_id"].to_list() == ["S1"]


class TestClinical:
    @pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
    def test_a_table_with_a_mark(self, given, codec):
        content, source = SAMPLES.encode(codec), given("", "x.txt")
        source.path.write_bytes(content)
        assert reader_for("x.txt", content).name == "cbio_clinical"
        (dataset,) = ClinicalReader().read(source)
        assert dataset.samples["sample_id"].to_list() == ["S1", "S2"]

    def test_types_and_descriptions(self, given):
        (dataset,) = ClinicalReader().read(given(SAMPLES))
        assert dataset.samples.to_dicts() == [
            {"sample_id": "S1", "PATIENT_ID": "P1", "AGE": 61.0, "DONE": True},
            {"sample_id": "S2", "PATIENT_ID": "P2", "AGE": None, "DONE": None},
        ]
        assert dataset.metadata["attributes"]["AGE"] == "years old"
        assert codes(dataset) == ["no_matrix"]

    def test_patients(self, given):
        (dataset,) = ClinicalReader().read(given(PATIENTS))
        assert dataset.samples["sample_id"].to_list() == ["P1", "P3"]

    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (SAMPLES.removeprefix(DESCRIBED), "no_clinical_header"),
            (SAMPLES.replace("NUMBER", "FLOAT"), "odd_clinical_header"),
            (SAMPLES.replace("61", "old"), "value_of_other_type"),
        ],
    )
    def test_doubts(self, given, content, code):
        (dataset,) = ClinicalReader().read(given(content))
        assert codes(dataset) == [code, "no_matrix"]
        assert dataset.samples["AGE"].to_list()[0] in ("61", "old")

    @pytest.mark.parametrize(
        ("content", "code", "place"),
        [
            (SAMPLES.replace("S2", "S1"), "duplicate_sample_ids", "line 7, column 2"),
            (SAMPLES.replace("S2", ""), "missing_sample_id", "line 7, column 2"),
            (PATIENTS.replace("P3", "P1"), "duplicate_patient_ids", "line 7, column 1"),
            (SAMPLES + "P3\tS3\n", "ragged_row", "line 8, column 2"),
            ("A\tB\n1\t2\n", "missing_columns", "line 1"),
            (DESCRIBED, "no_rows", "line 4"),
            ("PATIENT_ID\tX\n", "no_rows", "line 1"),
        ],
    )
    def test_faults(self, given, content, code, place):
        assert refused(ClinicalReader(), given(content)) == (code, place)


BAD = {
    "data_clin_repeated_sample.txt": ("duplicate_sample_ids", "line 11, column 2", False),
    "data_clinical_sam_no_hdr.txt": ("no_clinical_header", "line 1", True),  # only types are lost
    "data_rppa_invalid_values.txt": ("not_a_number", "line 3, column 3", False),
    "data_seg_end_before_start.seg": ("bad_field", "line 11, column 4", False),
    "mutations__data_mutations_invalid_utf8.maf": ("not_utf8", "line 2", True),
    "mutations__data_mutations_missing_aa_change_column.maf": ("no_protein_change", "", True),
    "study_various_issues__brca_tcga_pub.maf": (
        "odd_variant_classification", "line 16, column 9", True
    ),
}  # fmt: skip
"""Code and place, and whether the file is accepted with this as a warning: all can be read."""


class TestRealFiles:
    def test_every_bad_file(self, real_data):
        folder = real_data / "formats" / "mutation" / "cbio_bad"
        assert {path.name for path in folder.iterdir()} == BAD.keys()
        for name, (code, place, accepted) in BAD.items():
            source = Source(folder / name, name)
            if accepted:
                (dataset,) = datasets(source)
                assert (code, place) in {(n.code, n.place) for n in dataset.notices}, name
                continue
            with pytest.raises(BadInput) as caught:
                list(datasets(source))
            assert (caught.value.code, caught.value.place) == (code, place)

    def test_a_study_is_equal_to_pandas(self, real_data):
        folder = real_data / "formats" / "mutation" / "cbio_study_es_0"
        names = [f"es/{path.name}" for path in folder.iterdir()]
        (group,) = group_sources(names)
        beside = {key: folder / key for key in group.sidecars}
        found = {
            d.dataset_id: d for d in datasets(Source(folder / "meta_study.txt", group.main, beside))
        }
        assert {name: d.data_type for name, d in found.items()} == {
            "study_es_0_mrna": "Transcriptomics",
            "study_es_0_mutations": "Mutations",
            "study_es_0_cna_discrete": "Copy Number Variation",
            "study_es_0_methylation_hm27": "Methylation",
            "study_es_0_structural_variants": "Structural variants",
            "study_es_0_treatment_ic50": "Drug response",
        }
        for name, file in (("mrna", "expression_median"), ("methylation_hm27", "methylation_hm27")):
            wanted = pd.read_csv(
                folder / f"data_{file}.txt", sep="\t", float_precision="round_trip"
            )
            dataset = found[f"study_es_0_{name}"]
            np.testing.assert_array_equal(dataset.matrices[0].values, wanted.iloc[:, 2:].to_numpy())
            assert dataset.samples["sample_id"].to_list() == list(wanted.columns[2:])
            assert dataset.features["feature_id"].to_list() == wanted["Hugo_Symbol"].tolist()
        long = pd.read_csv(folder / "data_cna_discrete.txt", sep="\t")
        wide = long.pivot_table(
            index="Hugo_Symbol", columns="Sample_Id", values="Value", sort=False
        )
        cna = found["study_es_0_cna_discrete"]
        wide = wide.loc[cna.features["feature_id"].to_list(), cna.samples["sample_id"].to_list()]
        np.testing.assert_array_equal(cna.matrices[0].values, wide.to_numpy())
        patients = pd.read_csv(folder / "data_clinical_patients.txt", sep="\t", comment="#")
        months = dict(
            zip(patients["PATIENT_ID"], pd.to_numeric(patients["OS_MONTHS"], "coerce"), strict=True)
        )
        samples = found["study_es_0_mrna"].samples
        expected = [months[patient] for patient in samples["PATIENT_ID"]]
        np.testing.assert_array_equal(samples["OS_MONTHS"].to_numpy(), expected)
        assert len(rows(found["study_es_0_structural_variants"])) == 96
        assert len(rows(found["study_es_0_mutations"])) == 36
