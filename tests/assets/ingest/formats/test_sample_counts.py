"""Files that count one sample each: kinds, names, what they become together."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polly_assets.ingest.formats.base import FailedDataset, Matrix, ParsedDataset, Source
from polly_assets.ingest.formats.counts.kinds import kind_of
from polly_assets.ingest.formats.counts.names import around, named
from polly_assets.ingest.formats.grouping import beginnings_of, group_sources
from polly_assets.ingest.formats.registry import reader_for
from polly_assets.ingest.manifests import described
from polly_assets.ingest.reading import datasets
from polly_resources.errors import BadInput

HTSEQ = "TP53\t{0}\nMYC\t1{0}\nABC1\t0\n__no_feature\t7{0}\n__ambiguous\t3\n"
STAR = (
    "N_unmapped\t5\t5\t5\nN_multimapping\t6\t6\t6\nN_noFeature\t7\t8\t9\nN_ambiguous\t1\t0\t2\n"
    "ENSG01\t{0}\t1\t2\nENSG02\t0\t3\t4\n"
)
RSEM = (
    "gene_id\ttranscript_id(s)\tlength\teffective_length\texpected_count\tTPM\tFPKM\n"
    "g1\tt1,t2\t{0}.00\t80.5\t10.00\t1.5\t2.5\ng2\tt3\t50.00\t30.0\t{0}.25\t0.5\t0.25\n"
)
SALMON = (
    "Name\tLength\tEffectiveLength\tTPM\tNumReads\n"
    "t1\t100\t80.5\t1.5\t{0}.000\nt2\t200\t150.25\t2.5\t3.125\n"
)
KALLISTO = "target_id\tlength\teff_length\test_counts\ttpm\nt1\t100\t80\t{0}\t1.5\nt2\t9\t8\t4\t2\n"
FEATURE_COUNTS = (
    '# Program:featureCounts v2.0.1; Command:"featureCounts" "-a" "x.gtf"\n'
    "Geneid\tChr\tStart\tEnd\tStrand\tLength\tout/s{0}.bam\n"
    "g1\t1;1\t10;40\t20;50\t+;+\t22\t{0}\ng2\tX\t5\t9\t-\t5\t0\n"
)
GDC = (
    "# gene-model: GENCODE v36\n"
    "gene_id\tgene_name\tgene_type\tunstranded\tstranded_first\tstranded_second\ttpm_unstranded"
    "\tfpkm_unstranded\tfpkm_uq_unstranded\n"
    "N_unmapped\t\t\t9\t9\t9\t\t\t\nN_multimapping\t\t\t8\t8\t8\t\t\t\n"
    "N_noFeature\t\t\t7\t6\t5\t\t\t\nN_ambiguous\t\t\t1\t2\t3\t\t\t\n"
    "ENSG01.1\tTSPAN6\tprotein_coding\t{0}\t1\t2\t0.5\t0.25\t0.125\n"
    "ENSG02.5\tTNMD\tprotein_coding\t0\t1\t1\t0\t0\t0\n"
)
SERIES = (
    '!Series_title\t"One"\n!Series_geo_accession\t"GSE1"\n'
    '!Sample_title\t"liver #1"\t"liver #2"\t"brain #1"\n'
    '!Sample_geo_accession\t"GSM1"\t"GSM2"\t"GSM3"\n'
    '!Sample_platform_id\t"GPL1"\t"GPL1"\t"GPL1"\n'
    '!series_matrix_table_begin\n"ID_REF"\n!series_matrix_table_end\n'
)


def write(folder: Path, files: dict[str, str | bytes]) -> list[Source]:
    """The files on disk, as the sources that they make."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return [
        Source(folder / group.main, group.main, {k: folder / n for k, n in group.sidecars.items()})
        for group in group_sources(sorted(files))
    ]


def read(folder: Path, files: dict[str, str | bytes]) -> list[ParsedDataset | FailedDataset]:
    return [item for source in write(folder, files) for item in datasets(source)]


def only(found: list[ParsedDataset | FailedDataset]) -> ParsedDataset:
    (dataset,) = found
    assert isinstance(dataset, ParsedDataset)
    return dataset


