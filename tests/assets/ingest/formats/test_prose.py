"""Notes among data: told from tables by what they say, or passed over by their names."""

from __future__ import annotations

import pytest

from polly_assets.ingest.formats.never_data import never_data
from polly_assets.ingest.formats.prose import is_prose
from polly_assets.ingest.formats.registry import reader_for
from polly_resources.errors import BadInput

PROSE = {
    "letter": "Dear all,\nhere are the data.\n",
    "citation": 'These are the raw counts.\nPlease cite: Smith, J., et al., "On it", 2020.\n',
    "protocol": "Protocol for RNA\n\n1. Thaw the cells, then wash.\n2. Add 1 ml of it.\n",
    "licence": "MIT License\n\nPermission is hereby granted, free of charge,\nto use it freely\n",
}
TABLES = {
    "a title above": "Counts of all genes in the study\ngene,S1,S2\nTP53,1,2\nMYC,3,4\n",
    "descriptions": "id\tdescription\tS1\nA\tbinds to the DNA\t1\nB\tbinds to the RNA\t2\n",
    "text only": "sample,what was done,who did it\nS1,cut in half twice,A\nS2,left as it was,B\n",
    "spaces": "gene S1 S2\nTP53 1 2\nMYC 3 4\n",
    "ragged": "gene,S1,S2\nTP53,1\nMYC,3,4\n",
    "names": "TP53\nMYC\n",
    "nothing": "",
}


@pytest.mark.parametrize("text", PROSE.values(), ids=PROSE)
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["note.txt", "x.csv", "x.tsv"])
def test_sentences_are_no_table(text: str, codec: str, name: str) -> None:
    with pytest.raises(BadInput) as caught:
        reader_for(name, text.encode(codec))
    error = caught.value
    assert (error.code, error.file) == ("unknown_format", name)
    assert "sentences" in error.message
    assert "README" in error.hint


@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES)
def test_tables_are_no_prose(text: str) -> None:
    assert not is_prose(text.encode())
    assert reader_for("x.csv", text.encode()).name == "csv"


@pytest.mark.parametrize(
    "name",
    ["00README.txt", "_readme.rst", "READ_ME.txt", "COPYING", "Notice.txt", "AUTHORS",
     "CHANGELOG.md", "citation.cff", "config.yaml", "x.ini", "nextflow.nf", "session_info.txt"],
)  # fmt: skip
def test_notes_and_settings_by_name(name: str) -> None:
    assert never_data(f"a/{name}")


@pytest.mark.parametrize("name", ["notice.csv", "install_counts.txt", "citations.tsv", "ready.txt"])
def test_names_that_only_resemble_notes(name: str) -> None:
    assert not never_data(name)


@pytest.mark.parametrize(
    ("name", "head", "said"),
    [
        ("x.txt", b">seq1\nACGT\n", "sequences"),
        ("x.gmt", b"A\thttp\tTP53\n", "set or ranking"),
        ("x.csv", b"[Header]\nIEMFileVersion,4\n[Data]\n", "sample sheet"),
    ],
)
def test_other_text_that_is_no_table(name: str, head: bytes, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        reader_for(name, head)
    assert caught.value.code == "unsupported_format"
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("name", "head", "said"),
    [
        ("x.csv", b"PK\3\4\x14\0\6\0 [Content_Types].xml xl/workbook.xml", "spreadsheet"),
        ("x.docx", b"PK\3\4\x14\0\6\0 [Content_Types].xml word/document.xml", "document"),
        ("x.csv", b"PK\3\4\x14\0\0\0a.csv", "zip archive"),
        ("x.zip.001", b"PK\3\4\x14\0\0\0a.csv", "several parts"),
        ("x.z01", b"PK\7\x08", "several parts"),
    ],
)
def test_zips_of_all_kinds(name: str, head: bytes, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        reader_for(name, head)
    assert caught.value.code == "unsupported_format"
    assert said in caught.value.message
