"""Odd and broken MINiML files and GEO DataSets, and which sheets describe GEO files."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Source
from polly_assets.ingest.formats.geo.miniml import MinimlReader
from polly_assets.ingest.formats.geo.soft import SoftFamilyReader
from polly_assets.ingest.formats.grouping import group_sources
from polly_assets.ingest.formats.registry import reader_for
from polly_resources.errors import BadInput

NAMESPACE = "http://www.ncbi.nlm.nih.gov/geo/info/MINiML"
OPEN = f'<?xml version="1.0" encoding="UTF-8"?>\n<MINiML xmlns="{NAMESPACE}" version="0.5.0">\n'
SERIES = (
    '<Series iid="GSE1"><Title>a &lt; b &amp; c</Title><Accession>GSE1</Accession>'
    "<Pubmed-ID>12</Pubmed-ID><Summary>one\ntwo</Summary>"
    '<Relation type="SuperSeries of" target="GSE2" /></Series>\n'
)
ROWS = "a\t1.5\nb\tnull\n"


def platform(name: str = "GPL1") -> str:
    return (
        f'<Platform iid="{name}"><Accession>{name}</Accession><Data-Table>'
        '<Column position="1"><Name>ID</Name></Column><Column position="2"><Name>Symbol</Name>'
        '</Column><Internal-Data rows="2">\nb\tMYC\na\tTP53\n</Internal-Data></Data-Table>'
        "</Platform>\n"
    )


def sample(name: str = "GSM1", rows: str = ROWS, gpl: str = "GPL1", more: str = "") -> str:
    data = (
        f"<External-Data rows='2'>{rows}</External-Data>"
        if rows.endswith(".txt")
        else f'<Internal-Data rows="2">\n{rows}</Internal-Data>'
    )
    return (
        f'<Sample iid="{name}"><Title>t</Title><Accession>{name}</Accession>'
        '<Channel position="1"><Source>liver</Source><Organism taxid="9606">Homo sapiens'
        '</Organism><Characteristics tag="tissue">liver</Characteristics></Channel>'
        f'<Relation type="BioSample" target="https://x" />{more}<Platform-Ref ref="{gpl}" />'
        '<Data-Table><Column position="1"><Name>ID_REF</Name></Column><Column position="2">'
        f"<Name>VALUE</Name></Column>{data}</Data-Table></Sample>\n"
    )


def read(folder: Path, text: str | bytes, **beside: str) -> list[ParsedDataset | FailedDataset]:
    path = folder / "landed"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    sidecars = {}
    for key, content in beside.items():
        name = key if key in ("csv", "json") else f"{key}-tbl-1.txt"
        sidecars[name] = folder / name
        sidecars[name].write_text(content)
    return list(MinimlReader().read(Source(path, "GSE1_family.xml", sidecars)))


def array(dataset: ParsedDataset | FailedDataset):
    assert isinstance(dataset, ParsedDataset)
    return np.vstack([np.asarray(block) for block in dataset.matrices[0].blocks()])


def codes(dataset: ParsedDataset | FailedDataset) -> list[str]:
    assert isinstance(dataset, ParsedDataset)
    return [notice.code for notice in dataset.notices]


BODY = platform() + sample() + SERIES
ODD = {
    "plain": OPEN + BODY + "</MINiML>",
    "a prefix": (OPEN.replace("xmlns=", "xmlns:m=") + BODY + "</MINiML>")
    .replace("</", "</m:")
    .replace("<", "<m:")
    .replace("<m:/m:", "</m:")
    .replace("<m:?", "<?"),
    "no namespace": OPEN.replace(f' xmlns="{NAMESPACE}"', "") + BODY + "</MINiML>",
    "another order": OPEN + SERIES + sample() + platform() + "</MINiML>",
    "comments and CDATA": OPEN
    + BODY.replace("<Source>liver", "<!-- x --><Source><![CDATA[liver]]>")
    + "</MINiML>",
    "new elements": OPEN + BODY + "<Future iid='1'><X>y</X></Future></MINiML>",
    "windows line ends": (OPEN + BODY + "</MINiML>").replace("\n", "\r\n"),
    "no declaration": OPEN.partition("\n")[2] + BODY + "</MINiML>",
    "gzipped": gzip.compress((OPEN + BODY + "</MINiML>").encode()),
    "Latin-1": (OPEN + BODY + "</MINiML>").replace("UTF-8", "ISO-8859-1").encode("latin-1"),
    "UTF-16": (OPEN + BODY + "</MINiML>").replace("UTF-8", "UTF-16").encode("utf-16"),
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
def test_odd_xml_is_read_as_elementtree_reads_it(tmp_path, text):
    data = text if isinstance(text, bytes) else text.encode()
    (dataset,) = read(tmp_path, data)
    assert isinstance(dataset, ParsedDataset)
    root = ElementTree.fromstring(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    texts = {e.tag.rpartition("}")[2]: (e.text or "") for e in root.iter()}
    (row,) = dataset.samples.to_dicts()
    assert dataset.dataset_id == "GSE1_GPL1"
    assert dataset.features.to_dict(as_series=False) == {
        "feature_id": ["b", "a"],
        "Symbol": ["MYC", "TP53"],
    }
    np.testing.assert_array_equal(array(dataset), [[np.nan], [1.5]])
    assert row["source_name_ch1"] == texts["Source"] == "liver"
    assert row["characteristics_ch1.tissue"] == texts["Characteristics"]
    assert row["organism_ch1"] == texts["Organism"]
    assert (row["taxid_ch1"], row["relation"]) == ("9606", "BioSample: https://x")
    assert dataset.metadata["title"] == "a < b & c"
    assert dataset.metadata["pubmed_id"] == texts["Pubmed-ID"]
    assert dataset.metadata["relation"] == "SuperSeries of: GSE2"


def test_several_platforms_and_tables_beside(tmp_path):
    text = (
        OPEN + platform() + platform("GPL2") + platform("GPL3")
        + sample("GSM1", "GSM1-tbl-1.txt") + sample("GSM2", "GSM2-tbl-1.txt", "GPL2")
        + SERIES + "</MINiML>"
    )  # fmt: skip
    first, second = read(tmp_path, text, **{"gsm1": "a\t1\nb\t2\n", "gsm2": "z\t5\na\t3\n"})
    assert array(first).tolist() == [[2], [1]]
    assert array(second).tolist() == [[3], [5]]
    assert codes(first) == ["entities_without_samples"]
    assert codes(second) == ["features_not_in_platform"]


def test_two_tables_of_a_sample_and_one_of_none(tmp_path):
    more = (
        '<Data-Table><Column position="1"><Name>ID_REF</Name></Column>'
        '<Column position="2"><Name>VALUE</Name></Column>'
        '<Internal-Data rows="1">\na\t9\n</Internal-Data></Data-Table>'
    )
    text = OPEN + platform() + sample(more=more) + SERIES + "</MINiML>"
    (dataset,) = read(tmp_path, text, gsm9="a\t1\n")
    assert array(dataset).tolist() == [[9]]
    (notice,) = (n for n in dataset.notices if n.code == "tables_not_used")
    assert "GSM1 table 2" in notice.message
    assert "gsm9-tbl-1.txt" in notice.message


def test_json_and_a_sheet_describe_a_family(tmp_path):
    text = OPEN + BODY + "</MINiML>"
    (dataset,) = read(
        tmp_path, text, json='{"dataset_id": "mine", "lab": "L"}', csv="sample,age\nGSM1,7\n"
    )
    assert isinstance(dataset, ParsedDataset)
    assert (dataset.dataset_id, dataset.metadata["lab"]) == ("mine", "L")
    assert dataset.samples["age"].to_list() == ["7"]
    assert codes(dataset) == []


ENTITY = "<!ENTITY a 'aaaaaaaaaa'>" + "".join(
    f"<!ENTITY {chr(98 + i)} '{f'&{chr(97 + i)};' * 10}'>" for i in range(9)
)
FAULTS = {
    "billion laughs": (f"<!DOCTYPE MINiML [{ENTITY}]><MINiML>&j;</MINiML>", "xml_document_type"),
    "a file elsewhere": (
        '<!DOCTYPE MINiML [<!ENTITY x SYSTEM "file:///etc/passwd">]><MINiML>&x;</MINiML>',
        "xml_document_type",
    ),
    "an unknown entity": (OPEN + "<Sample>&x;</Sample></MINiML>", "bad_xml"),
    "crossed tags": (OPEN + "<Sample><Title>x</Sample></Title></MINiML>", "bad_xml"),
    "cut short": ((OPEN + BODY)[:-40], "bad_xml"),
    "text behind": (OPEN + "</MINiML>junk", "bad_xml"),
    "an unbound prefix": (OPEN + "<m:Sample /></MINiML>", "bad_xml"),
    "a bare ampersand": (OPEN + BODY.replace("&amp;", "&") + "</MINiML>", "bad_xml"),
    "a web page": ("<html><body></body></html>", "not_miniml"),
    "a web page with its type": ("<!DOCTYPE html>\n<html></html>", "not_miniml"),
    "nothing": ("", "empty_file"),
    "a NUL byte": (OPEN + "\0</MINiML>", "binary_content"),
    "no sample": (OPEN + platform() + SERIES + "</MINiML>", "no_samples"),
    "a sample without name": (
        OPEN + BODY.replace('iid="GSM1"', "").replace("GSM1", "") + "</MINiML>",
        "no_sample_id",
    ),
    "two samples of a name": (OPEN + platform() + sample() * 2 + SERIES + "</MINiML>",
        "duplicate_sample"),
    "text for a number": (OPEN + BODY.replace("null", "x") + "</MINiML>", "not_a_number"),
    "a ragged row": (OPEN + BODY.replace("b\tnull", "b") + "</MINiML>", "ragged_row"),
    "no ID_REF": (OPEN + BODY.replace("ID_REF", "PROBE") + "</MINiML>", "no_id_column"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "code"), FAULTS.values(), ids=FAULTS.keys())
def test_faults(tmp_path, text, code):
    assert reader_for("GSE1_family.xml", text.encode()[:4096]).name == "geo_miniml"
    with pytest.raises(BadInput) as caught:
        read(tmp_path, text)
    error = caught.value
    assert (error.code, error.file) == (code, "GSE1_family.xml")
    assert error.hint
    if code not in ("empty_file", "no_samples"):
        assert error.place.startswith("line ")


@pytest.mark.parametrize(("limit", "most"), [("MAX_CHILD_BYTES", 4000), ("MAX_CHILDREN", 2)])
def test_what_would_fill_the_memory_is_refused(tmp_path, monkeypatch, limit, most):
    monkeypatch.setattr(f"polly_assets.ingest.formats.geo.miniml_xml.{limit}", most)
    with pytest.raises(BadInput) as caught:
        read(tmp_path, OPEN + BODY + "</MINiML>")
    assert caught.value.code == "section_too_long"
    assert caught.value.place.startswith("line ")


GDS = (
    "^DATABASE = Geo\n!Database_name = GEO\n^DATASET = GDS7\n!dataset_title = T\n"
    "!dataset_channel_count = 2\n!dataset_platform = GPL9\n!dataset_value_type = log ratio\n"
    "^SUBSET = GDS7_1\n!subset_dataset_id = GDS7\n!subset_description = sick\n"
    "!subset_sample_id = GSM1,GSM2\n!subset_type = disease state\n"
    "^DATASET = GDS7\n#ID_REF = id\n#IDENTIFIER = name\n#GSM1 = Value for GSM1: one; src: a\n"
    "#GSM2 = Value for GSM2: two; src: b\n!dataset_table_begin\nID_REF\tIDENTIFIER\tGSM1\tGSM2\n"
)
GDS_ROWS = {
    "null values": "a\tA\tnull\t1.5\nb\t--Control\t\t-2e3\n",
    "numbers as ids": "10\tA\t1\t2\n007\tB\t3\t4\n",
    "all missing": "a\tA\tnull\tnull\n",
    "commas and quotes in names": 'a\tx, "y" z\t1\t2\n',
    "repeated ids": "a\tA\t1\t2\na\tB\t3\t4\n",
}


@pytest.mark.parametrize("rows", GDS_ROWS.values(), ids=GDS_ROWS.keys())
def test_odd_datasets_agree_with_geoparse(tmp_path, rows):
    geoparse = pytest.importorskip("GEOparse")
    path = tmp_path / "GDS7.soft"
    path.write_text(f"{GDS}{rows}!dataset_table_end\n")
    (dataset,) = SoftFamilyReader().read(Source(path, path.name))
    assert isinstance(dataset, ParsedDataset)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = geoparse.get_GEO(filepath=str(path), silent=True)
    expected = peer.table[["GSM1", "GSM2"]].to_numpy(float)
    np.testing.assert_array_equal(array(dataset), expected)
    lines = [line.split("\t") for line in rows.strip().split("\n")]
    assert dataset.features["feature_id"].to_list() == [cells[0] for cells in lines]
    assert dataset.features["IDENTIFIER"].to_list() == [cells[1] for cells in lines]
    assert dataset.samples["disease state"].to_list() == ["sick", "sick"]
    assert dataset.metadata["channel_count"] == "2"
    assert dataset.metadata["value_type"] == "log ratio"


@pytest.mark.parametrize(
    ("rows", "code", "place"),
    [
        ("a\tA\t1\tx\n", "not_a_number", "line 20, column 4"),
        ("a\tA\t1\n", "ragged_row", "line 20, column 4"),
        ("\tA\t1\t2\n", "empty_feature_id", "line 20, column 1"),
        ("a\tA\t1\t2\n^SUBSET = x\n", "truncated_table", "line 20"),
    ],
)
def test_faults_of_datasets(tmp_path, rows, code, place):
    path = tmp_path / "GDS7.soft"
    path.write_text(GDS + rows + ("" if code == "truncated_table" else "!dataset_table_end\n"))
    with pytest.raises(BadInput) as caught:
        list(SoftFamilyReader().read(Source(path, path.name)))
    assert (caught.value.code, caught.value.place) == (code, place)


def test_a_dataset_in_pieces_is_one(tmp_path, monkeypatch):
    path = tmp_path / "GDS7.soft"
    rows = "".join(f"g{i}\t{'#DIV/0!' if i == 7 else i}\t{i}\t{i}.5\n" for i in range(100))
    path.write_text(f"{GDS}{rows.replace('g9	9	9', 'g9	9	#num!')}!dataset_table_end\n")
    (whole,) = SoftFamilyReader().read(Source(path, path.name))
    monkeypatch.setattr("polly_assets.ingest.formats.geo.gds.PIECE_BYTES", 50)
    (pieces,) = SoftFamilyReader().read(Source(path, path.name))
    np.testing.assert_array_equal(array(pieces), array(whole))
    assert pieces.features.equals(whole.features)
    assert codes(pieces) == codes(whole) == ["spreadsheet_errors"]
    assert np.isnan(array(whole)[9, 0])


def test_sheets_belong_to_the_files_of_their_series():
    def groups(*names: str) -> dict[str, dict[str, str]]:
        return {group.main: dict(group.sidecars) for group in group_sources(names)}

    sheet = "a/GSE1_metadata.csv"
    for main in (
        "a/GSE1_family.soft.gz",
        "a/GSE1.soft",
        "a/GSE1-GPL2_series_matrix.txt",
        "a/gse1_family.xml",
        "a/GSE1_family.txt",
    ):
        assert groups(main, sheet) == {main: {"csv": sheet}}
    two = ("GSE1-GPL1_series_matrix.txt.gz", "GSE1-GPL2_series_matrix.txt.gz")
    assert groups(*two, "GSE1_samples.tsv.gz") == {
        two[0]: {"tsv": "GSE1_samples.tsv.gz", f"series.{two[1].lower()}": two[1]}
    }
    assert groups("GDS7.soft", "GDS7.samples.tsv") == {"GDS7.soft": {"tsv": "GDS7.samples.tsv"}}
    assert groups("GSE1_family.soft", "GSE1.json") == {"GSE1_family.soft": {"json": "GSE1.json"}}
    assert len(groups("a/GSE11_family.soft", sheet)) == 2
    assert len(groups("b/GSE1_family.soft", sheet)) == 2
