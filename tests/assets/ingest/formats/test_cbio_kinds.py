"""cBioPortal: every kind of file that is documented is loaded, or kept and said so."""

from __future__ import annotations

import gzip

import pytest

from polly_assets.ingest.formats.base import FailedDataset, Source
from polly_assets.ingest.formats.cbio.clinical import ClinicalReader
from polly_assets.ingest.formats.cbio.study import StudyReader
from polly_resources.errors import BadInput

STUDY = "cancer_study_identifier: st\nname: A study\n"
MATRIX = "Hugo_Symbol\tEntrez_Gene_Id\tS1\tS2\nTP53\t7157\t1.5\tNA\nMYC\t4609\t-2\t3\n"
DISCRETE = MATRIX.replace("1.5", "-1.5")
MAF = (
    "Hugo_Symbol\tChromosome\tStart_Position\tVariant_Classification\tTumor_Sample_Barcode\t"
    "HGVSp_Short\nTP53\t17\t7\tSilent\tS1\tp.R1=\n"
)
FUSIONS = (
    "Hugo_Symbol\tEntrez_Gene_Id\tCenter\tTumor_Sample_Barcode\tFusion\tDNA_support\n"
    "ALK\t238\tc\tS1\tEML4-ALK\tyes\nEML4\t\tc\tS1\tEML4-ALK\tyes\n"
)
SV = "Sample_Id\tSV_Status\tSite1_Hugo_Symbol\tSite2_Hugo_Symbol\nS1\tSOMATIC\tEML4\tALK\n"
SEG = "ID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean\nS1\t1\t0\t9\t3\t-0.9\n"
PANEL = "SAMPLE_ID\tmutations\nS1\tIMPACT410\n"
GISTIC = "chromosome\tpeak_start\tpeak_end\tgenes_in_region\tamp\tcytoband\tq_value\n1\t5\t9\tA,B,\t1\t1q\t1e-9\n"  # noqa: E501
MUTSIG = "rank\tgene\tN\tn\tp\tq\n1\tRUNX1\t10\t2\t<1e-15\t<1e-12\n"
TIMELINE = "PATIENT_ID\tSTART_DATE\tSTOP_DATE\tEVENT_TYPE\nP1\t0\t\tSURGERY\nP1\t5\t9\tLAB_TEST\n"
RESOURCE = "PATIENT_ID\tSAMPLE_ID\tRESOURCE_ID\tURL\nP1\tS1\tR\thttps://a\nP1\tS1\tQ\thttps://b\n"
CLINICAL = "PATIENT_ID\tSAMPLE_ID\tAGE\nP1\tS1\t61\nP2\tS2\t\n"
DRIVERS = "SAMPLE_ID\tHugo_Symbol\tcbp_driver\nS1\tTP53\tPutative_Driver\n"


def meta(kind, datatype, data="data_x.txt", **more):
    said = {"cancer_study_identifier": "st", "genetic_alteration_type": kind, "datatype": datatype}
    said |= {"stable_id": "x", "data_filename": data, **more}
    return "".join(f"{key}: {value}\n" for key, value in said.items() if value)