def array(matrix: Matrix) -> np.ndarray:
    found = np.vstack([np.asarray(block) for block in matrix.blocks(1)])
    assert (str(found.dtype), found.shape) == (matrix.dtype, matrix.shape)
    return found


def layers(dataset: ParsedDataset) -> dict[str, list[list[float]]]:
    return {matrix.name: array(matrix).tolist() for matrix in dataset.matrices}


def column(dataset: ParsedDataset, name: str) -> list[object]:
    return dataset.samples[name].to_list()


def codes(dataset: ParsedDataset) -> list[str]:
    return [notice.code for notice in dataset.notices]


def gsm(text: str, count: int = 3, name: str = "GSM{0}_s{0}.txt.gz") -> dict[str, str | bytes]:
    return {name.format(i): text.format(i) for i in range(1, count + 1)}


def test_htseq_files_of_a_folder_are_one_dataset(tmp_path):
    files = {f"GSE1_RAW/{name}": text for name, text in gsm(HTSEQ).items()}
    dataset = only(read(tmp_path, files))
    assert (dataset.dataset_id, dataset.format) == ("GSE1", "count_files")
    tables = [
        pd.read_csv(io.StringIO(str(text)), sep="\t", header=None, index_col=0)[1]
        for text in files.values()
    ]
    expected = pd.concat(tables, axis=1)
    features = expected[~expected.index.str.startswith("__")]
    assert dataset.features["feature_id"].to_list() == features.index.to_list()
    assert array(dataset.matrices[0]).tolist() == features.to_numpy().tolist()
    assert dataset.matrices[0].dtype == "int64"
    assert column(dataset, "sample_id") == ["GSM1", "GSM2", "GSM3"]
    assert column(dataset, "__no_feature") == expected.loc["__no_feature"].to_list()
    assert column(dataset, "file") == ["GSM1_s1.txt.gz", "GSM2_s2.txt.gz", "GSM3_s3.txt.gz"]
    assert column(dataset, "name") == ["s1", "s2", "s3"]
    assert dataset.data_type == "Bulk transcriptomics"
    assert codes(dataset) == []


def test_star_has_its_strands_as_layers_and_its_totals_as_metadata(tmp_path):
    dataset = only(read(tmp_path, gsm(STAR, 2, "c/S{0}_ReadsPerGene.out.tab")))
    assert dataset.dataset_id == "c_star"
    assert column(dataset, "sample_id") == ["S1", "S2"]
    assert layers(dataset) == {
        "X": [[1, 2], [0, 0]],
        "layers/stranded_first": [[1, 1], [3, 3]],
        "layers/stranded_second": [[2, 2], [4, 4]],
    }
    assert {matrix.dtype for matrix in dataset.matrices} == {"int64"}
    assert column(dataset, "N_noFeature") == [7, 7]
    assert column(dataset, "N_noFeature.stranded_second") == [9, 9]
    assert dataset.features["feature_id"].to_list() == ["ENSG01", "ENSG02"]


def test_rsem_lengths_that_differ_are_a_layer(tmp_path):
    dataset = only(read(tmp_path, gsm(RSEM, 2, "S{0}.genes.results")))
    assert layers(dataset) == {
        "X": [[10, 10], [1.25, 2.25]],
        "layers/TPM": [[1.5, 1.5], [0.5, 0.5]],
        "layers/FPKM": [[2.5, 2.5], [0.25, 0.25]],
        "layers/effective_length": [[80.5, 80.5], [30, 30]],
        "layers/length": [[1, 2], [50, 50]],
    }
    assert dataset.features.columns == ["feature_id", "transcript_id(s)"]
    assert dataset.dataset_id == "S1_and_others"


