"""Delta tables in a bucket of S3 or of a server that speaks its protocol.

Owns the options of the Delta library's own S3 client, and what that client's errors mean.
Keep out: the probe for safe writers (`conditional`).
"""

from __future__ import annotations

import re
import threading

from deltalake.fs import DeltaStorageHandler
from pyarrow.fs import FileSystem, PyFileSystem

from polly_resources import aws
from polly_resources.addresses import bad_address, parse
from polly_resources.errors import PollyError, Unavailable
from polly_resources.tables.conditional import refuse_unsafe
from polly_resources.tables.delta_places import EXAMPLE, Place

CONNECT_SECONDS = 3
REQUEST_SECONDS = 20
"""A request's time from its start to its last byte, of files of some ten megabytes too."""
RETRY_SECONDS = 10
RETRIES = 6

_PREFIX = re.compile(r"(?!\.)[A-Za-z0-9._-]+(/(?!\.)[A-Za-z0-9._-]+)*")
_DECORATION = re.compile(r"\x1b\[[0-9;]*m|\u21b3")
_STATUS = re.compile(r"status code:? +(\d{3})")
_XML = re.compile(r"<Code>([^<]*)</Code>(?:\s*<Message>([^<]*)</Message>)?")


class Bucket(Place):
    """Tables under `delta+s3://BUCKET[/PREFIX]?endpoint=URL&region=NAME`; keys from AWS's chain.

    The chain is asked before each use, so that no open table outlives its keys.
    """

    def __init__(self, text: str) -> None:
        self._address = parse(text, "tables", EXAMPLE, aws.OPTIONS)
        self._bucket = self._address.host
        self._prefix = self._address.path.strip("/")
        if not self._bucket:
            raise bad_address(text, "tables", "it names no bucket", EXAMPLE)
        if self._prefix and not _PREFIX.fullmatch(self._prefix):
            # Of a prefix that must be encoded, the library does not find the checkpoints.
            why = "its prefix may have only letters, digits, '.', '-', '_' and '/'"
            raise bad_address(text, "tables", why, EXAMPLE)
        self._keys: aws.Keys | None = None
        self._admitted = False
        self._lock = threading.Lock()

    def location(self, table: str) -> str:
        """See `Place.location`."""
        return "s3://" + "/".join(filter(None, (self._bucket, self._prefix, table)))

    def options(self) -> dict[str, str]:
        """See `Place.options`. Raises Misconfigured without keys or region."""
        with self._lock:
            if self._keys is None:
                self._keys = aws.Keys(self._address, f"bucket {self._bucket}")
            access, secret, token = self._keys.now()
        endpoint = self._address.options["endpoint"]
        options = {
            "aws_access_key_id": access,
            "aws_secret_access_key": secret,
            "aws_session_token": token,
            "aws_region": self._keys.region,
            "aws_endpoint_url": endpoint,
            "aws_allow_http": "true" if endpoint.startswith("http:") else "",
            "aws_conditional_put": "etag",
            "connect_timeout": f"{CONNECT_SECONDS}s",
            "timeout": f"{REQUEST_SECONDS}s",
            "retry_timeout": f"{RETRY_SECONDS}s",
            "max_retries": str(RETRIES),
        }
        return {name: value for name, value in options.items() if value}

    def folder(self, table: str) -> FileSystem:
        """See `Place.folder`."""
        return PyFileSystem(DeltaStorageHandler(self.location(table), self.options()))

    def admit_writer(self) -> None:
        """See `Place.admit_writer`; the bucket is asked once."""
        with self._lock:
            if not self._admitted:
                refuse_unsafe(self._address, self._bucket, self._prefix)
                self._admitted = True

    def about(self) -> str:
        """See `Place.about`; the condition has been tried by then."""
        return f"in bucket {self._bucket}, which keeps writers apart"

    def failure(self, table: str, said: str) -> PollyError:
        """See `Place.failure`; from a server's answer, its code and message alone."""
        place = f"bucket {self._bucket}"
        text = " ".join(_DECORATION.sub(" ", said).split())
        status, words = _STATUS.search(text), _XML.search(text)
        if status is not None:
            code, message = words.groups("") if words else ("", "")
            return aws.answered(code, message, int(status.group(1)), "tables", place)
        return Unavailable(
            "tables_unavailable",
            f"{place} did not answer for table {table}: {text}",
            hint="it may be down, slow or full: try again, and see `polly doctor`",
        )
