"""Folders in which several files describe one series: one dataset, and nothing lost."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Source
from polly_assets.ingest.formats.geo.united import united
from polly_assets.ingest.formats.grouping import beginnings_of, group_sources
from polly_assets.ingest.reading import datasets
from polly_resources.errors import BadInput


def matrix(*samples: str, rows: str = "", gpl: str = "GPL1", more: str = "") -> str:
    names = "".join(f'\t"{name}"' for name in samples)
    table = '"ID_REF"' + (names if rows else "") + "\n" + rows
    return (
        f'!Series_title\t"One"\n!Series_geo_accession\t"GSE1"\n{more}'
        f"!Sample_geo_accession{names}\n"
        f"!Sample_platform_id{f'{chr(9)}{gpl}' * len(samples)}\n"
        "!Sample_title" + "".join(f"\tt {name}" for name in samples) + "\n"
        f"!series_matrix_table_begin\n{table}!series_matrix_table_end\n"
    )


def soft(*samples: str, rows: str = "", gpl: str = "GPL1", title: str = "t", more: str = "") -> str:
    table = f"!sample_table_begin\nID_REF\tVALUE\n{rows}!sample_table_end\n" if rows else ""
    return f"^SERIES = GSE1\n!Series_title = One\n{more}" + "".join(
        f"^SAMPLE = {name}\n!Sample_title = {title} {name}\n!Sample_platform_id = {gpl}\n"
        f"!Sample_molecule_ch1 = total RNA\n{table}"
        for name in samples
    )


PLATFORM = (
    "^PLATFORM = GPL1\n!Platform_title = p\n!platform_table_begin\nID\tGene Symbol\nb\tMYC\n"
    "a\tTP53\n!platform_table_end\n"
)
MINIML = (
    '<MINiML><Platform iid="GPL1"><Title>p</Title></Platform>'
    '<Sample iid="GSM1"><Title>t GSM1</Title><Type>RNA</Type><Platform-Ref ref="GPL1"/></Sample>'
    '<Series iid="GSE1"><Title>One</Title><Summary>long</Summary></Series></MINiML>'
)
ROWS = "a\t1\t2\nb\t3\t4\n"


def read(folder: Path, files: dict[str, str]) -> list[ParsedDataset | FailedDataset]:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = text.encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    found = []
    for group in group_sources(sorted(files)):
        beside = {key: folder / name for key, name in group.sidecars.items()}
        found += datasets(Source(folder / group.main, group.main, beside))
    return found


def only(found: list[ParsedDataset | FailedDataset]) -> ParsedDataset:
    (dataset,) = found
    assert isinstance(dataset, ParsedDataset)
    return dataset


def values(dataset: ParsedDataset | FailedDataset) -> dict[str, list[object]]:
    """The values by sample, None where missing."""
    assert isinstance(dataset, ParsedDataset)
    (found,) = dataset.matrices
    array = np.vstack([np.asarray(block) for block in found.blocks(1)])
    assert (array.shape, str(array.dtype)) == (found.shape, found.dtype)
    return {
        name: [None if np.isnan(v) else v for v in array[:, i].tolist()]
        for i, name in enumerate(dataset.samples["sample_id"])
    }


def told(dataset: ParsedDataset) -> str:
    (notice,) = [each for each in dataset.notices if each.code == "files_united"]
    return notice.message


def test_the_values_of_a_series_matrix_and_what_a_family_says(tmp_path):
    files = {
        "GSE1_series_matrix.txt.gz": matrix("GSM1", "GSM2", rows=ROWS),
        "GSE1_family.soft.gz": PLATFORM + soft("GSM1", "GSM2", rows="a\t9\nb\t8\n"),
    }
    dataset = only(read(tmp_path, files))
    assert (dataset.dataset_id, dataset.format) == ("GSE1_GPL1", "geo_series_matrix")
    assert values(dataset) == {"GSM1": [1, 3], "GSM2": [2, 4]}
    assert dataset.samples["molecule_ch1"].to_list() == ["total RNA"] * 2
    assert dataset.features.to_dict(as_series=False) == {
        "feature_id": ["a", "b"],
        "Gene Symbol": ["TP53", "MYC"],
    }
    assert dataset.metadata["platform_title"] == "p"
    assert dataset.data_type == "Transcriptomics"
    assert told(dataset) == (
        "GSE1_family.soft.gz describes the same dataset as GSE1_series_matrix.txt.gz, and "
        "completes it; its values are set aside, as those of GSE1_series_matrix.txt.gz count"
    )


def test_the_values_of_the_only_file_that_has_any(tmp_path):
    files = {
        "GSE1_series_matrix.txt": matrix("GSM1", "GSM2", more="!Series_summary\tlong\n"),
        "GSE1_family.soft": soft("GSM1", "GSM2", rows="a\t9\n", title="u"),
    }
    dataset = only(read(tmp_path, files))
    assert (dataset.format, values(dataset)) == ("geo_soft", {"GSM1": [9], "GSM2": [9]})
    assert dataset.metadata["summary"] == "long"
    assert dataset.samples["title"].to_list() == ["u GSM1", "u GSM2"]
    assert told(dataset).endswith("; where they differ, GSE1_family.soft counts: title")
    assert "no_matrix" not in [notice.code for notice in dataset.notices]


def test_what_differs_in_form_only_agrees(tmp_path):
    more = '!Series_sample_id\t"GSM1 GSM2 "\n'
    own = "!Series_sample_id = GSM1\n!Series_sample_id = GSM2\n"
    files = {
        "GSE1_series_matrix.txt": matrix("GSM1", "GSM2", more=more),
        "GSE1_family.soft": soft("GSM1", "GSM2", more=own),
    }
    dataset = only(read(tmp_path, files))
    assert dataset.matrices == ()
    assert told(dataset).endswith("completes it")


def test_three_forms_of_one_series(tmp_path):
    files = {
        "GSE1_series_matrix.txt": matrix("GSM1", rows="a\t1\n"),
        "GSE1_family.soft": soft("GSM1", rows="a\t2\n"),
        "GSE1_family.xml": MINIML,
    }
    dataset = only(read(tmp_path, files))
    assert values(dataset) == {"GSM1": [1]}
    assert dataset.metadata["summary"] == "long"
    assert dataset.samples["type"].to_list() == ["RNA"]
    assert [n.code for n in dataset.notices] == ["files_united"] * 2


def test_a_brief_form_names_no_platform(tmp_path):
    brief = "".join(f'<Sample iid="GSM{i}"><Type>RNA</Type></Sample>' for i in (1, 2, 3))
    series = '<Series iid="GSE1"><Summary>s</Summary></Series>'
    files = {
        "GSE1-GPL1_series_matrix.txt": matrix("GSM1", rows="a\t1\n"),
        "GSE1-GPL2_series_matrix.txt": matrix("GSM2", rows="b\t2\n", gpl="GPL2"),
        "GSE1_family.xml": f"<MINiML>{brief}{series}</MINiML>",
    }
    first, second, third = read(tmp_path, files)
    assert (first.dataset_id, values(first)) == ("GSE1_GPL1", {"GSM1": [1]})
    assert (second.dataset_id, values(second)) == ("GSE1_GPL2", {"GSM2": [2]})
    for dataset in (first, second):
        assert isinstance(dataset, ParsedDataset)
        assert dataset.samples["type"].to_list() == ["RNA"]
        assert dataset.metadata["summary"] == "s"
    assert isinstance(third, ParsedDataset)
    assert (third.dataset_id, third.samples["sample_id"].to_list()) == ("GSE1", ["GSM3"])


def test_one_file_packed_and_unpacked(tmp_path):
    text = matrix("GSM1", "GSM2", rows=ROWS)
    names = ("GSE1_series_matrix.txt", "GSE1_series_matrix.txt.gz")
    dataset = only(read(tmp_path, dict.fromkeys(names, text)))
    assert values(dataset) == {"GSM1": [1, 3], "GSM2": [2, 4]}
    assert names[1] in told(dataset)


def test_a_matrix_of_one_platform_and_a_family_of_two(tmp_path):
    files = {
        "GSE1-GPL1_series_matrix.txt": matrix("GSM1", rows="a\t1\n"),
        "GSE1_family.soft": soft("GSM1", rows="a\t5\n") + soft("GSM3", gpl="GPL2", rows="z\t7\n"),
    }
    first, second = read(tmp_path, files)
    assert (first.dataset_id, values(first)) == ("GSE1_GPL1", {"GSM1": [1]})
    assert (second.dataset_id, values(second)) == ("GSE1_GPL2", {"GSM3": [7]})


def test_parts_of_one_table_are_joined(tmp_path):
    files = {
        "GSE1-GPL1-1_series_matrix.txt": matrix("GSM1", rows="a\t1\nb\t3\n"),
        "GSE1-GPL1-2_series_matrix.txt": matrix("GSM2", rows="a\t2\nb\t4\n"),
    }
    dataset = only(read(tmp_path, files))
    assert values(dataset) == {"GSM1": [1, 3], "GSM2": [2, 4]}
    assert dataset.samples["title"].to_list() == ["t GSM1", "t GSM2"]


def test_samples_that_only_one_file_has(tmp_path):
    """Without values they are missing, with values of other features they stand apart."""
    files = {
        "GSE1_series_matrix.txt": matrix("GSM1", rows="a\t1\n"),
        "GSE1_family.soft": soft("GSM1", "GSM2"),
    }
    dataset = only(read(tmp_path / "x", files))
    assert values(dataset) == {"GSM1": [1], "GSM2": [None]}
    assert ("samples_without_values", "GSM2") in [(n.code, n.place) for n in dataset.notices]
    files["GSE1_family.soft"] = soft("GSM1", "GSM2", rows="b\t7\n")
    first, second = read(tmp_path / "y", files)
    assert values(first) == {"GSM1": [1]}
    assert (second.dataset_id, values(second)) == ("GSE1_GPL1_others", {"GSM2": [7]})
    assert "features_disagree" in [n.code for n in second.notices]


def test_a_broken_file_fails_alone(tmp_path):
    good = matrix("GSM1", rows="a\t1\n")
    for name, text, code in (
        ("GSE1_family.soft", soft("GSM1", rows="a\tx\n"), "not_a_number"),
        ("GSE1_family.soft", "<html></html>", "not_geo"),
        ("GSE1_family.soft", "", "empty_file"),
        ("GSE1_family.xml", "<MINiML>", "bad_xml"),
        ("GSE1_family.soft", "gene\tS1\ta\t1\n", "unknown_format"),
        ("GSE1_family.txt", "gene\tS1\na\t1\n", "not_geo"),
    ):
        folder = tmp_path / code / name
        dataset, failed = read(folder, {"GSE1_series_matrix.txt": good, name: text})
        assert values(dataset) == {"GSM1": [1]}
        assert isinstance(failed, FailedDataset)
        assert (failed.error.code, failed.error.file) == (code, name)
        assert failed.dataset_id != dataset.dataset_id


def test_the_first_file_may_be_the_broken_one(tmp_path):
    files = {
        "d/GSE1_series_matrix.txt": matrix("GSM1", rows="a\tx\n"),
        "d/GSE1_family.soft": soft("GSM1", rows="a\t2\n"),
    }
    dataset, failed = read(tmp_path, files)
    assert values(dataset) == {"GSM1": [2]}
    assert isinstance(failed, FailedDataset)
    assert failed.error.file == "d/GSE1_series_matrix.txt"


def test_both_may_fail(tmp_path):
    files = {"GSE1_series_matrix.txt": "!Series_title\tx\n", "GSE1_family.soft": "^SERIES = x\n"}
    found = read(tmp_path, files)
    assert [item.error.code for item in found if isinstance(item, FailedDataset)] == [
        *("no_table", "no_samples")
    ]


def test_a_sidecar_describes_the_whole(tmp_path):
    files = {
        "GSE1_series_matrix.txt": matrix("GSM1", rows="a\t1\n"),
        "GSE1_family.soft": soft("GSM1", "GSM2", rows="a\t5\n"),
        "GSE1.json": '{"dataset_id": "mine"}',
        "GSE1_samples.csv": "sample,age\nGSM2,7\nGSM1,5\n",
    }
    dataset = only(read(tmp_path, files))
    assert (dataset.dataset_id, values(dataset)) == ("mine", {"GSM1": [1], "GSM2": [5]})
    assert dataset.samples["age"].to_list() == ["5", "7"]


def test_counts_of_a_series_that_several_files_describe(tmp_path):
    files = {
        "GSE1-GPL1_series_matrix.txt": matrix("GSM1"),
        "GSE1-GPL2_series_matrix.txt": matrix("GSM2", gpl="GPL2"),
        "GSE1_family.soft.gz": soft("GSM1") + soft("GSM2", gpl="GPL2"),
        "GSE1_counts.txt.gz": "gene\tt GSM2\tt GSM1\nTP53\t2\t1\n",
    }
    first, second = read(tmp_path, files)
    assert (first.dataset_id, values(first)) == ("GSE1_GPL1", {"GSM1": [1]})
    assert (second.dataset_id, values(second)) == ("GSE1_GPL2", {"GSM2": [2]})


def test_a_description_with_a_sidecar_of_its_own_stands_alone():
    names = ["GSE1-GPL1.json", "GSE1-GPL1_series_matrix.txt", "GSE1_family.soft"]
    groups = {group.main: dict(group.sidecars) for group in group_sources(names)}
    assert groups == {names[1]: {"json": names[0]}, names[2]: {}}


def test_events_of_one_file_find_the_others_of_its_series():
    for name in ("GDS1.soft", "GDS1_full.soft.gz"):
        assert beginnings_of(name) == {"GDS1", "GSM"}


def test_json_of_a_series_is_of_all_its_files():
    names = ["GSE1-GPL1_series_matrix.txt", "GSE1.json", "GSE1_family.soft"]
    (group,) = group_sources(names)
    series = {f"series.{names[2].lower()}": names[2]}
    assert (group.main, dict(group.sidecars)) == (names[0], {"json": names[1], **series})
    (group,) = group_sources(names[:2])
    assert (group.main, dict(group.sidecars)) == (names[0], {"json": names[1]})


def test_other_folders_and_series_stand_alone():
    names = ["a/GSE1_family.soft", "b/GSE11_family.soft", "b/GSE1_series_matrix.txt"]
    assert [(g.main, dict(g.sidecars)) for g in group_sources(names)] == [(n, {}) for n in names]


def test_a_file_that_is_none_of_its_name_hides_no_others(tmp_path):
    files = {
        "GSE1_series_matrix.txt": "gene\tS1\nTP53\t1\n",
        "GSE1_family.soft": soft("GSM1", rows="a\t5\n"),
    }
    with pytest.raises(BadInput) as caught:
        read(tmp_path, files)
    error = caught.value
    assert (error.code, error.file) == ("not_geo", "GSE1_series_matrix.txt")
    assert "GSE1_family.soft" in error.message
    assert error.hint


def test_counts_that_a_sheet_describes_are_of_the_series_all_the_same(tmp_path):
    files = {
        "GSE1_series_matrix.txt": matrix("GSM1", "GSM2"),
        "GSE1_counts.txt": "gene\tGSM1\tGSM2\nTP53\t1\t2\n",
        "GSE1_metadata.csv": "sample,age\nGSM1,5\nGSM2,7\n",
    }
    dataset = only(read(tmp_path, files))
    assert (dataset.dataset_id, values(dataset)) == ("GSE1_GPL1", {"GSM1": [1], "GSM2": [2]})
    assert dataset.samples["age"].to_list() == ["5", "7"]
    assert dataset.samples["title"].to_list() == ["t GSM1", "t GSM2"]


def test_count_files_beside_counts_of_all_tell_their_own_origin(tmp_path):
    files = {
        "GSE1_series_matrix.txt": matrix("GSM1"),
        "GSE1_counts.txt": "gene\tGSM1\nTP53\t1\n",
        "GSE1_RAW/GSM1.txt": "TP53\t3\nMYC\t4\n",
    }
    first, second = read(tmp_path, files)
    assert (values(first), values(second)) == ({"GSM1": [1]}, {"GSM1": [3, 4]})
    assert isinstance(second, ParsedDataset)
    assert [n.code for n in second.notices] == ["supplementary_matrix"]
    assert "files of its samples" in second.notices[0].message


def test_a_dataset_in_full_and_in_short(tmp_path):
    short = (
        "^DATASET = GDS1\n!dataset_title = T\n!dataset_platform = GPL1\n#GSM1 = Value for GSM1\n"
        "!dataset_table_begin\nID_REF\tIDENTIFIER\tGSM1\na\tTP53\t1\n!dataset_table_end\n"
    )
    full = short.replace("GSM1\na", "GSM1\tGene title\na").replace("\t1\n", "\t1\ttumor p53\n")
    dataset = only(read(tmp_path, {"GDS1.soft.gz": short, "GDS1_full.soft.gz": full}))
    assert (dataset.dataset_id, values(dataset)) == ("GDS1", {"GSM1": [1]})
    assert dataset.features.columns == ["feature_id", "IDENTIFIER", "Gene title"]
    assert told(dataset).startswith("GDS1.soft.gz describes the same dataset as GDS1_full.soft.gz")


SAMPLES = st.lists(st.sampled_from([f"GSM{i}" for i in range(5)]), unique=True, min_size=1)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(SAMPLES, st.sampled_from(["", "a\t1\n", "a\t1\nb\t2\n"])), max_size=4))
def test_no_sample_and_no_value_is_lost(tmp_path_factory, parts):
    """Whatever files say: each sample is there, with a value wherever any file has one."""
    folder = tmp_path_factory.mktemp("series")
    files = []
    for number, (samples, rows) in enumerate(parts):
        path = folder / f"{number}.soft"
        path.write_text(soft(*samples, rows=rows))
        files.append((path.name, [*datasets(Source(path, path.name))]))
    found = united(files)
    named = [name for d in found for name in d.samples["sample_id"].to_list()]
    assert len(named) == len(set(named)) == len({s for samples, _ in parts for s in samples})
    valued = {s for samples, rows in parts if rows for s in samples}
    for dataset in found:
        has = values(dataset) if dataset.matrices else {}
        for name in dataset.samples["sample_id"]:
            assert any(v is not None for v in has.get(name, ())) == (name in valued)