@pytest.mark.parametrize(
    ("text", "name", "program", "x", "more"),
    [
        (SALMON, "S{0}_quant.sf", "salmon", [[1, 2], [3.125, 3.125]], ["TPM", "EffectiveLength"]),
        (KALLISTO, "S{0}_abundance.tsv.gz", "kallisto", [[1, 2], [4, 4]], ["tpm", "eff_length"]),
    ],
)
def test_lengths_that_agree_describe_features(tmp_path, text, name, program, x, more):
    dataset = only(read(tmp_path, gsm(text, 2, name)))
    frame = pd.read_csv(io.StringIO(text.format(1)), sep="\t", index_col=0)
    length = next(c for c in frame.columns if c.lower() == "length")
    assert dataset.metadata["program"] == program
    assert dataset.features.to_dict(as_series=False) == {
        "feature_id": frame.index.to_list(),
        length: frame[length].to_list(),
    }
    found = layers(dataset)
    assert found["X"] == x
    assert [*found] == ["X", *(f"layers/{each}" for each in more)]
    for each in more:
        assert [row[0] for row in found[f"layers/{each}"]] == frame[each].to_list()


def test_feature_counts_keep_annotation_program_and_column(tmp_path):
    dataset = only(read(tmp_path, gsm(FEATURE_COUNTS)))
    assert layers(dataset) == {"X": [[1, 2, 3], [0, 0, 0]]}
    assert dataset.features["Start"].to_list() == ["10;40", "5"]
    assert dataset.features["Length"].to_list() == [22, 5]
    assert column(dataset, "column") == ["out/s1.bam", "out/s2.bam", "out/s3.bam"]
    assert dataset.metadata["comments"][0].startswith("# Program:featureCounts v2.0.1")
    assert dataset.metadata["program"] == "featurecounts"


def test_counts_of_gdc(tmp_path):
    name = "case{0}.rna_seq.augmented_star_gene_counts.tsv"
    dataset = only(read(tmp_path, gsm(GDC, 2, name)))
    assert column(dataset, "sample_id") == ["case1", "case2"]
    assert layers(dataset)["X"] == [[1, 2], [0, 0]]
    types = {matrix.name: matrix.dtype for matrix in dataset.matrices}
    assert (types["X"], types["layers/tpm_unstranded"]) == ("int64", "float64")
    assert dataset.features["gene_name"].to_list() == ["TSPAN6", "TNMD"]
    assert column(dataset, "N_unmapped") == [9, 9]
    assert "N_unmapped.tpm_unstranded" not in dataset.samples.columns


@pytest.mark.parametrize(
    ("name", "text", "sample", "dataset_id"),
    [
        ("GSM7_ctrl.txt", HTSEQ, "GSM7", "GSM7_ctrl"),
        ("GSM7.counts.tsv", "gene\tctrl\nA\t1\nB\t2\n", "GSM7", "GSM7_counts"),
        ("ctrl.counts", HTSEQ, "ctrl", "ctrl"),
        ("ctrl1.txt", HTSEQ, "ctrl1", "ctrl1"),
        ("a/b/quant.sf", SALMON, "b", "b"),
        ("a/run3/abundance.tsv", KALLISTO, "run3", "run3"),
        ("x.tsv", SALMON, "x", "x"),
        ("x.txt", STAR, "x", "x"),
        ("counts.txt", FEATURE_COUNTS, "counts", "counts"),
        ("u.htseq.counts.gz", HTSEQ, "u", "u"),
    ],
)
def test_one_file_alone_is_a_dataset_of_one_sample(tmp_path, name, text, sample, dataset_id):
    dataset = only(read(tmp_path, {name: text.format(4)}))
    assert (dataset.dataset_id, column(dataset, "sample_id")) == (dataset_id, [sample])
    assert dataset.matrices[0].shape[1] == 1


@pytest.mark.parametrize(
    "text",
    [
        "gene,S1\nTP53,1\nMYC,2\n",
        "S1\t1\nS2\t2\nS3\t3\n",
        "gene\tS1\tS2\nTP53\t1\t2\n",
        "1\t2\n3\t4\n",
        "chr1\t100\t200\nchr2\t5\t9\n",
        "",
    ],
)
def test_what_only_a_name_would_tell_is_no_kind(text):
    assert kind_of(text.encode()) is None


