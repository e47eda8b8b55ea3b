"""The object store in an S3 bucket: AWS, or a server that speaks its protocol.

Other programs write into the bucket too, so nothing here relies on having written an object.
Servers differ in what they promise: those over a file system list folder by folder and take
no key that is both an object and a folder.
Keep out: file formats, what the objects mean, and events (`events`).
"""

from __future__ import annotations

import heapq
import logging
import re
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from polly_resources import aws
from polly_resources.addresses import Address, bad_address, parse
from polly_resources.errors import BadInput, NotFound
from polly_resources.objects.base import ObjectInfo, ObjectStore
from polly_resources.objects.keys import bad_key, checked, is_key
from polly_resources.objects.s3_errors import copying, errors, is_absent, no_bucket, reading

_LOG = logging.getLogger(__name__)
_EXAMPLE = "s3://my-bucket/polly?region=eu-west-1"
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,62}")
_KEY_BYTES = 1024
_PAGE = 1000
_READ_SECONDS = 20.0
_PART_BYTES = 16 * 2**20
_TRANSFER = TransferConfig(
    multipart_threshold=_PART_BYTES,
    multipart_chunksize=_PART_BYTES,
    max_concurrency=4,
    num_download_attempts=3,
    preferred_transfer_client="classic",
)
_MARK = "polly-put"


class S3Store(ObjectStore):
    """A store at `s3://BUCKET[/PREFIX]?endpoint=URL&region=NAME`; the bucket must be there.

    Every method raises Unavailable where the bucket does not answer, and Misconfigured where
    there is none or it refuses access.
    """

    def __init__(self, address: str) -> None:
        parts = parse(address, "objects", _EXAMPLE, aws.OPTIONS)
        self._bucket, self._prefix = _place(parts)
        endpoint = parts.options["endpoint"]
        self._where = f"bucket {self._bucket}{endpoint and f' at {endpoint}'}"
        self._client = aws.client("s3", parts, read_seconds=_READ_SECONDS)
        self._bucket_seen = False

    def about(self) -> str:
        """See `Served.about`; the server's name is its own word."""
        with errors("", self._where):
            found = self._client.list_objects_v2(Bucket=self._bucket, MaxKeys=1)
        server = found["ResponseMetadata"]["HTTPHeaders"].get("server", "no name given")
        return f"S3 ({server})"

    def put(self, key: str, path: Path) -> ObjectInfo:
        """See `ObjectStore.put`; large files go in parts, seen by nobody until all are there.

        Raises BadInput for a key that is none or a file that cannot be read, Conflict where
        the server cannot hold the key beside others, NotFound without the file.
        """
        name = self._name(key)
        with reading(path):
            if not path.is_file():
                raise NotFound("file_not_found", "there is no such file to store", file=str(path))
            size = path.stat().st_size
        mark = uuid.uuid4().hex
        with errors(key, self._where), reading(path):
            self._client.upload_file(
                str(path),
                self._bucket,
                name,
                ExtraArgs={"Metadata": {_MARK: mark}},
                Config=_TRANSFER,
            )
        facts = self._facts(key)
        if facts is not None and facts.get("Metadata", {}).get(_MARK) == mark:
            return _info(key, facts["ContentLength"], facts)
        # Another writer replaced it meanwhile; the other's etag would stand for our content.
        return ObjectInfo(key, size, datetime.now(UTC).replace(microsecond=0), f"replaced-{mark}")

    @contextmanager
    def local(self, key: str) -> Iterator[Path]:
        """A copy of the object in a temporary folder, removed at the end. Raises NotFound."""
        name = self._name(key)
        with ExitStack() as stack:
            with copying(key):
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="polly-"))
            path = Path(folder) / name.rpartition("/")[2]
            self._download(key, name, path)
            yield path

    def head(self, key: str) -> ObjectInfo | None:
        """See `ObjectStore.head`."""
        facts = self._facts(key)
        return None if facts is None else _info(key, facts["ContentLength"], facts)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `ObjectStore.list`; one subfolder of the prefix's folder is in memory at a time.

        Objects whose names cannot be keys are passed over with a logged warning, and the empty
        objects `folder/` that stand for folders without one.
        """
        folder = prefix.rpartition("/")[0]
        if folder:
            checked(folder)
        return _in_key_order(self._listed(prefix), len(folder) + 1 if folder else 0)

    def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        name = self._name(key)
        with errors(key, self._where):
            try:
                self._client.delete_object(Bucket=self._bucket, Key=name)
            except ClientError as error:
                if not is_absent(error):
                    raise

    def _name(self, key: str) -> str:
        """The key within the bucket."""
        checked(key)
        name = self._prefix + key
        if len(name.encode()) > _KEY_BYTES:
            raise bad_key(key, f"with the store's prefix it is longer than {_KEY_BYTES} bytes")
        return name

    def _facts(self, key: str) -> dict[str, Any] | None:
        name = self._name(key)
        with errors(key, self._where):
            try:
                facts: dict[str, Any] = self._client.head_object(Bucket=self._bucket, Key=name)
            except ClientError as error:
                if not is_absent(error):
                    raise
                self._expect_bucket()
                return None
        return facts

    def _expect_bucket(self) -> None:
        """Raise Misconfigured without a bucket: HEAD tells of that as of an absent object."""
        if self._bucket_seen:
            return
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            if not is_absent(error):
                raise
            raise no_bucket(self._where) from error
        self._bucket_seen = True

    def _download(self, key: str, name: str, path: Path) -> None:
        with errors(key, self._where), copying(key), path.open("wb") as file:
            try:
                self._client.download_fileobj(self._bucket, name, file, Config=_TRANSFER)
            except ClientError as error:
                if not is_absent(error):
                    raise
                self._expect_bucket()
                message = f"there is no object {key!r}"
                raise NotFound("object_not_found", message, file=key) from error

    def _listed(self, prefix: str) -> Iterator[ObjectInfo]:
        """The objects in the server's order."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket,
            Prefix=self._prefix + prefix,
            PaginationConfig={"PageSize": _PAGE},
        )
        with errors(prefix, self._where):
            for page in pages:
                for item in page.get("Contents", ()):
                    key = item["Key"].removeprefix(self._prefix)
                    if is_key(key):
                        yield _info(key, item["Size"], item)
                    elif not (key.endswith("/") and item["Size"] == 0) and key:
                        _LOG.warning("not listed, its name cannot be a key: %r", item["Key"])


