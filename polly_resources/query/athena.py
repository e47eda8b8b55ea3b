"""The SQL engine of AWS: Athena (engine version 3), over Delta tables that Glue lists.

The address is `athena://WORKGROUP?region=NAME&output=s3://BUCKET/PREFIX/`; without `output` the
workgroup says where results go. `glue_prefix` begins the names of Glue's databases, `seconds`
says how long a statement may run, `endpoint` names a server that stands in AWS's place.

Athena reads no older version of a Delta table. So after a statement has run, the engine looks
whether each table is still at the version that was pinned before; where one has moved, there is
no answer but `table_moved`. An answer is always of the pinned versions.
Rows in memory become part of the text of a statement; one that needs no rows of files is answered
by the embedded engine, which also tells what types a result has, before anything is paid for.

No Athena was at hand: the requests are those of AWS's documentation, tested against answers as it
shows them; the SQL and the entries of the catalog were run on a Trino.
Keep out: the catalog (`glue`), the form of statements and results (`athena_sql`, `athena_results`).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
from botocore import exceptions as botocore
from tenacity import (
    RetryError,
    Retrying,
    retry_if_result,
    stop_after_delay,
    wait_random_exponential,
)

from polly_resources import aws
from polly_resources.addresses import bad_address, parse
from polly_resources.errors import BadQuery, Misconfigured, Unavailable
from polly_resources.query import athena_errors, athena_results, athena_sql, results, trino_sql
from polly_resources.query.base import QueryEngine, Relation, Statement
from polly_resources.query.duckdb import DuckDBEngine
from polly_resources.query.glue import GlueCatalog
from polly_resources.query.sql_words import quote
from polly_resources.query.trino_rows import select_rows
from polly_resources.tables.base import TableFiles

MAX_STATEMENT_BYTES = 262_144
"""AWS's quota for the text of a statement, which nobody can raise."""

EXAMPLE = "athena://primary?region=eu-west-1&output=s3://BUCKET/results/"
POLL_SECONDS = 2.0
READ_SECONDS = 20.0

_OPTIONS = {**aws.OPTIONS, "output": "", "glue_prefix": "", "seconds": "300"}
_UNDER_WAY = ("QUEUED", "RUNNING")