def test_a_union_of_features_in_the_order_of_the_first_file(tmp_path):
    files = {"GSM1_a.txt": "A\t1\nB\t2\nC\t3\n", "GSM2_b.txt": "C\t4\nD\t5\nA\t6\n"}
    dataset = only(read(tmp_path, files))
    frames = [
        pd.read_csv(io.StringIO(t), sep="\t", header=None, index_col=0) for t in files.values()
    ]
    expected = pd.concat(frames, axis=1)
    assert dataset.features["feature_id"].to_list() == expected.index.to_list()
    np.testing.assert_array_equal(array(dataset.matrices[0]), expected.to_numpy())
    assert dataset.matrices[0].dtype == "float64"
    (notice,) = dataset.notices
    assert notice.code == "features_differ"
    assert "2 of 2 files lack some of the 4 features" in notice.message


def test_repeated_ids_are_matched_by_their_order(tmp_path):
    files = {"GSM1.txt": "A\t1\nA\t2\nB\t3\n", "GSM2.txt": "B\t6\nA\t4\nA\t5\n"}
    dataset = only(read(tmp_path, files))
    assert dataset.features["feature_id"].to_list() == ["A", "A", "B"]
    assert layers(dataset) == {"X": [[1, 4], [2, 5], [3, 6]]}
    assert codes(dataset) == ["duplicate_feature_ids"]


def test_files_of_other_features_are_a_dataset_of_their_own(tmp_path):
    files = gsm("TP53\t1\nMYC\t2\n", 2) | {"GSM9_m.txt": "Trp53\t1\nMyc\t2\n"}
    first, second = read(tmp_path, files)
    assert isinstance(first, ParsedDataset)
    assert isinstance(second, ParsedDataset)
    assert (first.dataset_id, second.dataset_id) == ("GSM1_and_others_1", "GSM1_and_others_2")
    assert column(second, "sample_id") == ["GSM9"]
    assert codes(first) == codes(second) == ["features_disagree"]


def test_two_kinds_in_a_folder_are_two_datasets(tmp_path):
    files = {
        f"GSE5/{name}": text
        for name, text in (gsm(HTSEQ, 2) | {"GSM8.tsv": SALMON.format(1)}).items()
    }
    first, second = read(tmp_path, files)
    assert {first.dataset_id, second.dataset_id} == {"GSE5_htseq", "GSE5_salmon"}
    assert all(
        isinstance(d, ParsedDataset) and "several_kinds" in codes(d) for d in (first, second)
    )


def test_files_that_describe_features_otherwise(tmp_path):
    first, second = "gene\tdescription\tn\nA\tx\t1\nB\ty\t2\n", "gene\tn\nA\t3\nC\t4\n"
    third = "gene\ttype\tn\nA\tq\t5\nD\tz\t6\n"
    dataset = only(read(tmp_path, {"GSM1.txt": first, "GSM2.txt": second, "GSM3.txt": third}))
    assert dataset.features.rows() == [
        ("A", "x", None),
        ("B", "y", None),
        ("C", None, None),
        ("D", None, "z"),
    ]
    assert codes(dataset) == ["features_differ", "descriptions_differ"]
    assert column(dataset, "column") == ["n", "n", "n"]


def test_lengths_in_some_files_only_are_another_kind(tmp_path):
    files = {"GSM1.txt": "gene\tlength\tn\nA\t9\t1\n", "GSM2.txt": "gene\tn\nA\t3\n"}
    found = {item.dataset_id: item for item in read(tmp_path, files)}
    assert set(found) == {"GSM1_and_others_table_length", "GSM1_and_others_table"}
    assert all(isinstance(item, ParsedDataset) for item in found.values())


def test_measures_of_one_sample_are_told_by_their_names(tmp_path):
    files = gsm(HTSEQ, 2, "GSM{0}_s.counts.txt") | gsm("TP53\t{0}.5\n", 2, "GSM{0}_s.fpkm.txt")
    found = {item.dataset_id: item for item in read(tmp_path, files)}
    assert set(found) == {"GSM1_and_others_htseq_counts", "GSM1_and_others_htseq_fpkm"}
    assert all(column(d, "sample_id") == ["GSM1", "GSM2"] for d in found.values())


