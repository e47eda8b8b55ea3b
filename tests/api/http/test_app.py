from __future__ import annotations

import json

import httpx
import pyarrow as pa
import pytest

from polly_api.base import EXPORT_FORMATS
from polly_api.words import BadInput, Conflict, Misconfigured, NotFound, Unavailable
from tests.client.memory_door import MemoryDoor
from tests.client.serving import serving


@pytest.fixture
def door():
    return MemoryDoor()


@pytest.fixture
def http(door):
    with serving(door) as url, httpx.Client(base_url=url) as http:
        yield http


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BadInput("c", "m", file="f", place="p", hint="h"), 400),
        (NotFound("c", "m"), 404),
        (Conflict("c", "m"), 409),
        (Unavailable("c", "m"), 503),
        (Misconfigured("c", "m"), 500),
    ],
)
def test_errors_have_one_shape(http, door, monkeypatch, error, status):
    def fail():
        raise error

    monkeypatch.setattr(door, "atlases", fail)
    reply = http.get("/v1/atlases")
    assert reply.status_code == status
    assert reply.json()["error"] == {
        "type": type(error).__name__,
        "code": "c",
        "message": "m",
        "file": error.file,
        "place": error.place,
        "hint": error.hint,
    }
    assert ("retry-after" in reply.headers) == (status == 503)


def test_unexpected_failure_shows_nothing_inside(http, door, monkeypatch):
    def fail():
        raise RuntimeError("secret detail")

    monkeypatch.setattr(door, "atlases", fail)
    reply = http.get("/v1/atlases")
    assert reply.status_code == 500
    assert reply.json()["error"]["code"] == "internal_error"
    assert "secret" not in reply.text


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "place"),
    [
        ("POST", "/v1/sql", {}, 400, "bad_request", "body.query"),
        ("POST", "/v1/sql", {"query": "SELEC"}, 400, "bad_sql", "line 1"),
        ("GET", "/v1/jobs?limit=0", None, 400, "bad_request", "query.limit"),
        ("GET", "/v1/jobs?statuses=odd", None, 400, "bad_request", "query.statuses.0"),
        (
            "GET",
            "/v1/datasets/demo/X/download?format=xls",
            None,
            400,
            "bad_request",
            "query.format",
        ),
        ("GET", "/v1/datasets/demo/X/download?format=csv", None, 404, "unknown_dataset", ""),
        ("GET", "/v1/nothing", None, 404, "no_such_route", ""),
        ("DELETE", "/v1/sql", None, 405, "refused", ""),
    ],
)
def test_bad_requests(http, method, path, body, status, code, place):
    reply = http.request(method, path, json=body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
    assert reply.json()["error"]["place"] == place


def test_sql_media_types(http):
    query = {
        "query": "SELECT 'a,\"b' AS text, 'NaN'::DOUBLE AS odd, [1, 2] AS part, NULL::TEXT AS gap, "
        "DATE '2026-01-02' AS day, 1.5::DECIMAL(3,1) AS money"
    }
    reply = http.post("/v1/sql", json=query)
    assert reply.headers["content-type"] == "application/json"
    assert [each["name"] for each in reply.json()["columns"]] == [
        "text", "odd", "part", "gap", "day", "money",
    ]  # fmt: skip
    assert reply.json()["rows"] == [
        {"text": 'a,"b', "odd": "NaN", "part": [1, 2], "gap": None, "day": "2026-01-02",
         "money": 1.5}
    ]  # fmt: skip
    csv = http.post("/v1/sql", json=query, headers={"Accept": "text/csv"})
    assert csv.text == (
        '"text","odd","part","gap","day","money"\n"a,""b",nan,"[1, 2]",,2026-01-02,1.5\n'
    )
    arrow = http.post(
        "/v1/sql", json=query, headers={"Accept": "application/vnd.apache.arrow.stream"}
    )
    assert pa.ipc.open_stream(arrow.content).read_all().column("part").to_pylist() == [[1, 2]]
    assert http.post("/v1/sql", json=query, headers={"Accept": "image/png"}).status_code == 406
    empty = http.post("/v1/sql", json={"query": "SELECT 1 AS a WHERE false"})
    assert empty.json()["rows"] == []


def test_many_rows_are_valid_json(http):
    reply = http.post("/v1/sql", json={"query": "SELECT range AS n FROM range(20000)"})
    assert [row["n"] for row in reply.json()["rows"]] == list(range(20000))
    assert (
        len(http.post("/v1/sql", json={"query": "FROM range(9)", "max_rows": 2}).json()["rows"])
        == 2
    )


def test_key_is_needed_everywhere_but_health(door):
    with serving(door, "sésame") as url, httpx.Client(base_url=url) as http:
        _check_key(http)


def _check_key(http):
    assert http.get("/health").json()["status"] == "ok"
    for path in ("/v1/atlases", "/openapi.json", "/docs", "/v1/nothing"):
        for headers in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "Basic sésame".encode()},
            {"Authorization": "Bearer"},
        ):
            reply = http.get(path, headers=headers)
            assert (reply.status_code, reply.json()["error"]["code"]) == (401, "bad_key")
            assert reply.headers["www-authenticate"] == "Bearer"
    right = {"Authorization": "Bearer sésame".encode()}
    assert http.get("/v1/atlases", headers=right).status_code == 200


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Origin": "http://evil.example"}, "other_site"),
        ({"Sec-Fetch-Site": "cross-site"}, "other_site"),
        ({"Host": "evil.example"}, "untrusted_host"),
        ({"Host": "127.0.0.1:8765"}, None),
        ({"Host": "[::1]:8765", "Origin": "http://[::1]:8765"}, None),
        ({"Host": "localhost:8765"}, None),
    ],
)
def test_without_a_key_other_sites_are_kept_out(http, headers, code):
    reply = http.get("/v1/atlases", headers=headers)
    assert (reply.json()["error"]["code"] if code else None) == code
    assert reply.status_code == (403 if code else 200)


def test_openapi_names_the_door(http):
    page = http.get("/openapi.json").json()
    names = {op["operationId"] for path in page["paths"].values() for op in path.values()}
    assert names == {
        "sql", "search", "submit", "jobs", "retry", "delete", "recurate", "reindex",
        "create_atlas", "atlases", "ontologies", "load_ontologies",
        "export", "gene", "curate", "doctor", "health",
    }  # fmt: skip
    assert "Job" in page["components"]["schemas"]
    assert "422" not in json.dumps(page)
    formats = page["paths"]["/v1/datasets/{atlas}/{dataset_id}/download"]["get"]["parameters"]
    assert all(name in json.dumps(formats) for name in EXPORT_FORMATS)


def test_docs_page_loads_nothing_from_elsewhere(http):
    pytest.importorskip("fastapi_offline")
    page = http.get("/docs")
    assert page.status_code == 200
    assert "cdn" not in page.text


def test_download_is_one_file_or_an_archive(http, door):
    door.known = {"demo": {"GSE 1": 1}}
    one = http.get("/v1/datasets/demo/GSE%201/download", params={"format": "gct"})
    assert one.content == b"gct of GSE 1"
    assert 'filename="GSE_1.gct"' in one.headers["content-disposition"]
    many = http.get("/v1/datasets/demo/GSE%201/download", params={"format": "csv"})
    assert many.headers["content-type"] == "application/zip"