class AthenaEngine(QueryEngine):
    """Runs statements in one workgroup; safe to share by threads."""

    def __init__(self, address: str) -> None:
        found = parse(address, "query", EXAMPLE, _OPTIONS)
        try:
            self._seconds = float(found.options["seconds"])
        except ValueError:
            raise bad_address(str(found), "query", "`seconds` is no number", EXAMPLE) from None
        self._workgroup = found.host
        self._output = found.options["output"]
        if not self._workgroup:
            raise bad_address(str(found), "query", "it names no workgroup", EXAMPLE)
        if self._output and not self._output.startswith("s3://"):
            raise bad_address(str(found), "query", "`output` is no s3:// address", EXAMPLE)
        self._athena = aws.client("athena", found, read_seconds=READ_SECONDS)
        self._s3 = aws.client("s3", found, read_seconds=READ_SECONDS)
        self._glue = GlueCatalog(found, found.options["glue_prefix"])
        self._embedded = DuckDBEngine(f"duckdb://?seconds={self._seconds}")

    def run(self, statement: Statement, *, max_rows: int | None = None) -> pa.Table:
        """See `QueryEngine.run`.

        Raises Unavailable `table_moved` too, where a table was written meanwhile.
        """
        files = [r.files for r in statement.relations.values() if r.files is not None]
        read = [table for table in files if table.files]
        if not read:
            return self._embedded.run(statement, max_rows=max_rows)
        schema = self._embedded.run(_emptied(statement), max_rows=0).schema
        text = self._text(statement, schema, max_rows)
        self._glue.publish(read)
        done = self._execute(text)
        if athena_errors.unknown_table(done["Status"]):
            for table in read:
                self._glue.forget(table.table)
            self._glue.publish(read)
            done = self._execute(text)
        if done["Status"]["State"] != "SUCCEEDED":
            names = (name for r in statement.relations.values() for name in r.schema.names)
            raise athena_errors.translate(done["Status"], names)
        answer = athena_results.table(self._result(done), schema)
        for table in read:
            self._check_unmoved(table)
        return answer

    def publish(self, tables: Sequence[TableFiles]) -> None:
        """See `QueryEngine.publish`: entries of the Glue catalog."""
        self._glue.publish(tables)

    def federates(self, search: str) -> bool:
        """See `QueryEngine.federates`: that would take a Lambda function beside each index."""
        return False

    def about(self) -> str:
        """See `Served.about`."""
        with self._errors():
            found = self._athena.get_work_group(WorkGroup=self._workgroup)
        version = found["WorkGroup"].get("Configuration", {}).get("EngineVersion", {})
        return str(version.get("EffectiveEngineVersion") or "Athena engine version unknown")

    def _text(self, statement: Statement, schema: pa.Schema, max_rows: int | None) -> str:
        tree = statement.tree.copy()
        results.shape(tree, max_rows)
        sources = {name: self._source(r) for name, r in statement.relations.items()}
        outer = Statement(athena_sql.outer(tree, schema), statement.relations)
        text = trino_sql.translate(outer, sources)
        if (size := len(text.encode())) > MAX_STATEMENT_BYTES:
            raise BadQuery(
                "query_too_large",
                f"with the rows that are in no table, the statement has {size:,} bytes, and Athena"
                f" takes {MAX_STATEMENT_BYTES:,}",
                hint="select fewer of these rows or columns, or ask for them alone",
            )
        return text

    def _source(self, relation: Relation) -> str:
        if relation.files is None:
            return select_rows(relation)
        if not relation.files.files:
            return trino_sql.select_nothing(relation.schema)
        database, name = self._glue.name_of(relation.files.table)
        source = f"{quote(database)}.{quote(name)}"
        return trino_sql.select(relation.schema, source)

    def _execute(self, text: str) -> dict[str, Any]:
        """Run to its end; the execution as Athena describes it."""
        chosen = {"ResultConfiguration": {"OutputLocation": self._output}} if self._output else {}
        with self._errors():
            started = self._athena.start_query_execution(
                QueryString=text,
                ClientRequestToken=str(uuid.uuid4()),
                WorkGroup=self._workgroup,
                **chosen,
            )
        identity = started["QueryExecutionId"]
        with self._stopping(identity), self._errors():
            return self._wait(identity)

    def _wait(self, identity: str) -> dict[str, Any]:
        last: dict[str, Any] = {}

        def state() -> str:
            found = self._athena.get_query_execution(QueryExecutionId=identity)
            last.update(found["QueryExecution"])
            return str(last["Status"]["State"])

        waiting = Retrying(
            retry=retry_if_result(lambda found: found in _UNDER_WAY),
            stop=stop_after_delay(self._seconds),
            wait=wait_random_exponential(multiplier=0.1, max=POLL_SECONDS),
        )
        try:
            waiting(state)
        except RetryError:
            if last["Status"]["State"] == "QUEUED":
                raise Unavailable(
                    "query_unavailable",
                    f"the statement waited for its turn for {self._seconds:g} s",
                    hint="try again, or raise the workgroup's capacity",
                ) from None
            raise BadQuery(
                "query_too_large",
                f"the statement ran longer than {self._seconds:g} s",
                hint="filter more, or raise `seconds` in POLLY_QUERY",
            ) from None
        return last

    @contextmanager
    def _stopping(self, identity: str) -> Iterator[None]:
        """Stop the execution where nobody waits for its end any more."""
        try:
            yield
        except BaseException:
            with suppress(botocore.ClientError, botocore.BotoCoreError):
                self._athena.stop_query_execution(QueryExecutionId=identity)
            raise

    def _result(self, execution: dict[str, Any]) -> bytes:
        location = execution.get("ResultConfiguration", {}).get("OutputLocation", "")
        place = urlsplit(location)
        if not location:
            raise Misconfigured(
                "no_output",
                f"workgroup {self._workgroup} puts results in no bucket",
                hint=f"add output=s3://BUCKET/PREFIX/ to POLLY_QUERY, as in {EXAMPLE}",
            )
        with aws.errors("query", f"the result at {location}"):
            found = self._s3.get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))
            return bytes(found["Body"].read())

    def _check_unmoved(self, table: TableFiles) -> None:
        """Raise Unavailable where the table has a version behind the pinned one."""
        place = urlsplit(table.location)
        key = f"{place.path.strip('/')}/_delta_log/{table.version + 1:020d}.json"
        with aws.errors("query", f"the log of {table.table}"):
            try:
                self._s3.head_object(Bucket=place.netloc, Key=key)
            except botocore.ClientError as error:
                if aws.code_of(error) in ("404", "NoSuchKey", "NotFound"):
                    return
                raise
        raise Unavailable(
            "table_moved",
            f"{table.table} was written while it was read, and Athena reads no older version",
            hint="run the query again",
        )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """AWS's errors as ours; a statement that Athena does not begin with is the user's."""
        with aws.errors("query", f"Athena (workgroup {self._workgroup})"):
            try:
                yield
            except botocore.ClientError as error:
                if error.response.get("AthenaErrorCode") != "MALFORMED_QUERY":
                    raise
                said = error.response["Error"]["Message"]
                raise BadQuery("syntax_error", f"Athena cannot read this: {said}") from error


def _emptied(statement: Statement) -> Statement:
    """The statement over the same tables without rows."""
    empty = {
        name: Relation(relation.schema, rows=relation.schema.empty_table())
        for name, relation in statement.relations.items()
    }
    return Statement(statement.tree, empty)