@pytest.fixture
def study(tmp_path):
    def read(files):
        for name, content in {"meta_study.txt": STUDY, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        paths = [path for path in tmp_path.rglob("*") if path.is_file()]
        beside = {path.relative_to(tmp_path).as_posix(): path for path in paths}
        main = beside.pop("meta_study.txt")
        return list(StudyReader().read(Source(main, "a/meta_study.txt", beside)))

    return read


def rows(dataset):
    return [row for table in dataset.variants for row in table.to_pylist()]


def codes(dataset):
    return [notice.code for notice in dataset.notices]


class TestLoaded:
    @pytest.mark.parametrize(
        ("kind", "datatype", "content", "data_type", "count"),
        [("MRNA_EXPRESSION", "CONTINUOUS", MATRIX, "Transcriptomics", 2),
         ("MRNA_EXPRESSION", "Z-SCORE", MATRIX, "Transcriptomics", 2),
         ("COPY_NUMBER_ALTERATION", "DISCRETE", DISCRETE, "Copy Number Variation", 2),
         ("COPY_NUMBER_ALTERATION", "LOG2-VALUE", MATRIX, "Copy Number Variation", 2),
         ("COPY_NUMBER_ALTERATION", "CONTINUOUS",
          MATRIX.replace("Hugo_Symbol\tEntrez_Gene_Id", "Gene Symbol\tLocus ID"),
          "Copy Number Variation", 2),
         ("METHYLATION", "CONTINUOUS", MATRIX, "Methylation", 2),
         ("PROTEIN_LEVEL", "LOG2-VALUE", "Composite.Element.REF\tS1\nBRAF|B-Raf\t1.5\n",
          "Proteomics", 1),
         ("GENESET_SCORE", "GSVA-SCORE", "geneset_id\tS1\nA\t0.5\nB\tNA\n", "Gene set scores", 2),
         ("GENERIC_ASSAY", "LIMIT-VALUE", "ENTITY_STABLE_ID\tNAME\tS1\nD\td\t>8\n", "", 1)],
    )  # fmt: skip
    def test_matrices(self, study, kind, datatype, content, data_type, count):
        (dataset,) = study({"meta_x.txt": meta(kind, datatype), "data_x.txt": content})
        assert (dataset.dataset_id, dataset.data_type) == ("st_x", data_type)
        assert dataset.features.height == count and len(dataset.matrices) >= 1

    @pytest.mark.parametrize(
        ("kind", "datatype", "content", "found"),
        [("MUTATION_EXTENDED", "MAF", MAF, [("TP53", "Silent")]),
         ("STRUCTURAL_VARIANT", "SV", SV, [("EML4", None), ("ALK", None)]),
         ("FUSION", "FUSION", FUSIONS, [("ALK", "EML4-ALK"), ("EML4", "EML4-ALK")]),
         ("COPY_NUMBER_ALTERATION", "SEG", SEG, [(None, None)])],
    )  # fmt: skip
    @pytest.mark.parametrize("pack", [str.encode, lambda text: gzip.compress(text.encode())])
    def test_variants(self, study, kind, datatype, content, found, pack):
        name = "data_x.txt" if pack is str.encode else "data_x.txt.gz"
        (dataset,) = study({"meta_x.txt": meta(kind, datatype), name: pack(content)})
        assert [(row["gene"], row["consequence"]) for row in rows(dataset)] == found
        assert dataset.samples["sample_id"].to_list() == ["S1"]

    @pytest.mark.parametrize("content", [MAF, SV, FUSIONS, SEG, DISCRETE])
    def test_without_a_meta_file_columns_tell(self, study, content):
        (dataset,) = study({"data_x.txt": content})
        assert codes(dataset) == ["data_without_meta"] and dataset.dataset_id == "st_x"

    def test_discrete_copy_numbers_are_few(self, study):
        said = meta("COPY_NUMBER_ALTERATION", "DISCRETE")
        (dataset,) = study({"meta_x.txt": said, "data_x.txt": MATRIX})
        assert codes(dataset) == ["odd_copy_numbers"]
        assert "2 discrete" in dataset.notices[0].message
        assert "1.5 of TP53 in sample S1" in dataset.notices[0].message


class TestNotLoaded:
    @pytest.mark.parametrize(
        ("kind", "datatype", "content"),
        [("CANCER_TYPE", "CANCER_TYPE", "brca\tBreast\tHotPink\tBreast\n"),
         ("GENE_PANEL_MATRIX", "GENE_PANEL_MATRIX", PANEL),
         ("GISTIC_GENES_AMP", "Q-VALUE", GISTIC), ("GISTIC_GENES_DEL", "Q-VALUE", GISTIC),
         ("MUTSIG", "Q-VALUE", MUTSIG), ("CLINICAL", "TIMELINE", TIMELINE),
         ("CLINICAL", "TIMELINE", "PATIENT_ID\tSTART_DATE\nP1\t0\nP1\t1\n"),
         ("", "", RESOURCE),
         ("GENERIC_ASSAY", "CATEGORICAL", "ENTITY_STABLE_ID\tS1\nD\tlow\n"),
         ("GENERIC_ASSAY", "BINARY", "ENTITY_STABLE_ID\tS1\nD\tyes\n")],
    )  # fmt: skip
    def test_by_meta_file(self, study, kind, datatype, content):
        said = meta(kind, datatype, resource_type="" if kind else "SAMPLE")
        found = study({"meta_x.txt": said, "data_x.txt": content, "data_e.txt": MATRIX})
        (dataset,) = found
        (notice,) = (n for n in dataset.notices if n.code == "file_not_loaded")
        assert notice.message.startswith("data_x.txt") and "original" in notice.message

    @pytest.mark.parametrize("content", [PANEL, GISTIC, MUTSIG, TIMELINE, RESOURCE, DRIVERS])
    def test_by_columns(self, study, content):
        (dataset,) = study({"data_x.txt": content, "data_e.txt": MATRIX})
        assert codes(dataset) == ["file_not_loaded", "data_without_meta"]

    def test_files_that_meta_files_name_beside_their_data(self, study):
        said = meta("COPY_NUMBER_ALTERATION", "DISCRETE", pd_annotations_filename="data_pd.txt")
        files = {
            "meta_x.txt": said,
            "data_x.txt": DISCRETE.replace("3", "2"),
            "data_pd.txt": DRIVERS,
        }
        (dataset,) = study(files)
        assert codes(dataset) == ["file_not_loaded"]


class TestFaults:
    @pytest.mark.parametrize(
        ("files", "code", "file", "place"),
        [({"meta_x.txt": meta("MUTATION_EXTENDED", "MAF"), "data_x.txt": "Hugo_Symbol\tS1\nA\t1\n"},
          "missing_columns", "data_x.txt", "line 1"),
         ({"meta_x.txt": meta("STRUCTURAL_VARIANT", "SV"), "data_x.txt": "Site1_Gene\tS\nA\t1\n"},
          "missing_columns", "data_x.txt", "line 1"),
         ({"meta_x.txt": meta("MRNA_EXPRESSION", "Z-SCORE", "nowhere.txt")},
          "missing_data_file", "meta_x.txt", "line 5"),
         ({"meta_x.txt": meta("MRNA_EXPRESSION", "Z-SCORE", "../data_x.txt")},
          "missing_data_file", "meta_x.txt", "line 5"),
         ({"meta_x.txt": meta("MRNA_EXPRESSION", "Z-SCORE").replace(": st", ": other"),
           "data_x.txt": MATRIX}, "bad_meta_file", "meta_x.txt", "line 1"),
         ({"data_x.txt": MATRIX + MATRIX}, "not_a_number", "data_x.txt", "line 4, column 3"),
         ({"data_x.txt": MAF + MAF}, "header_repeated", "data_x.txt", "line 3"),
         ({"data_mutations.txt": MAF, "case_lists/c.txt": "stable_id: o_sequenced\n"},
          "bad_meta_file", "case_lists/c.txt", "line 1")],
    )  # fmt: skip
    def test_one_error_with_its_file(self, study, files, code, file, place):
        (failed,) = study(files)
        assert isinstance(failed, FailedDataset)
        error = failed.error
        assert (error.code, error.file, error.place) == (code, f"a/{file}", place)
        assert error.hint and "expected" in error.message

    def test_two_profiles_of_one_name(self, study):
        files = {"meta_a.txt": meta("METHYLATION", "CONTINUOUS", "data_a.txt"),
                 "meta_b.txt": meta("MRNA_EXPRESSION", "CONTINUOUS", "data_b.txt"),
                 "data_a.txt": MATRIX, "data_b.txt": MATRIX}  # fmt: skip
        good, failed = study(files)
        assert good.data_type == "Methylation"
        assert (failed.error.code, failed.error.file) == ("bad_meta_file", "a/meta_b.txt")
        assert "a/meta_a.txt" in failed.error.message

    @pytest.mark.parametrize(
        ("content", "code", "place"),
        [(CLINICAL.replace("S2", "S 2"), "odd_clinical_id", "line 3, column 2"),
         (CLINICAL.replace("AGE", "Age"), "odd_clinical_header", "line 1, column 3"),
         (CLINICAL.replace("P1", "", 1), "odd_clinical_id", "line 2, column 1"),
         (CLINICAL.replace("PATIENT_ID", "OTHER_ID"), "odd_clinical_header", "line 1"),
         (CLINICAL.replace("AGE", "PATIENT_ID"), "odd_clinical_header", "line 1, column 3"),
         (CLINICAL.replace("AGE", "MUTATION_COUNT"), "odd_clinical_header", "line 1, column 3"),
         ("#a\tb\n#a\tb\tc\n#STRING\tSTRING\tNUMBER\n#1\t1\t1\n" + CLINICAL,
          "odd_clinical_header", "line 1")],
    )  # fmt: skip
    def test_doubts_of_clinical_tables(self, tmp_path, content, code, place):
        path = tmp_path / "data_clinical_sample.txt"
        path.write_text(content)
        (dataset,) = ClinicalReader().read(Source(path, path.name))
        assert (code, place) in {(n.code, n.place) for n in dataset.notices}
        assert dataset.samples.height == 2

    @pytest.mark.parametrize(
        ("datatype", "content", "code", "place"),
        [("SAMPLE_ATTRIBUTES", "PATIENT_ID\tAGE\nP1\t61\n", "missing_columns", "line 1"),
         ("PATIENT_ATTRIBUTES", "SAMPLE_ID\tAGE\nS1\t61\n", "missing_columns", "line 1"),
         ("SAMPLE_ATTRIBUTES", CLINICAL.replace("AGE", "SAMPLE_ID"),
          "duplicate_columns", "line 1")],
    )  # fmt: skip
    def test_clinical_tables_that_are_not_what_their_meta_file_says(
        self, study, datatype, content, code, place
    ):
        files = {"meta_c.txt": meta("CLINICAL", datatype, "data_c.txt"), "data_c.txt": content}
        with pytest.raises(BadInput) as caught:
            study(files)
        error = caught.value
        assert (error.code, error.file, error.place) == (code, "a/data_c.txt", place)

    @pytest.mark.parametrize(
        ("kind", "content", "code", "word"),
        [("FOO_BAR", MATRIX, "odd_meta_file", "'FOO_BAR'"),
         ("", MATRIX, "odd_meta_file", "not given"),
         ("METHYLATION", MATRIX.replace("7157", "p53"), "odd_gene_number", "'p53'")],
    )  # fmt: skip
    def test_doubts_of_profiles(self, study, kind, content, code, word):
        (dataset,) = study({"meta_x.txt": meta(kind, "CONTINUOUS"), "data_x.txt": content})
        assert codes(dataset) == [code]
        assert word in dataset.notices[0].message
        assert dataset.matrices[0].shape == (2, 2)
