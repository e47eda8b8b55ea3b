"""The SQL ledger in PostgreSQL: many workers on many machines.

Owns the address `postgresql://USER@HOST:PORT/DATABASE?option=value`, the lock that makes a
write exclusive, the timeouts, and what PostgreSQL's errors mean. What the address leaves open
libpq fills in as ever: PGHOST, PGPASSFILE, PGSSLMODE and the rest of its variables and files.

One advisory lock per ledger orders all writes, as SQLite's one writer does. So a claim sees
every job as it is, ids ascend, and no deadlock is possible; a write takes a few milliseconds.
`FOR UPDATE SKIP LOCKED` would let claims overlap and break the contract: the second would pass
over the highest priority and could take another job of a source that the first is taking.
Keep out: tables and rules of the ledger, and the driver (`sql_psycopg`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from types import ModuleType
from typing import Any
from urllib.parse import unquote

from sqlalchemy import URL, Connection, Dialect, Engine, MetaData, create_engine, event, inspect
from sqlalchemy.exc import DataError, DBAPIError, OperationalError
from sqlalchemy.schema import CreateSchema

from polly_resources.addresses import bad_address, parse, strip_password
from polly_resources.errors import Misconfigured, PollyError
from polly_resources.jobs.sql_engine import Database

EXAMPLE = "postgresql://polly@127.0.0.1:5432/polly"
OPTIONS = {"connect_timeout": "", "schema": "polly_jobs", "sslmode": "", "sslrootcert": ""}
"""The options of addresses. The schema is the ledger's alone: Dagster has a table `jobs` too."""

CONNECT_SECONDS = "5"
GRACE_SECONDS = 5.0
"""How much longer than the server's own timeouts we wait for an answer."""
FROZEN_SECONDS = 20.0
"""How long a worker may pause within a call before the server takes the lock from it."""

_SSL_MODES = ("", "disable", "allow", "prefer", "require", "verify-ca", "verify-full")

_PASSING = ("08", "25P03", "40", "53", "55", "57", "58")
"""SQLSTATE classes of what may pass: connection, deadlock, resources, locks, operator, system."""
_VALUES = ("22", "54")
_SAYINGS = {
    "too many": "53300",
    "connection slots": "53300",
    "certificate": "ssl",
    "does not support ssl": "ssl",
    "sslmode": "ssl",
    "role ": "28000",
    "does not exist": "3D000",
    "authentication failed": "28P01",
    "no password supplied": "28P01",
    "pg_hba.conf": "28000",
    "not permitted to log in": "28000",
    "permission denied": "connect",
}
"""Words of refused connections, whose SQLSTATE libpq does not tell, and what they stand for."""

_REFUSALS = {
    "25006": (
        "ledger_read_only",
        "POLLY_JOBS must name the primary server; of several hosts, HOST:PORT,HOST2:PORT, the one "
        "that takes writes is used",
    ),
    "28000": (
        "ledger_refused",
        "pg_hba.conf of the server must admit {user} from this machine; where it asks for "
        "encryption, add ?sslmode=require to POLLY_JOBS",
    ),
    "28P01": (
        "ledger_refused",
        "set POLLY_JOBS_PASSWORD, or PGPASSFILE, to the password of {user}",
    ),
    "3D000": (
        "ledger_missing",
        "as its administrator: createdb --host {host} --port {port} --owner {user} {database}",
    ),
    "42501": (
        "ledger_refused",
        "as its administrator: CREATE SCHEMA {schema} AUTHORIZATION {user}; or, where it exists, "
        "GRANT ALL ON SCHEMA {schema} TO {user} and GRANT ALL ON {schema}.jobs TO {user}",
    ),
    "connect": (
        "ledger_refused",
        "as its administrator: GRANT CONNECT ON DATABASE {database} TO {user}",
    ),
    "ssl": (
        "ledger_refused",
        "set the options sslmode and sslrootcert of POLLY_JOBS to what the server offers",
    ),
}
"""By SQLSTATE, or a word of `_SAYINGS`, what no repeating can change: a code, and a hint."""
_STRANGE = (
    "ledger_unreadable",
    "the schema {schema} must hold the ledger alone; ?schema=NAME in POLLY_JOBS names another",
)


