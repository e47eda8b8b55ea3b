from __future__ import annotations

import json

import pytest

from polly_api.words import BadInput
from polly_client.curation import BATCH_RECORDS, RecordFile


def write(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_order_is_kept_and_studies_stay_whole(polly, door, tmp_path):
    records = [{"id": f"r{n}", "study": f"S{n % 3}"} for n in range(900)]
    records += [{"id": f"alone{n}"} for n in range(300)]
    source = write(tmp_path / "in.jsonl", records)
    done = []
    RecordFile(source).curate(polly, tmp_path / "out.jsonl", done.append)
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [each["id"] for each in found] == [each["id"] for each in records]
    assert door.batch_sizes == done == [300, 300, 300, BATCH_RECORDS, 300 - BATCH_RECORDS]
    assert len(RecordFile(source)) == 1200


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"study": "S"}', '{"id": "a", "x": NaN}', '"text"', "\udce9"]
)
def test_bad_lines_are_named(tmp_path, line):
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'{"id": "a"}\n\n' + line.encode("utf-8", "surrogateescape") + b"\n")
    with pytest.raises(BadInput) as caught:
        RecordFile(path)
    assert (caught.value.code, caught.value.place) == ("bad_record", "line 3")
    assert caught.value.file == str(path)


def test_failure_leaves_no_output(polly, door, tmp_path, monkeypatch):
    source = write(tmp_path / "in.jsonl", [{"id": "a"}])

    def fail(records):
        raise BadInput("bad_record", "no")

    monkeypatch.setattr(door, "curate", fail)
    with pytest.raises(BadInput):
        RecordFile(source).curate(polly, tmp_path / "out.jsonl", lambda count: None)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".jsonl"] == ["in.jsonl"]


def test_no_last_line_end_and_crlf(polly, tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"id": "a"}\r\n{"id": "b"}')
    RecordFile(path).curate(polly, tmp_path / "out.jsonl", lambda count: None)
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2
