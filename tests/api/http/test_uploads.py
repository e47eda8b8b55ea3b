from __future__ import annotations

import asyncio

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polly_api.http.uploads import Upload, safe_path
from polly_api.words import BadInput
from tests.client.memory_door import MemoryDoor
from tests.client.serving import serving


@pytest.fixture
def door():
    return MemoryDoor()


@pytest.fixture
def http(door):
    with serving(door) as url, httpx.Client(base_url=url) as http:
        yield http


def part(name, content):
    return (
        f'--B\r\nContent-Disposition: form-data; name="files"; {name}\r\n\r\n'.encode()
        + content
        + b"\r\n"
    )


def post(http, body, kind="multipart/form-data; boundary=B"):
    return http.post(
        "/v1/ingest", params={"atlas": "demo"}, content=body, headers={"Content-Type": kind}
    )


@pytest.mark.parametrize(
    "name",
    [
        "../x.gct", "a/../../x.gct", "/etc/passwd", "a//b", "", "a/", "./a", "C:/x", "a\\..\\b",
        "a\0b", "a\nb", "x" * 256, "é" * 128, "/".join(["abc"] * 300),
    ],
)  # fmt: skip
def test_unsafe_names_are_refused(tmp_path, name):
    with pytest.raises(BadInput) as caught:
        safe_path(tmp_path, name)
    assert caught.value.code == "bad_upload_name"


@given(st.text(max_size=60))
def test_no_name_leaves_the_folder(tmp_path_factory, name):
    folder = tmp_path_factory.getbasetemp() / "fixed"
    try:
        path = safe_path(folder, name)
    except (BadInput, UnicodeEncodeError):
        return
    assert folder in path.parents
    assert ".." not in path.parts


def test_unsafe_upload_writes_nothing(http, door):
    reply = post(http, part('filename="../../evil.gct"', b"x") + b"--B--\r\n")
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "bad_upload_name")
    assert door.ledger == {}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "cut_upload"),
        (part('filename="a"', b"x"), "cut_upload"),
        (b"nothing like it", "bad_multipart"),
        (part("", b"x") + b"--B--\r\n", "no_file_name"),
        (b"--B--\r\n", "no_files"),
        (part('filename="a"', b"x") * 2 + b"--B--\r\n", "duplicate_upload_name"),
        (
            part('filename="a"', b"x") + part('filename="a/b"', b"x") + b"--B--\r\n",
            "duplicate_upload_name",
        ),
        (
            part('filename="a/b"', b"x") + part('filename="a"', b"x") + b"--B--\r\n",
            "duplicate_upload_name",
        ),
    ],
)
def test_bad_bodies(http, body, code):
    reply = post(http, body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, code)


def test_not_multipart(http):
    assert post(http, b"{}", "application/json").json()["error"]["code"] == "not_multipart"


def test_forms_of_other_clients(http, door):
    reply = http.post(
        "/v1/ingest",
        params={"atlas": "demo", "priority": "high"},
        files=[("files", ("ü b.gct", b"good")), ("files", ("sub/c.gct", b"bad"))],
    )
    assert [job["priority"] for job in reply.json()] == ["high", "high"]
    assert set(door.content) == {"ü b.gct", "sub/c.gct"}
    assert post(http, part("filename=bare.gct", b"1") + b"--B--\r\n").status_code == 200
    assert door.content["bare.gct"] == b"1"


def test_bad_priority(http):
    reply = http.post("/v1/ingest", params={"atlas": "a", "priority": "x"}, files={"files": b"1"})
    assert reply.json()["error"]["place"] == "query.priority"


@given(content=st.binary(max_size=300), size=st.integers(1, 40))
def test_content_survives_any_chunking(tmp_path_factory, content, size):
    folder = tmp_path_factory.mktemp("up")
    body = part('filename="a/b"', content) + part('filename="c%22"', b"--B") + b"--B--\r\n"

    async def chunks():
        for start in range(0, len(body), size):
            yield body[start : start + size]

    upload = Upload(folder, "multipart/form-data; boundary=B")
    asyncio.run(upload.receive(chunks()))
    assert (folder / "a" / "b").read_bytes() == content
    assert (folder / 'c"').read_bytes() == b"--B"