class PostgresqlDatabase(Database):
    """A PostgreSQL database; the ledger's schema in it is made on first use.

    Several hosts in the address are servers of one cluster: the one that takes writes is used.
    """

    def __init__(self, address: str, metadata: MetaData, busy_seconds: float) -> None:
        self._address = parse(address, "jobs", EXAMPLE, OPTIONS)
        self._schema = self._address.options["schema"]
        place = strip_password(address)[0]
        if why := _unusable(self._address.options):
            raise bad_address(place, "jobs", why, EXAMPLE)
        super().__init__(place, metadata, busy_seconds)
        milliseconds = max(1, int(busy_seconds * 1000))
        timeouts = (
            f"SET LOCAL statement_timeout = {milliseconds};"
            f"SET LOCAL idle_in_transaction_session_timeout = {int(FROZEN_SECONDS * 1000)}"
        )
        lock = int.from_bytes(
            hashlib.blake2b(f"polly ledger {self._schema}".encode(), digest_size=8).digest(),
            signed=True,
        )
        # A write takes its snapshots after the lock, so that it sees all that was written before.
        # All it asks is in an index; statistics, which a queue outruns, would talk it out of them.
        self.reading = {
            "polly_begin": "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;" + timeouts
        }
        self.writing = {
            "polly_begin": "SET TRANSACTION ISOLATION LEVEL READ COMMITTED;"
            f"SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;"
            f"{timeouts}; SELECT pg_advisory_xact_lock({lock})"
        }
        self._driver = _driver()

    def engine(self) -> Engine:
        """See `Database.engine`."""
        engine = create_engine(
            URL.create("postgresql+psycopg"),
            connect_args=self._parameters(),
            execution_options={"schema_translate_map": {None: self._schema}},
            hide_parameters=True,
            pool_pre_ping=True,
            pool_size=2,
            max_overflow=14,
            pool_timeout=self.busy_seconds,
        )
        answer_seconds = self.busy_seconds + GRACE_SECONDS
        driver = self._driver

        @event.listens_for(engine, "do_connect")
        def _connect(
            _dialect: Dialect, _record: object, _args: object, parameters: dict[str, Any]
        ) -> Any:
            return driver.connect(answer_seconds, **parameters)

        return engine

    def make_tables(self, engine: Engine) -> None:
        """See `Database.make_tables`."""
        with engine.execution_options(**self.writing).begin() as connection:
            if not inspect(connection).has_schema(self._schema):
                connection.execute(CreateSchema(self._schema))
            self.metadata.create_all(connection)

    def _parameters(self) -> dict[str, Any]:
        """What libpq and psycopg are told; what is not given is left to them."""
        address = self._address
        ports = [str(port or "") for _, port in address.hosts]
        timeout = self._driver.default_parameter("connect_timeout") or CONNECT_SECONDS
        given = {
            "user": address.user,
            "password": address.password,
            "host": ",".join(unquote(name).strip("[]") for name, _ in address.hosts),
            "port": ",".join(ports) if any(ports) else "",
            "dbname": address.path.removeprefix("/"),
            "target_session_attrs": "read-write" if len(address.hosts) > 1 else "",
            "sslmode": address.options["sslmode"],
            "sslrootcert": address.options["sslrootcert"],
            "connect_timeout": address.options["connect_timeout"] or timeout,
            "keepalives_idle": "30",
            "client_encoding": "utf8",
            "fallback_application_name": "polly",
        }
        # Statements that the server keeps by name would be lost behind a pooler.
        return {name: value for name, value in given.items() if value} | {"prepare_threshold": None}

    def about(self, connection: Connection) -> str:
        """See `Database.about`."""
        return f"PostgreSQL {connection.exec_driver_sql('SHOW server_version').scalar()}"

    def translated(self, error: DBAPIError) -> PollyError:
        """See `Database.translated`."""
        text = " ".join(str(error.orig).split())
        state = getattr(error.orig, "sqlstate", None) or ""
        if not state and isinstance(error, OperationalError):
            state = _state_of(text)
        if state.startswith("53"):
            return self.unavailable(
                text, "free disk, memory or connections (max_connections) of the server, try again"
            )
        if state.startswith(_PASSING):
            return self.unavailable(
                text, "see that the server runs, is reached and not overloaded, then try again"
            )
        if state.startswith(_VALUES) or isinstance(error, DataError):
            return self.unfit(text)
        code, hint = _REFUSALS.get(state, _STRANGE)
        address = self._address
        return Misconfigured(
            code,
            f"the job ledger cannot be used: {text}",
            file=self.place,
            hint=hint.format(
                host=address.host or "HOST",
                port=address.port or 5432,
                user=address.user or "USER",
                database=address.path.removeprefix("/") or "DATABASE",
                schema=self._schema,
            ),
        )


def _unusable(options: Mapping[str, str]) -> str:
    """What is wrong with the options, '' for nothing."""
    if not re.fullmatch("[a-z_][a-z0-9_]{0,62}", options["schema"]):
        return f"schema {options['schema']!r} is not up to 63 of a-z, 0-9 and _"
    if options["sslmode"] not in _SSL_MODES:
        return f"sslmode {options['sslmode']!r} is none of {', '.join(filter(None, _SSL_MODES))}"
    if not re.fullmatch("[0-9]{0,4}", options["connect_timeout"]):
        return f"connect_timeout {options['connect_timeout']!r} is not a number of seconds"
    return ""


def _state_of(text: str) -> str:
    """The SQLSTATE for an error that has none: a connection that failed or was lost."""
    lowered = text.lower()
    return next((state for words, state in _SAYINGS.items() if words in lowered), "08006")


def _driver() -> ModuleType:
    try:
        from polly_resources.jobs import sql_psycopg
    except ImportError as error:
        raise Misconfigured(
            "missing_package",
            f"postgresql needs psycopg: {error}",
            hint="pip install 'polly-open[servers]'",
        ) from error
    return sql_psycopg