def test_two_files_of_one_accession_are_called_by_their_names(tmp_path):
    dataset = only(
        read(tmp_path, {"GSM1_a.txt": "A\t1\n", "GSM1_b.txt": "A\t2\n", "GSM2.txt": "A\t3\n"})
    )
    assert column(dataset, "sample_id") == ["GSM1_a", "GSM1_b", "GSM2"]
    assert codes(dataset) == ["several_files_per_sample"]


def test_numbers_in_names_order_the_samples(tmp_path):
    dataset = only(read(tmp_path, gsm("A\t{0}\n", 11)))
    assert column(dataset, "sample_id") == [f"GSM{i}" for i in range(1, 12)]
    assert layers(dataset)["X"] == [[*range(1, 12)]]


def test_a_matrix_among_the_files_is_read_by_its_own_reader(tmp_path):
    files = gsm(HTSEQ, 2) | {"GSM5_cells.csv": "gene,c1,c2\nTP53,1,2\nMYC,3,4\n"}
    counts, cells = read(tmp_path, files)
    assert (counts.dataset_id, cells.dataset_id) == ("GSM1_and_others", "GSM5_cells")
    assert isinstance(cells, ParsedDataset)
    assert cells.format == "csv"


def test_a_matrix_that_comes_first_hides_no_files(tmp_path):
    files = {"GSM0_cells.csv": "gene,c1,c2\nTP53,1,2\nMYC,3,4\n", **gsm(HTSEQ, 2)}
    assert {item.dataset_id for item in read(tmp_path, files)} == {"GSM0_cells", "GSM1_and_others"}


def test_a_series_matrix_describes_the_files_of_its_archive(tmp_path):
    files: dict[str, str | bytes] = {"a/GSE1_series_matrix.txt.gz": SERIES}
    files |= {f"a/GSE1_RAW/{name}": text for name, text in gsm(HTSEQ).items()}
    dataset = only(read(tmp_path, files))
    assert (dataset.dataset_id, dataset.format) == ("GSE1_GPL1", "geo_series_matrix")
    assert column(dataset, "title") == ["liver #1", "liver #2", "brain #1"]
    assert column(dataset, "__no_feature") == [71, 72, 73]
    assert column(dataset, "file") == [f"GSM{i}_s{i}.txt.gz" for i in (1, 2, 3)]
    assert layers(dataset) == {"X": [[1, 2, 3], [11, 12, 13], [0, 0, 0]]}
    assert dataset.metadata["title"] == "One"


def test_layers_and_beside_in_one_folder(tmp_path):
    files = {"GSE1_series_matrix.txt": SERIES, **gsm(STAR, 3, "GSM{0}.ReadsPerGene.out.tab.gz")}
    dataset = only(read(tmp_path, files))
    assert [*layers(dataset)] == ["X", "layers/stranded_first", "layers/stranded_second"]
    assert column(dataset, "N_ambiguous.stranded_second") == [2, 2, 2]


def test_samples_without_a_file_are_missing(tmp_path):
    dataset = only(read(tmp_path, {"GSE1_series_matrix.txt": SERIES, **gsm(HTSEQ, 2)}))
    assert dataset.matrices[0].dtype == "float64"
    assert np.isnan(array(dataset.matrices[0])[:, 2]).all()
    assert column(dataset, "file")[2] is None
    assert "samples_without_values" in codes(dataset)


def test_files_of_samples_that_the_series_has_not(tmp_path):
    found = read(tmp_path, {"GSE1_series_matrix.txt": SERIES, **gsm(HTSEQ, 5)})
    series, others = found
    assert isinstance(series, ParsedDataset)
    assert isinstance(others, ParsedDataset)
    assert layers(series)["X"][0] == [1, 2, 3]
    assert column(others, "sample_id") == ["GSM4", "GSM5"]
    assert layers(others)["X"][0] == [4, 5]
    assert "samples_not_matched" in codes(others)
    assert series.dataset_id != others.dataset_id