def _place(parts: Address) -> tuple[str, str]:
    """The bucket and the prefix of every key in it, '' or ending in '/'."""
    if parts.scheme != "s3" or not _BUCKET.fullmatch(parts.host):
        raise bad_address(str(parts), "objects", "expected s3:// and a bucket's name", _EXAMPLE)
    if parts.user or parts.port is not None or len(parts.hosts) > 1:
        raise bad_address(str(parts), "objects", "a bucket has no user and no port", _EXAMPLE)
    prefix = parts.path.strip("/")
    if not prefix:
        return parts.host, ""
    try:
        checked(prefix)
    except BadInput as error:
        raise bad_address(str(parts), "objects", error.message, _EXAMPLE) from error
    return parts.host, f"{prefix}/"


def _info(key: str, size: int, facts: Mapping[str, Any]) -> ObjectInfo:
    # Listings know fractions of a second that HEAD does not.
    modified_at = facts["LastModified"].astimezone(UTC).replace(microsecond=0)
    # Over a file system, a file changed by hand keeps the ETag that the server noted.
    noted = facts.get("ETag", "").strip('"')
    return ObjectInfo(key, size, modified_at, f"{noted}-{size}-{int(modified_at.timestamp())}")


def _in_key_order(found: Iterable[ObjectInfo], base: int) -> Iterator[ObjectInfo]:
    """Sort what comes in key order, or folder by folder with the names of each in order.

    Folder by folder 'a/c' comes before 'a-b', though 'a-b' is the lesser key. In both orders
    nothing less than its first name below the base can follow an object.
    """
    held: dict[str, ObjectInfo] = {}
    keys: list[str] = []
    for info in found:
        least = info.key[:base] + info.key[base:].partition("/")[0]
        while keys and keys[0] < least:
            yield held.pop(heapq.heappop(keys))
        if info.key not in held:  # servers may tell of one twice while it is replaced
            heapq.heappush(keys, info.key)
        held[info.key] = info
    while keys:
        yield held.pop(heapq.heappop(keys))
