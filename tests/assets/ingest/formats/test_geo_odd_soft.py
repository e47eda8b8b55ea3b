"""Odd and broken SOFT files: as GEOparse where it has an answer, else a rule or one error."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path

import numpy as np
import pytest

from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Source
from polly_assets.ingest.formats.geo.soft import SoftFamilyReader
from polly_assets.ingest.formats.registry import reader_for
from polly_resources.errors import BadInput

NAME = "GSE1_family.soft"
DATABASE = "^DATABASE = GeoMiame\n!Database_name = Gene Expression Omnibus (GEO)\n"
SERIES = (
    "^SERIES = GSE1\n!Series_title = One\n!Series_geo_accession = GSE1\n"
    "!Series_sample_id = GSM1\n!Series_sample_id = GSM2\n"
)
PLATFORM = (
    "^PLATFORM = GPL1\n!Platform_title = p\n!Platform_organism = Homo sapiens\n"
    "!Platform_data_row_count = 3\n#ID = probe\n#Symbol = gene\n"
    "!platform_table_begin\nID\tSymbol\na\tTP53\nb\tMYC\nc\t\n!platform_table_end\n"
)


def sample(name: str = "GSM1", *rows: str, head: str = "ID_REF\tVALUE", more: str = "") -> str:
    body = "".join(f"{row}\n" for row in (head, *rows) if row)
    columns = "".join(f"#{name} = words\n" for name in head.replace('"', "").split("\t") if name)
    platform = "" if "!Sample_platform_id" in more else "!Sample_platform_id = GPL1\n"
    return (
        f"^SAMPLE = {name}\n!Sample_title = title of {name}\n!Sample_geo_accession = {name}\n"
        f"{platform}{more}{columns}"
        f"!sample_table_begin\n{body}!sample_table_end\n"
    )


def read(folder: Path, text: str | bytes) -> list[ParsedDataset | FailedDataset]:
    path = folder / "landed"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(SoftFamilyReader().read(Source(path, NAME)))


def only(folder: Path, text: str | bytes) -> ParsedDataset:
    (found,) = read(folder, text)
    assert isinstance(found, ParsedDataset)
    return found


def values(dataset: ParsedDataset) -> list[list[float | None]]:
    array = np.vstack([np.asarray(block) for block in dataset.matrices[0].blocks()])
    return [[None if np.isnan(v) else float(v) for v in row] for row in array]


def codes(dataset: ParsedDataset) -> list[str]:
    return [notice.code for notice in dataset.notices]


ROWS = ("a\t1.5", "b\t2")
TWO = sample("GSM1", *ROWS) + sample("GSM2", "a\t3", "b\t-4e-3")

GEOPARSE = {
    "plain": SERIES + PLATFORM + TWO,
    "bom": "\ufeff" + SERIES + PLATFORM + TWO,
    "windows line ends": (SERIES + PLATFORM + TWO).replace("\n", "\r\n"),
    "quoted header and cells": SERIES
    + PLATFORM
    + sample("GSM1", '"a"\t"1.5"', '"b"\t2', head='"ID_REF"\t"VALUE"'),
    "scientific": SERIES + PLATFORM + sample("GSM1", "a\t1E+05", "b\t-2.5e-310", "c\t.5"),
    "null, NA and nothing": SERIES + PLATFORM + sample("GSM1", "a\tnull", "b\tNA", "c\t"),
    "all missing": SERIES + PLATFORM + sample("GSM1", "a\tnull", "b\tnull"),
    "infinite": SERIES + PLATFORM + sample("GSM1", "a\tinf", "b\t-inf"),
    "further columns": SERIES
    + PLATFORM
    + sample("GSM1", "a\t1\tP\t0.01", head="ID_REF\tVALUE\tABS_CALL\tDETECTION P-VALUE"),
    "columns in another order": SERIES
    + PLATFORM
    + sample("GSM1", "P\t7\ta", head="ABS_CALL\tVALUE\tID_REF"),
    "ids of numbers": SERIES + sample("GSM1", "0010\t1", "1e5\t2", "3.0\t4"),
    "samples of other probes": SERIES + PLATFORM + sample("GSM1", "a\t1") + sample("GSM2", "c\t2"),
    "probes that the platform lacks": SERIES + PLATFORM + sample("GSM1", "z\t1", "a\t2"),
    "counts": SERIES + sample("GSM1", "g1\t12", "g2\t0", more="!Sample_type = SRA\n"),
    "colons and equals in values": SERIES
    + PLATFORM
    + sample(
        "GSM1",
        *ROWS,
        more="!Sample_description = a = b: c = d\n"
        "!Sample_characteristics_ch1 = time: 12:30 = noon\n",
    ),
    "repeated and empty attributes": SERIES
    + "!Series_summary = one\n!Series_summary = \n!Series_summary = two\n"
    + PLATFORM
    + TWO,
    "tabs and quotes in values": SERIES
    + PLATFORM
    + sample("GSM1", *ROWS, more='!Sample_description = a\tb "c"\n'),
    "two channels": SERIES
    + PLATFORM
    + sample(
        "GSM1",
        *ROWS,
        more="!Sample_channel_count = 2\n!Sample_source_name_ch1 = liver\n"
        "!Sample_organism_ch1 = Mus musculus\n!Sample_label_ch1 = Cy3\n"
        "!Sample_characteristics_ch1 = tissue: liver\n!Sample_source_name_ch2 = pool\n"
        "!Sample_organism_ch2 = Mus musculus\n!Sample_label_ch2 = Cy5\n"
        "!Sample_characteristics_ch2 = pool of all\n!Sample_molecule_ch2 = total RNA\n",
    ),
    "relations, contacts and files": SERIES
    + "!Series_relation = SuperSeries of: GSE2\n!Series_pubmed_id = 1\n!Series_pubmed_id = 2\n"
    "!Series_contact_name = A,,B\n!Series_contact_zip/postal_code = 1\n"
    + PLATFORM
    + sample(
        "GSM1",
        *ROWS,
        more="!Sample_relation = BioSample: https://x/SAMN1\n!Sample_relation = SRA: https://x\n"
        "!Sample_supplementary_file_1 = ftp://x/a.gz\n!Sample_submission_date = Jan 1 2010\n",
    ),
    "a table without rows": SERIES + PLATFORM + sample("GSM1") + sample("GSM2", *ROWS),
    "no table": SERIES + PLATFORM + sample().partition("#ID_REF")[0] + sample("GSM2", *ROWS),
    "blank lines between entities": f"\n{SERIES}\n{PLATFORM}\n\n{TWO}\n\n",
    "no line end at the end": (SERIES + PLATFORM + TWO).rstrip("\n"),
    "letters beyond ASCII": SERIES + PLATFORM + sample("GSM1", "µ_at\t1", more="!Sample_x = ñ\n"),
}


@pytest.mark.parametrize("text", GEOPARSE.values(), ids=GEOPARSE.keys())
def test_odd_files_agree_with_geoparse(tmp_path, text):
    geoparse = pytest.importorskip("GEOparse")
    ours = only(tmp_path, text)
    path = tmp_path / NAME
    path.write_text(text.removeprefix("\ufeff").replace("\r\n", "\n"), encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = geoparse.get_GEO(filepath=str(path), silent=True)
    array = values(ours) if ours.matrices else []
    rows = dict(zip(ours.features["feature_id"], array, strict=True))
    assert ours.samples["sample_id"].to_list() == list(peer.gsms)
    for place, sample in enumerate(ours.samples.iter_rows(named=True)):
        gsm = peer.gsms[sample["sample_id"]]
        table = path.read_text().split(f"^SAMPLE = {gsm.name}\n")[1].split("^SAMPLE")[0]
        lines = [line for line in table.split("table_begin\n")[-1].split("\n") if "\t" in line]
        ids = [line.split("\t") for line in lines[1:]] if "table_begin" in table else []
        key = list(gsm.table.columns).index("ID_REF") if len(gsm.table) else 0
        expected = dict(
            zip((cells[key].strip('"') for cells in ids), gsm.table.get("VALUE", ()), strict=True)
        )
        assert {k: v[place] for k, v in rows.items() if v[place] is not None} == {
            k: float(v) for k, v in expected.items() if not np.isnan(float(v))
        }
        assert set(expected) <= set(rows)
        for name, raw in gsm.metadata.items():
            found = sample[name] if isinstance(sample[name], list) else [sample[name]]
            assert [v for v in found if v] == [v for v in raw if v]
    for name, raw in peer.metadata.items():
        found = ours.metadata[name]
        assert [v or "" for v in (found if isinstance(found, list) else [found])] == raw


RULES = {
    "an error of a spreadsheet is missing": (
        sample("GSM1", "a\t#DIV/0!", "b\t#num!", "c\t1"),
        [[None], [None], [1]],
        ["spreadsheet_errors"],
    ),
    "missing in any case": (
        sample("GSM1", "a\tNa", "b\t NULL ", "c\tn/A"),
        [[None], [None], [None]],
        [],
    ),
    "empty cells beyond the last column": (
        sample("GSM1", "a\t1\t", "b\t2\t\t", "c\t3"),
        [[1], [2], [3]],
        [],
    ),
    "a header that ends in a tab": (
        sample("GSM1", "a\t1\t", "b\t2\t", head="ID_REF\tVALUE\t"),
        [[1], [2]],
        [],
    ),
    "padded ids": (sample("GSM1", " a \t1", "b\t2"), [[1], [2]], []),
    "the first of two value columns": (
        sample("GSM1", "a\t1\t2", head="ID_REF\tVALUE\tVALUE"),
        [[1]],
        ["columns_not_loaded"],
    ),
    "a repeated id": (sample("GSM1", "a\t1", "a\t2"), [[1]], ["duplicate_id_ref"]),
    "tags of SAGE": (
        sample("GSM1", "b\t3\t10", "a\t5\t20", head="TAG\tCOUNT\tTPM")
        + sample("GSM2", "a\t7", head="Tag\tTag_count"),
        [[5, 7], [3, None]],
        ["columns_not_loaded"],
    ),
    "raw counts without VALUE": (
        sample("GSM1", "a\t7", head="ID_REF\tRAW_COUNT"),
        None,
        ["no_value_column", "columns_not_loaded"],
    ),
    "data_row_count of 0": (
        sample("GSM1", more="!Sample_data_row_count = 0\n"),
        None,
        ["no_matrix"],
    ),
    "an unknown entity": (
        "^FOO = bar\n!Foo_x = 1\n!foo_table_begin\nID\n^1\n!foo_table_end\n"
        + sample("GSM1", *ROWS),
        [[1.5], [2]],
        ["unknown_entity"],
    ),
    "a platform given twice": (
        PLATFORM.replace("TP53", "other") + sample("GSM1", *ROWS),
        [[1.5], [2]],
        ["duplicate_entity"],
    ),
    "a line without equals continues a value": (
        sample("GSM1", *ROWS, more="!Sample_description = first\nsecond: x\n"),
        [[1.5], [2]],
        [],
    ),
}


@pytest.mark.parametrize(("text", "expected", "told"), RULES.values(), ids=RULES.keys())
def test_rules(tmp_path, text, expected, told):
    series = SERIES.partition("!Series_sample_id")[0]
    dataset = only(tmp_path, series + PLATFORM + text)
    assert (values(dataset) if dataset.matrices else None) == expected
    assert codes(dataset) == told
    if expected:
        assert dataset.features["Symbol"][0] == "TP53"


FAULTS = {
    "decimal commas": (sample("GSM1", "a\t1,5"), "not_a_number", "line 14, column 2"),
    "thousands": (sample("GSM1", "a\t1,500.5"), "not_a_number", "line 14, column 2"),
    "a dash": (sample("GSM1", "a\t1", "b\t-"), "not_a_number", "line 15, column 2"),
    "hexadecimal": (sample("GSM1", "a\t0x10"), "not_a_number", "line 14, column 2"),
    "a short row": (
        sample("GSM1", "a\t1\tP", "b\t2", head="ID_REF\tVALUE\tABS_CALL"),
        "ragged_row",
        "line 16, column 3",
    ),
    "a row that is too long": (sample("GSM1", "a\t1\tx"), "ragged_row", "line 14, column 3"),
    "no ID_REF": (sample("GSM1", "a\t1", head="PROBE\tVALUE"), "no_id_column", "line 13"),
    "a value without id": (sample("GSM1", " \t1"), "empty_feature_id", "line 14, column 1"),
    "a cut table": (sample("GSM1", *ROWS)[:-20], "truncated_table", "line 15"),
    "a table cut before the next sample": (
        sample("GSM1", *ROWS).replace("!sample_table_end\n", "") + sample("GSM2", *ROWS),
        "truncated_table",
        "line 15",
    ),
    "a table begun twice": (
        sample("GSM1", *ROWS).replace("a\t1.5\n", "a\t1.5\n!sample_table_begin\n"),
        "truncated_table",
        "line 15",
    ),
    "a table that nothing begins": (
        sample("GSM1", *ROWS) + sample("GSM2", *ROWS).replace("!sample_table_begin\n", ""),
        "no_table_begin",
        "line 23",
    ),
    "a table that nothing begins or ends": (
        sample("GSM1", *ROWS)
        .replace("!sample_table_begin\n", "")
        .replace("!sample_table_end\n", ""),
        "no_table_begin",
        "line 12",
    ),
    "an end alone": (
        sample("GSM1", "", head="").replace("!sample_table_begin\n", ""),
        "no_table_begin",
        "line 10",
    ),
    "a table of a platform that nothing begins": (
        PLATFORM.replace("!platform_table_begin\n", "") + sample("GSM1", *ROWS),
        "no_table_begin",
        "line 12",
    ),
    "spaces for tabs": (
        sample("GSM1", *ROWS).replace("\t", "    "),
        "no_id_column",
        "line 13",
    ),
    "lines behind a table": (sample("GSM1", *ROWS) + "garbage\n", "missing_entity", "line 17"),
    "an attribute of another entity": (
        sample("GSM1", *ROWS, more="!Series_title = x\n"),
        "missing_entity",
        "line 10",
    ),
    "text right below an entity": (
        sample("GSM1", *ROWS).replace("GSM1\n", "GSM1\nsome text\n", 1),
        "unexpected_line",
        "line 7",
    ),
    "a sample without name": (sample("", *ROWS), "no_sample_id", "line 6"),
    "a sample given twice": (sample("GSM1", *ROWS) * 2, "duplicate_sample", "line 17"),
    "two platforms of a sample": (
        sample("GSM1", *ROWS, more="!Sample_platform_id = GPL1\n!Sample_platform_id = GPL2\n"),
        "no_platform",
        "line 6",
    ),
    "no sample": ("", "no_samples", "line 5"),
    "a platform without ID": (
        PLATFORM.replace("ID\tSymbol\n", "PROBE\tSymbol\n") + sample("GSM1", *ROWS),
        "no_id_column",
        "line 13",
    ),
    "a ragged platform": (
        PLATFORM.replace("b\tMYC", "b") + sample("GSM1", *ROWS),
        "ragged_row",
        "line 15, column 2",
    ),
}


@pytest.mark.parametrize(("text", "code", "place"), FAULTS.values(), ids=FAULTS.keys())
def test_faults(tmp_path, text, code, place):
    with pytest.raises(BadInput) as caught:
        read(tmp_path, SERIES + text)
    error = caught.value
    assert (error.code, error.place, error.file) == (code, place, NAME)
    assert error.hint


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (gzip.compress(b""), "empty_file"),
        (b"\n\n", "missing_entity"),
        (b"<!DOCTYPE html>\n<html><body>Error</body></html>\n", "not_geo"),
        (b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>", "not_geo"),
        (gzip.compress((SERIES + TWO * 300).encode(), mtime=0)[:-100], "corrupt_gzip"),
        ((SERIES + TWO).encode().replace(b"1.5", b"1\0005"), "binary_content"),
        (DATABASE.encode(), "no_samples"),
        (b"^Annotation\n!Annotation_date = x\n" + PLATFORM.encode(), "no_samples"),
        (b"junk\n" + (SERIES + TWO).encode(), "missing_entity"),
    ],
)
def test_a_file_that_is_no_family(tmp_path, data, code):
    path = tmp_path / "landed"
    path.write_bytes(data)
    head = gzip.decompress(data) if data.startswith(b"\x1f") and code == "empty_file" else data
    if not data.startswith((b"\x1f", b"junk", b"\n")):
        assert reader_for(NAME, head[:4096]).name == "geo_soft"
    with pytest.raises(BadInput) as caught:
        read(tmp_path, data)
    assert caught.value.code == code
    assert caught.value.hint


def test_utf_16_is_read(tmp_path):
    data = (SERIES + PLATFORM + TWO).encode("utf-16")
    assert reader_for(NAME, data[:400]).name == "geo_soft"
    dataset = only(tmp_path, data)
    assert values(dataset) == [[1.5, 3], [2, -0.004]]
    assert codes(dataset) == ["not_utf8"]


def test_only_lines_that_are_no_utf_8_are_latin_1(tmp_path):
    text = (SERIES + PLATFORM + TWO).replace("One", "Münster")
    data = text.encode() + sample("GSM3", "a\t1", more="!Sample_x = 5 µl\n").encode("latin-1")
    dataset = only(tmp_path, data)
    assert dataset.metadata["title"] == "Münster"
    assert dataset.samples["x"].to_list() == [None, None, "5 µl"]
    (notice,) = dataset.notices
    assert (notice.code, notice.place) == ("not_utf8", "line 44")


def test_characteristics_of_any_shape(tmp_path):
    more = "".join(
        f"!Sample_characteristics_ch1 = {text}\n"
        for text in ("Sex: F", "sex: M", "age: ", "healthy", "dose: 1", "dose: 2", "a: b: c")
    )
    (row,) = only(tmp_path, SERIES + PLATFORM + sample("GSM1", *ROWS, more=more)).samples.to_dicts()
    found = {k.partition(".")[2]: v for k, v in row.items() if k.startswith("characteristics_ch1.")}
    assert found == {
        "Sex": "F", "sex": "M", "age": None, "dose": ["1", "2"], "a": "b: c",
    }  # fmt: skip
    assert "healthy" in row["characteristics_ch1"]


def test_a_fault_of_one_platform_leaves_the_others(tmp_path):
    second = sample("GSM2", "a\tx", more="!Sample_platform_id = GPL2\n")
    third = sample("GSM3", "q\t3", "a\t4", more="!Sample_platform_id = GPL3\n")
    first, failed, last = read(tmp_path, SERIES + PLATFORM + sample("GSM1", *ROWS) + second + third)
    assert isinstance(first, ParsedDataset)
    assert isinstance(last, ParsedDataset)
    assert isinstance(failed, FailedDataset)
    assert (values(first), values(last)) == ([[1.5], [2]], [[3], [4]])
    assert last.features["feature_id"].to_list() == ["q", "a"]
    assert (failed.dataset_id, failed.error.code) == ("GSE1_GPL2", "not_a_number")


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (("!Sample_title = title of GSM2\n", "garbage = x\n"), "unexpected_line"),
        (("!Sample_geo_accession = GSM2\n", "!Series_x = GSM2\n"), "missing_entity"),
        (("GSM2\n!Sample_platform_id = GPL1\n", "GSM2\n"), "no_platform"),
    ],
)
def test_a_sample_of_unknown_platform_leaves_no_dataset_without_it(tmp_path, damage, code):
    text = PLATFORM + sample("GSM1", *ROWS) + sample("GSM2", *ROWS).replace(*damage)
    with pytest.raises(BadInput) as caught:
        read(tmp_path, SERIES + text)
    assert caught.value.code == code
    found = read(
        tmp_path, SERIES + text + sample("GSM3", *ROWS, more="!Sample_platform_id = GPL2\n")
    )
    assert [(d.dataset_id, d.error.code) for d in found if isinstance(d, FailedDataset)] == [
        *(("GSE1_GPL1", code), ("GSE1_GPL2", code))
    ]
    assert len(found) == 2


def test_many_orders_of_rows_make_one_matrix(tmp_path):
    rng = np.random.default_rng(7)
    ids = [f"g{i}" for i in range(200)]
    expected = np.full((200, 12), np.nan)
    text = SERIES.partition("!Series_sample_id")[0]
    for place in range(12):
        rows = []
        for i in rng.permutation(200)[: rng.integers(1, 200)]:
            expected[i, place] = rng.normal()
            rows.append(f"{ids[i]}\t{expected[i, place]!r}".replace("np.float64(", "").strip(")"))
        text += sample(f"GSM{place}", *rows)
    dataset = only(tmp_path, text)
    order = [ids.index(name) for name in dataset.features["feature_id"]]
    for size in (1, 7, 64, 500):
        blocks = [np.asarray(block) for block in dataset.matrices[0].blocks(size)]
        assert [len(block) for block in blocks[:-1]] == [size] * (len(blocks) - 1)
        np.testing.assert_array_equal(np.vstack(blocks), expected[order])


def test_strips_smaller_than_the_matrix_give_the_same(tmp_path, monkeypatch):
    text = (
        SERIES + PLATFORM + sample("GSM1", "a\t1", "b\t2", "c\t3") + sample("GSM2", "c\t4", "a\t5")
    )
    dataset = only(tmp_path, text)
    whole = np.vstack([np.asarray(block) for block in dataset.matrices[0].blocks()])
    monkeypatch.setattr("polly_assets.ingest.formats.geo.values.STRIP_BYTES", 1)
    strips = [np.asarray(block) for block in dataset.matrices[0].blocks(1)]
    assert len(strips) == 3
    np.testing.assert_array_equal(np.vstack(strips), whole)


def test_a_file_in_many_pieces_is_read_as_in_one(tmp_path, monkeypatch):
    text = SERIES + PLATFORM + TWO
    whole = only(tmp_path, text)
    for size in (1, 7, 64):
        monkeypatch.setattr("polly_assets.ingest.formats.geo.stream.PIECE_BYTES", size)
        dataset = only(tmp_path, text)
        assert values(dataset) == values(whole)
        assert dataset.samples.equals(whole.samples)
        with pytest.raises(BadInput) as caught:
            read(tmp_path, text.replace("-4e-3", "bad"))
        assert caught.value.place == "line 38, column 2"


@pytest.mark.parametrize(
    ("limit", "code", "place"),
    [
        ("geo.entities.MAX_METADATA_BYTES", "metadata_too_large", "line 18"),
        ("geo.entities.MAX_ATTRIBUTE_BYTES", "section_too_long", "line 2"),
        ("geo.table.MAX_COLUMNS", "too_many_columns", "line 26"),
    ],
)
def test_what_would_fill_the_memory_is_refused(tmp_path, monkeypatch, limit, code, place):
    sizes = {"MAX_METADATA_BYTES": 10_000, "MAX_ATTRIBUTE_BYTES": 40, "MAX_COLUMNS": 2}
    name = limit.rpartition(".")[2]
    monkeypatch.setattr(f"polly_assets.ingest.formats.{limit}", sizes[name])
    wide = sample("GSM1", "a\t1\tP", head="ID_REF\tVALUE\tCALL")
    with pytest.raises(BadInput) as caught:
        read(tmp_path, SERIES + PLATFORM + wide)
    assert (caught.value.code, caught.value.place) == (code, place)
    assert caught.value.hint