def test_two_kinds_beside_a_series_are_told_apart(tmp_path):
    files = {"GSE1_series_matrix.txt": SERIES, **gsm(HTSEQ, 2), "GSM3.tsv": SALMON.format(1)}
    found = read(tmp_path, files)
    assert all(isinstance(item, ParsedDataset) for item in found)
    with_values = [d for d in found if isinstance(d, ParsedDataset) and d.matrices]
    assert len({d.dataset_id for d in found}) == len(found)
    assert sorted(column(d, "sample_id") for d in with_values) == [["GSM1", "GSM2"], ["GSM3"]]
    assert sorted(column(d, "title")[0] for d in with_values) == ["brain #1", "liver #1"]


def test_a_series_with_values_keeps_them(tmp_path):
    table = '"ID_REF"\t"GSM1"\t"GSM2"\t"GSM3"\n"a"\t1\t2\t3\n'
    series = SERIES.replace('"ID_REF"\n', table)
    first, second = read(tmp_path, {"GSE1_series_matrix.txt": series, **gsm(HTSEQ)})
    assert isinstance(first, ParsedDataset)
    assert isinstance(second, ParsedDataset)
    assert layers(first) == {"X": [[1, 2, 3]]}
    assert layers(second)["X"][0] == [1, 2, 3]
    assert column(second, "title") == ["liver #1", "liver #2", "brain #1"]
    assert first.dataset_id != second.dataset_id


SOFT = (
    "^SERIES = GSE1\n!Series_title = One\n^PLATFORM = GPL1\n!Platform_title = p\n"
    "^SAMPLE = GSM1\n!Sample_title = liver\n!Sample_platform_id = GPL1\n"
    "^SAMPLE = GSM2\n!Sample_title = brain\n!Sample_platform_id = GPL1\n"
)
MINIML = (
    '<MINiML xmlns="http://www.ncbi.nlm.nih.gov/geo/info/MINiML" version="0.5.0">'
    '<Platform iid="GPL1"><Title>p</Title></Platform>'
    '<Sample iid="GSM1"><Title>liver</Title><Platform-Ref ref="GPL1"/></Sample>'
    '<Sample iid="GSM2"><Title>brain</Title><Platform-Ref ref="GPL1"/></Sample>'
    '<Series iid="GSE1"><Title>One</Title><Sample-Ref ref="GSM1"/><Sample-Ref ref="GSM2"/></Series>'
    "</MINiML>"
)


@pytest.mark.parametrize(
    ("name", "text"), [("GSE1_family.soft.gz", SOFT), ("GSE1_family.xml", MINIML)]
)
def test_families_describe_count_files(tmp_path, name, text):
    files = {name: text, **{f"GSE1_RAW/{n}": t for n, t in gsm(HTSEQ, 2).items()}}
    dataset = only(read(tmp_path, files))
    assert dataset.dataset_id == "GSE1_GPL1"
    assert column(dataset, "title") == ["liver", "brain"]
    assert layers(dataset)["X"] == [[1, 2], [11, 12], [0, 0]]


def test_sidecars_of_the_first_file_describe_all(tmp_path):
    files: dict[str, str | bytes] = {f"d/{name}": text for name, text in gsm(HTSEQ, 2).items()}
    files["d/GSM1_s1.json"] = '{"dataset_id": "D7", "title": "t", "samples": {"GSM2": {"age": 3}}}'
    dataset = only(read(tmp_path, files))
    assert (dataset.dataset_id, dataset.metadata["title"]) == ("D7", "t")
    assert column(dataset, "age") == [None, 3]


@pytest.mark.parametrize("name", ["metadata.csv", "samples.csv", "GSE4_metadata.csv"])
def test_a_table_of_samples_in_their_folder_describes_them(tmp_path, name):
    files = {f"GSE4_RAW/{each}": text for each, text in gsm(HTSEQ, 2).items()}
    files[f"GSE4_RAW/{name}"] = "sample_id,age\nGSM2,7\nGSM1,5\n"
    dataset = only(read(tmp_path, files))
    assert (dataset.dataset_id, column(dataset, "age")) == ("GSE4", ["5", "7"])


