"""What needs no DynamoDB: items and records, addresses, and the table as the docs tell it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from polly_resources.errors import Misconfigured
from polly_resources.jobs.dynamodb import DynamoLedger
from polly_resources.jobs.dynamodb_items import (
    MOST_WARNINGS,
    Deletion,
    Ended,
    Ingest,
    Source,
    bounded_error,
    bounded_warnings,
    item_of,
    record_of,
)
from polly_resources.jobs.dynamodb_table import definition
from polly_resources.records import Failure, Job, Notice

ADR = Path(__file__).parents[3] / "docs" / "adr" / "0006-dynamodb-ledger.md"

IDS = st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=26, max_size=26)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
TIMES = st.datetimes(timezones=st.just(UTC))
WHOLE = st.integers(-(2**63), 2**63)
FLOATS = st.floats(-1e9, 1e9, allow_subnormal=False).map(lambda value: round(value, 9))

JOBS = st.builds(
    Job,
    job_id=IDS,
    lease_until=st.none() | TIMES,
    created_at=TIMES,
    started_at=st.none() | TIMES,
    finished_at=st.none() | TIMES,
    seconds=st.none() | FLOATS,
    **dict.fromkeys(("shard", "size", "attempt"), WHOLE),
    **dict.fromkeys(("samples", "features"), st.none() | WHOLE),
    **dict.fromkeys(("atlas", "source", "dataset_id", "fingerprint", "etag", "stage"), TEXTS),
    **dict.fromkeys(("batch_id", "owner", "format"), st.none() | TEXTS),
    warnings=st.lists(st.builds(Notice, TEXTS, TEXTS, TEXTS), max_size=2).map(tuple),
    error=st.none() | st.builds(Failure, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS),
)
ID_LISTS = st.lists(IDS, max_size=3).map(tuple)
ENDS = st.dictionaries(IDS, st.builds(Ended, TEXTS, st.booleans(), TIMES), max_size=3)
SOURCES = st.builds(
    Source,
    TEXTS,
    TEXTS,
    ID_LISTS,
    st.none() | IDS,
    st.just("") | IDS,
    st.none() | st.builds(Ingest, st.none() | TEXTS, TEXTS, ENDS),
)
DELETIONS = st.builds(Deletion, TEXTS, TEXTS, ID_LISTS, st.none() | TIMES)


@given(JOBS | SOURCES | DELETIONS, st.integers(1, 10**12))
def test_what_is_stored_is_what_is_read(record, version):
    assert record_of(item_of(record, version)) == (record, version)


@given(JOBS)
def test_no_index_has_an_empty_key(job):
    item = item_of(job, 1)
    for index in definition("jobs")["GlobalSecondaryIndexes"]:
        for key in index["KeySchema"]:
            assert item.get(key["AttributeName"]) != {"S": ""}


@given(st.lists(st.builds(Notice, TEXTS, st.text(max_size=5_000), TEXTS), max_size=20).map(tuple))
def test_warnings_that_fit_are_kept_whole(warnings):
    kept = bounded_warnings(warnings)
    if len(kept) == len(warnings) and kept == warnings:
        return
    assert kept[:-1] == warnings[: len(kept) - 1]
    assert kept[-1].code == "more_warnings"
    told = int(kept[-1].message.split()[0])
    assert told == len(warnings) - len(kept) + 1
    assert sum(len(notice.message) for notice in kept[:-1]) <= MOST_WARNINGS


def test_short_errors_are_kept():
    error = Failure("bad", "m" * 2_000, "f", "p", "h")
    assert bounded_error(error) == error
    assert bounded_error(None) is None
    assert bounded_error(replace(error, hint="h" * 2_001)).hint.endswith("(1 characters cut)")


@pytest.mark.parametrize(
    "address",
    [
        "dynamodb://",
        "dynamodb://ab",
        "dynamodb://a/b",
        "dynamodb://odd name",
        "dynamodb://table:8000",
        "dynamodb://key:secret@table",
        "dynamodb://one,two",
        "dynamodb://table?endpint=http://127.0.0.1:8000",
        "table",
    ],
)
def test_an_address_that_names_no_table_is_refused(address):
    with pytest.raises(Misconfigured, match="cannot be used") as caught:
        DynamoLedger(address)
    assert "secret" not in str(caught.value)


def test_the_table_is_the_one_that_the_docs_tell():
    template = re.search(r"```yaml\n(.*?)```", ADR.read_text(), re.DOTALL)
    assert template is not None
    [resource] = yaml.safe_load(template[1])["Resources"].values()
    told = resource["Properties"]
    made = definition("polly-jobs")
    assert told == made
