"""MINiML: equal to the SOFT family of the same series, tables in and beside the file, faults."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from polly_assets.ingest.formats.base import FailedDataset, ParsedDataset, Source
from polly_assets.ingest.formats.geo.miniml import MinimlReader
from polly_assets.ingest.formats.geo.soft import SoftFamilyReader
from polly_assets.ingest.formats.registry import reader_for
from polly_resources.errors import BadInput

OPEN = (
    '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
    '<MINiML xmlns="http://www.ncbi.nlm.nih.gov/geo/info/MINiML" version="0.5.0" >\n'
)
PEOPLE = (
    '<Contributor iid="c1"><Person><First>Ann</First><Last>Lee</Last></Person>'
    "<Email>a@b.c</Email><Organization>WEHI</Organization>"
    "<Address><Line>1 Road</Line><City>Town</City><Zip-Code>7</Zip-Code></Address></Contributor>\n"
)
PLATFORM = (
    '<Platform iid="GPL1"><Title>Chip</Title><Accession database="GEO">GPL1</Accession>'
    '<Technology>in situ</Technology><Organism taxid="9606">Homo sapiens</Organism>{}</Platform>\n'
)
PLATFORM_TABLE = (
    '<Data-Table><Column position="1"><Name>ID</Name><Description>the probe</Description></Column>'
    '<Column position="2"><Name>Symbol</Name></Column>'
    '<Internal-Data rows="2">\nb\tB&amp;1\na\tA1\n    </Internal-Data></Data-Table>'
)
SERIES = (
    '<Series iid="GSE1"><Title>One</Title><Accession database="GEO">GSE1</Accession>'
    "<Summary>\nTwo\nlines\n    </Summary><Type>Expression profiling by array</Type>"
    '<Contributor-Ref ref="c1" position="1" /><Contact-Ref ref="c1" />{}'
    '<Relation type="BioProject" target="https://x/PRJNA1" /></Series>\n'
)
EXTERNAL = (
    '<Data-Table><Column position="2"><Name>VALUE</Name><Description>log2</Description></Column>'
    '<Column position="1"><Name>ID_REF</Name></Column>'
    '<External-Data rows="2">\n{}-tbl-1.txt\n</External-Data></Data-Table>'
)


def sample(name: str, table: str = EXTERNAL, more: str = "", platform: str = "GPL1") -> str:
    """A sample whose table is, unless told, a file beside the XML."""
    place = f'<Platform-Ref ref="{platform}" />' if platform else ""
    return (
        f'<Sample iid="{name}"><Status database="GEO"><Submission-Date>2021-07-19'
        f"</Submission-Date></Status><Title>{name} x</Title>"
        f'<Accession database="GEO">{name}</Accession><Type>RNA</Type>'
        '<Channel-Count>1</Channel-Count><Channel position="1"><Source>liver</Source>'
        '<Organism taxid="9606">Homo sapiens</Organism>'
        '<Characteristics tag="tissue">\nliver\n</Characteristics>'
        '<Characteristics tag="age">4 y</Characteristics><Molecule>total RNA</Molecule></Channel>'
        f"{place}{more}{table.format(name)}</Sample>\n"
    )


def whole(*parts: str) -> str:
    refs = "".join(f'<Sample-Ref ref="GSM{i}" />' for i in (1, 2))
    return OPEN + PEOPLE + "".join(parts) + SERIES.format(refs) + "</MINiML>\n"


def read(
    folder: Path, text: str | bytes, name: str = "GSE1_family.xml", **tables: str
) -> list[ParsedDataset | FailedDataset]:
    path = folder / "landed"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    beside = {}
    for key, rows in tables.items():
        file = f"{key}-tbl-1.txt"
        (folder / file).write_text(rows)
        beside[file.lower()] = folder / file
    return list(MinimlReader().read(Source(path, name, beside)))


def only(found: list[ParsedDataset | FailedDataset]) -> ParsedDataset:
    (dataset,) = found
    assert isinstance(dataset, ParsedDataset)
    return dataset


def values(dataset: ParsedDataset) -> list[list[float | None]]:
    array = np.vstack(list(dataset.matrices[0].blocks()))
    return [[None if np.isnan(v) else float(v) for v in row] for row in array]


def codes(dataset: ParsedDataset) -> list[str]:
    return [notice.code for notice in dataset.notices]


TABLES = {"GSM1": "a\t1.5\nb\tnull\n", "GSM2": "b\t4\na\t3"}


def test_tables_beside_the_file(tmp_path):
    text = whole(PLATFORM.format(PLATFORM_TABLE), sample("GSM1"), sample("GSM2"))
    dataset = only(read(tmp_path, text, **TABLES))
    assert (dataset.dataset_id, dataset.format) == ("GSE1_GPL1", "geo_miniml")
    assert dataset.data_type == "Transcriptomics"
    assert dataset.features.to_dicts() == [
        {"feature_id": "b", "Symbol": "B&1"},
        {"feature_id": "a", "Symbol": "A1"},
    ]
    assert values(dataset) == [[None, 4], [1.5, 3]]
    assert dataset.notices == ()
    assert dataset.samples.row(0, named=True) == {
        "sample_id": "GSM1",
        "submission_date": "2021-07-19",
        "title": "GSM1 x",
        "geo_accession": "GSM1",
        "type": "RNA",
        "channel_count": "1",
        "source_name_ch1": "liver",
        "organism_ch1": "Homo sapiens",
        "taxid_ch1": "9606",
        "characteristics_ch1": ["tissue: liver", "age: 4 y"],
        "characteristics_ch1.tissue": "liver",
        "characteristics_ch1.age": "4 y",
        "molecule_ch1": "total RNA",
        "platform_id": "GPL1",
        "data_row_count": "2",
    }
    expected = {
        "title": "One",
        "summary": "Two\nlines",
        "sample_id": ["GSM1", "GSM2"],
        "contributor": "Ann,,Lee",
        "contact_name": "Ann,,Lee",
        "contact_institute": "WEHI",
        "contact_address": "1 Road",
        "contact_zip/postal_code": "7",
        "relation": "BioProject: https://x/PRJNA1",
        "platform_technology": "in situ",
        "platform_table_columns": {"ID": "the probe"},
        "sample_table_columns": {"VALUE": "log2"},
    }
    assert {key: dataset.metadata[key] for key in expected} == expected


def test_the_soft_family_of_the_series_gives_the_same(tmp_path):
    text = whole(PLATFORM.format(PLATFORM_TABLE), sample("GSM1"), sample("GSM2"))
    dataset = only(read(tmp_path, text, **TABLES))
    soft = "^SERIES = GSE1\n!Series_title = One\n!Series_sample_id = GSM1\n"
    soft += "!Series_sample_id = GSM2\n!Series_type = Expression profiling by array\n"
    soft += "^PLATFORM = GPL1\n!platform_table_begin\nID\tSymbol\nb\tB&1\na\tA1\n"
    soft += "!platform_table_end\n"
    for name, rows in TABLES.items():
        soft += (
            f"^SAMPLE = {name}\n!Sample_submission_date = 2021-07-19\n!Sample_title = {name} x\n"
            f"!Sample_geo_accession = {name}\n!Sample_type = RNA\n!Sample_channel_count = 1\n"
            "!Sample_source_name_ch1 = liver\n!Sample_organism_ch1 = Homo sapiens\n"
            "!Sample_taxid_ch1 = 9606\n!Sample_characteristics_ch1 = tissue: liver\n"
            "!Sample_characteristics_ch1 = age: 4 y\n!Sample_molecule_ch1 = total RNA\n"
            "!Sample_platform_id = GPL1\n!Sample_data_row_count = 2\n!sample_table_begin\n"
            f"ID_REF\tVALUE\n{rows.strip()}\n!sample_table_end\n"
        )
    path = tmp_path / "family"
    path.write_text(soft)
    (other,) = SoftFamilyReader().read(Source(path, "GSE1_family.soft"))
    assert isinstance(other, ParsedDataset)
    assert dataset.samples.equals(other.samples)
    assert dataset.features.equals(other.features)
    assert values(dataset) == values(other)
    assert (dataset.dataset_id, dataset.data_type) == (other.dataset_id, other.data_type)


def test_two_channels_and_what_soft_has_no_name_for(tmp_path):
    more = (
        '<Channel position="2"><Source>pool</Source><Label>Cy5</Label></Channel>'
        "<Hybridization-Protocol>h</Hybridization-Protocol>"
        "<Instrument-Model><Predefined>NovaSeq</Predefined></Instrument-Model>"
        '<Supplementary-Data type="TXT">ftp://x/y.txt.gz</Supplementary-Data>'
        '<Variable><Factor>time</Factor><Sample-Ref ref="GSM1" /></Variable>'
    )
    row = only(read(tmp_path, whole(sample("GSM1", "", more)))).samples.row(0, named=True)
    expected = {
        "source_name_ch1": "liver",
        "source_name_ch2": "pool",
        "label_ch2": "Cy5",
        "hyb_protocol": "h",
        "instrument_model": "NovaSeq",
        "supplementary_file": "ftp://x/y.txt.gz",
        "variable_factor": "time",
        "variable_sample_ref": "GSM1",
    }
    assert {key: row[key] for key in expected} == expected


def test_names_are_accessions_and_references_are_followed(tmp_path):
    text = whole(PLATFORM, sample("GSM1")).replace('"GPL1"', '"my chip"').replace('"GSM1"', '"s1"')
    dataset = only(read(tmp_path, text, **TABLES))
    assert dataset.dataset_id == "GSE1_GPL1"
    assert dataset.metadata["sample_id"] == ["GSM1", "GSM2"]
    assert dataset.samples["sample_id"].to_list() == ["GSM1"]
    text = text.replace('<Accession database="GEO">GSM1</Accession>', "")
    assert only(read(tmp_path, text, **TABLES)).samples["sample_id"].to_list() == ["s1"]


def test_without_any_platform_the_series_is_one_dataset(tmp_path):
    dataset = only(read(tmp_path, whole(*(sample(f"GSM{i}", "", "", "") for i in (1, 2)))))
    assert (dataset.dataset_id, dataset.matrices) == ("GSE1", ())
    assert codes(dataset) == ["no_matrix"]


def test_each_platform_is_a_dataset_and_a_fault_stays_in_its_own(tmp_path):
    text = whole(sample("GSM1"), sample("GSM2", platform="GPL2"))
    first, second = read(tmp_path, text, GSM1="a\t1\n", GSM2="a\tx\n")
    assert isinstance(first, ParsedDataset)
    assert values(first) == [[1]]
    assert isinstance(second, FailedDataset)
    error = second.error
    assert (second.dataset_id, error.file) == ("GSE1_GPL2", "GSM2-tbl-1.txt")
    assert (error.code, error.place) == ("not_a_number", "line 1, column 2")


def test_without_tables_there_is_no_matrix(tmp_path):
    table = EXTERNAL.replace("{}", "GPL1").replace("ID_REF", "ID")
    dataset = only(read(tmp_path, whole(PLATFORM.format(table), sample("GSM1"), sample("GSM2"))))
    assert dataset.matrices == ()
    assert {"tables_not_given", "no_matrix"} <= set(codes(dataset))
    notice = next(n for n in dataset.notices if n.code == "tables_not_given")
    assert "GSM1-tbl-1.txt" in notice.message
    assert notice.place == "GPL1, GSM1, GSM2"


def test_tables_that_no_entity_has_are_told(tmp_path):
    second = '<Data-Table><External-Data rows="1">GSM1-tbl-2.txt</External-Data></Data-Table>'
    text = whole(sample("GSM1", more=EXTERNAL.format("GSM1"), table=second))
    dataset = only(read(tmp_path, text, GSM1="a\t1\nb\t2\n", GSM7="a\t1\n"))
    (notice,) = (n for n in dataset.notices if n.code == "tables_not_used")
    assert notice.message.endswith("GSM1 table 2, GSM7-tbl-1.txt")
    assert values(dataset) == [[1], [2]]


def test_latin_1_bom_windows_ends_and_gzip(tmp_path):
    text = whole(sample("GSM1", "")).replace("liver", "Zürich")
    for data in (
        text.encode("latin-1"),
        gzip.compress(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()),
        text.encode("utf-16"),
    ):
        dataset = only(read(tmp_path, data))
        assert dataset.samples["source_name_ch1"].to_list() == ["Zürich"]


def test_a_file_larger_than_one_step(tmp_path):
    names = [f"GSM{i}" for i in range(3000)]
    text = whole(*(sample(name, "") for name in names))
    assert len(text) > 1 << 20
    assert only(read(tmp_path, text)).samples["sample_id"].to_list() == names


BOMB = "<!DOCTYPE x [" + '<!ENTITY a "aaaaaaaa">' + "]>\n"


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        (whole(sample("GSM1", ""))[:-200], "bad_xml", None),
        (OPEN, "bad_xml", "line 3, column 1"),
        (whole().replace("</Contributor>", "</Contributr>"), "bad_xml", None),
        (whole().replace("WEHI", "A & B"), "bad_xml", None),
        (whole().replace("WEHI", "&lol;"), "bad_xml", None),
        (whole().replace("WEHI", "a\x0bb"), "bad_xml", None),
        ("<MINiML>" + "<a>" * 40 + "</a>" * 40 + "</MINiML>", "bad_xml", "line 1, column 102"),
        (BOMB + "<MINiML>&a;</MINiML>", "xml_document_type", None),
        (
            '<!DOCTYPE MINiML SYSTEM "file:///etc/passwd"><MINiML></MINiML>',
            "xml_document_type",
            None,
        ),
        ("<rss><MINiML /></rss>", "not_miniml", "line 1, column 1"),
        (whole(), "no_samples", "line 8"),
        (whole(PLATFORM, sample("GSM1", "", platform="")), "no_platform", "line 5"),
        (whole(sample("GSM1", "") * 2), "duplicate_sample", "line 7"),
        (whole(sample("GSM1", PLATFORM_TABLE)), "no_id_column", "line 6"),
        (
            whole(
                sample("GSM1", PLATFORM_TABLE.replace("ID<", "ID_REF<").replace("Symbol", "value"))
            ),
            "not_a_number",
            "line 7, column 2",
        ),
    ],
)
def test_faults_name_their_place(tmp_path, text, code, place):
    with pytest.raises(BadInput) as caught:
        read(tmp_path, text)
    error = caught.value
    assert (error.code, error.file) == (code, "GSE1_family.xml")
    assert error.place == place or (place is None and error.place.startswith("line "))
    assert error.hint


def test_one_table_of_several_is_missing(tmp_path):
    with pytest.raises(BadInput) as caught:
        read(tmp_path, whole(sample("GSM1"), sample("GSM2")), GSM1=TABLES["GSM1"])
    error = caught.value
    assert (error.code, error.place) == ("missing_table", "line 9")
    assert "GSM2-tbl-1.txt" in error.message


def test_a_ragged_table_beside_the_file(tmp_path):
    with pytest.raises(BadInput) as caught:
        read(tmp_path, whole(sample("GSM1")), GSM1="a\t1\nb\n")
    error = caught.value
    assert (error.code, error.file) == ("ragged_row", "GSM1-tbl-1.txt")
    assert error.place == "line 2, column 2"


@pytest.mark.parametrize(
    ("rows", "code", "hint"),
    [
        ("<html>\n<body>no</body></html>\n", "not_geo", "server"),
        ("", "empty_file", "again"),
        ("ID_REF\tVALUE\na\t1\n", "not_a_number", "names of the columns"),
    ],
)
def test_a_bad_table_beside_the_file_fails_its_dataset_only(tmp_path, rows, code, hint):
    text = whole(sample("GSM1"), sample("GSM2", platform="GPL2"))
    failed, dataset = read(tmp_path, text, GSM1=rows, GSM2=TABLES["GSM2"])
    assert isinstance(failed, FailedDataset)
    assert isinstance(dataset, ParsedDataset)
    assert (failed.dataset_id, dataset.dataset_id) == ("GSE1_GPL1", "GSE1_GPL2")
    assert (failed.error.code, failed.error.file) == (code, "GSM1-tbl-1.txt")
    assert hint in failed.error.hint


def test_soft_of_another_name():
    assert reader_for("GSE1_family.xml", b"^SERIES = GSE1\n").name == "geo_soft"


def test_sniff():
    assert reader_for("GSE1_family.xml.gz", OPEN.encode()).name == "geo_miniml"
    assert reader_for("x", b'<m:MINiML xmlns:m="x">').name == "geo_miniml"
    assert not MinimlReader().sniff("x.xml", b"<MINiMLs><rss>")


def test_a_real_file(real_data):
    """The facts are the file's own text: 16 samples by accession only, one series, no platform."""
    path = real_data / "formats" / "geo" / "GSE180363.miniml.xml.gz"
    dataset = only(list(MinimlReader().read(Source(path, path.name))))
    assert (dataset.dataset_id, dataset.data_type) == ("GSE180363", "")
    ids = [f"GSM54614{i}" for i in range(97, 100)] + [f"GSM54615{i:02}" for i in range(13)]
    assert dataset.samples["sample_id"].to_list() == ids
    assert dataset.metadata["sample_id"] == ids
    assert dataset.metadata["contact_name"] == "Sunduz,,Keles"
    assert len(dataset.metadata["supplementary_file"]) == 24
    assert codes(dataset) == ["no_matrix"]