def follow(folder: Path, ids: list[str]) -> list[ParsedDataset | FailedDataset]:
    """What becomes of three files that a manifest gives these dataset ids."""
    texts = gsm(HTSEQ, 3)
    write(folder, texts)
    files = {name: folder / name for name in texts}
    manifest = folder / "manifest.csv"
    rows = "".join(f"{name},{one},t\n" for name, one in zip(files, ids, strict=True))
    manifest.write_text(f"file,dataset_id,title\n{rows}")
    made = folder / "made"
    made.mkdir()
    found = described({**files, "manifest.csv": manifest}, "manifest.csv", made)
    sources = [
        Source(found[g.main], g.main, {key: found[name] for key, name in g.sidecars.items()})
        for g in group_sources(sorted(found))
    ]
    return [item for source in sources for item in datasets(source)]


def test_a_manifest_names_the_dataset_of_several_files(tmp_path):
    dataset = only(follow(tmp_path, ["D9", "D9", "D9"]))
    assert (dataset.dataset_id, dataset.metadata["title"]) == ("D9", "t")
    assert column(dataset, "sample_id") == ["GSM1", "GSM2", "GSM3"]


def test_a_manifest_may_make_each_file_a_dataset(tmp_path):
    found = follow(tmp_path, ["D1", "D2", "D3"])
    assert [item.dataset_id for item in found] == ["D1", "D2", "D3"]
    assert all(isinstance(item, ParsedDataset) and item.samples.height == 1 for item in found)


def test_files_with_sidecars_of_their_own_stand_alone():
    names = ["GSM1.txt", "GSM2.txt", "GSM2.json", "GSM3.txt"]
    groups = {group.main: group.sidecars for group in group_sources(names)}
    assert groups == {
        "GSM1.txt": {"counts.gsm3.txt": "GSM3.txt"},
        "GSM2.txt": {"json": "GSM2.json"},
    }


def test_several_series_in_a_folder_own_no_files():
    names = ["GSE1_series_matrix.txt", "GSE2_series_matrix.txt", "GSM1.txt", "GSM2.txt"]
    assert [group.main for group in group_sources(names)] == [*names[:2], "GSM1.txt"]


def test_the_folder_names_the_series():
    names = ["GSE1_series_matrix.txt", "GSE2_series_matrix.txt", "GSE2_RAW/GSM1.txt"]
    groups = {group.main: dict(group.sidecars) for group in group_sources(names)}
    assert groups[names[1]] == {"counts.gsm1.txt": "GSE2_RAW/GSM1.txt"}
    assert groups[names[0]] == {}


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("TP53\t1\nMYC\t2\nABC1\tx\n" * 400, "not_a_number", "line 3"),
        ("TP53\t1\nMYC\t2\n" * 400 + "ABC1\t3\t4\n", "ragged_row", "line 801"),
        ("__no_feature\t1\n__ambiguous\t2\n", "no_rows", "line 1"),
        (b"\x1f\x8b\x08\0\0", "corrupt_gzip", ""),
        ("", "empty_file", ""),
    ],
)
def test_a_fault_in_one_file_is_the_datasets_one_error(tmp_path, text, code, place):
    good = "TP53\t1\nMYC\t2\nABC1\t3\n" * 400
    bad = text if isinstance(text, bytes) else text.replace("ABC1\tx", "ABC1\t1", 0)
    if code == "not_a_number":
        bad = (
            good.replace("ABC1\t3", "ABC1\tx", 1) if len(good) < 4096 else good[:4800] + "ABC1\tx\n"
        )
    (source,) = write(tmp_path, {"GSM1_a.txt": good, "GSM2_b.txt": bad, "GSM3_c.txt": good})
    found: list[BadInput] = []
    try:
        for item in datasets(source):
            if isinstance(item, FailedDataset):
                assert isinstance(item.error, BadInput)
                found.append(item.error)
    except BadInput as error:
        found.append(error)
    (error,) = found
    assert error.code == code
    assert error.file.endswith("GSM2_b.txt")
    if place and code != "not_a_number":
        assert (error.place or "").startswith(place)


@pytest.mark.parametrize("good", [HTSEQ.format(1), STAR.format(1)])
@pytest.mark.parametrize(
    ("bad", "code"), [("ENSG05\tx\tx\tx\n", "not_a_number"), ("ENSG05\n", "ragged_row")]
)
def test_a_fault_in_the_first_lines_leaves_a_file_of_its_kind(tmp_path, good, bad, code):
    width = good.splitlines()[0].count("\t") + 1
    bad = "\t".join(bad.rstrip("\n").split("\t")[:width]) + "\n"
    name = "_ReadsPerGene.out.tab" if good.startswith("N_") else "_a.txt"
    with pytest.raises(BadInput) as caught:
        list(read(tmp_path, {f"GSM1{name}": good, f"GSM2{name}": good + bad}))
    assert (caught.value.code, caught.value.file) == (code, f"GSM2{name}")
    assert caught.value.place.startswith("line 6" if width == 2 else "line 7")


def test_a_file_that_is_not_what_its_name_says(tmp_path):
    with pytest.raises(BadInput) as caught:
        list(read(tmp_path, {"s_quant.sf": "<html><body>not found</body></html>\n"}))
    assert caught.value.code == "unsupported_format"


@pytest.mark.parametrize(
    "data",
    [
        "\ufeffTP53\t1\r\nMYC\t2\r\n".encode(),
        "TP53\t1\nMYC\t2\n".encode("utf-16"),
        b'"TP53"\t"1"\n"MYC"\t"2"\n\n',
        b"TP53,1\nMYC,2\n",
        b"TP53 1\nMYC 2",
        b"gene\tcount\nTP53\t1\nMYC\t2\n",
        b"x\nTP53\t1\nMYC\t2\n".replace(b"x", b"GSM1"),
    ],
)
def test_spellings(tmp_path, data):
    dataset = only(read(tmp_path, {"GSM1_x.txt": data}))
    assert dataset.features["feature_id"].to_list() == ["TP53", "MYC"]
    assert layers(dataset) == {"X": [[1], [2]]}


def test_names_around_a_file_and_beginnings():
    assert beginnings_of("a/GSE1_RAW/GSM1_x.txt.gz") == {""}
    assert around("a/GSE1_RAW/GSM1_x.txt.gz") == ("a/", "GSE1")
    assert around("GSE1_RAW/GSM1_x.txt.gz") == ("", "GSE1")
    assert around("a/b/GSM1_x.txt.gz") is None
    assert named("GSM1_s_barcodes.tsv.gz") is None
    assert named("GSM1-tbl-1.txt") is None
    assert reader_for("GSM1_x.txt", b"A\t1\n").name == "count_files"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from("ABCDEFGH"), st.integers(0, 2**53 - 1), min_size=5),
        min_size=1,
        max_size=5,
    )
)
def test_any_counts_are_as_pandas_joins_them(tmp_path_factory, samples):
    folder = tmp_path_factory.mktemp("counts")
    texts = ["".join(f"{g}\t{n}\n" for g, n in each.items()) for each in samples]
    files = {f"GSM{i}.txt": text for i, text in enumerate(texts)}
    found = [d for d in read(folder, files) if isinstance(d, ParsedDataset)]
    for dataset in found:
        own = [int(name[3:]) for name in column(dataset, "sample_id")]
        expected = pd.concat([pd.Series(samples[i], dtype="float64") for i in own], axis=1)
        assert dataset.features["feature_id"].to_list() == expected.index.to_list()
        np.testing.assert_array_equal(array(dataset.matrices[0]), expected.to_numpy())
    assert sum(d.samples.height for d in found) == len(samples)


def test_text_that_is_called_a_spreadsheet_counts_a_sample(tmp_path):
    sheet = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(8)
    counts: dict[str, str | bytes] = gsm("A\t{0}\nB\t2\n", 2, "GSM{0}_s{0}.xls.gz")
    found = read(tmp_path, {**counts, "GSM9_qc.xls": sheet})
    (dataset,) = (item for item in found if isinstance(item, ParsedDataset))
    (failed,) = (item for item in found if isinstance(item, FailedDataset))
    assert column(dataset, "sample_id") == ["GSM1", "GSM2"]
    assert failed.error.code == "unsupported_format"
