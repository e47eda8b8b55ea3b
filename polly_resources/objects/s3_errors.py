"""What goes wrong with objects in S3, as errors of ours.

`aws` knows what every AWS service says; here is what S3 and the transfer of files add to it.
Keep out: requests.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import S3TransferRetriesExceededError
from botocore.exceptions import BotoCoreError, ClientError

from polly_resources import aws
from polly_resources.errors import BadInput, Conflict, PollyError, Unavailable
from polly_resources.objects.keys import bad_key

_ABSENT = ("404", "NoSuchKey", "NotFound")
_OCCUPIED = ("ExistingObjectIsDirectory", "ObjectParentIsFile")
_OVERTAKEN = ("NoSuchUpload", "PreconditionFailed")


def is_absent(error: ClientError) -> bool:
    """Whether the answer was that there is no such thing; HEAD does not say which thing."""
    return aws.code_of(error) in _ABSENT


def no_bucket(place: str) -> PollyError:
    """The error for a bucket that is not there."""
    return aws.answered("NoSuchBucket", "", 404, "store", place)


@contextmanager
def errors(key: str, place: str) -> Iterator[None]:
    """The errors of requests and transfers as ours; `place` is the bucket in words."""
    try:
        yield
    except S3UploadFailedError as error:  # boto3 wraps what an upload was answered
        answer = error.__context__
        raise _named(answer if isinstance(answer, ClientError) else error, key, place) from error
    except S3TransferRetriesExceededError as error:
        raise _named(error.last_exception, key, place) from error
    except (BotoCoreError, ClientError) as error:
        raise _named(error, key, place) from error


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Errors of the local file that is to be stored."""
    try:
        yield
    except BotoCoreError:  # some are OSErrors too, and none is about the file
        raise
    except OSError as error:
        raise BadInput(
            "unreadable_file",
            f"the file cannot be read ({error.strerror or error})",
            file=str(path),
            hint="give this user the right to read it, or leave it out",
        ) from error


@contextmanager
def copying(key: str) -> Iterator[None]:
    """Errors of the local file that an object is copied to."""
    try:
        yield
    except BotoCoreError:  # some are OSErrors too, and none is about the file
        raise
    except OSError as error:
        raise Unavailable(
            "no_temporary_space",
            f"the object cannot be copied to the temporary folder: {error}",
            file=key,
            hint="free space there, or set TMPDIR to a folder with more",
        ) from error


def _named(error: Exception, key: str, place: str) -> PollyError:
    code = aws.code_of(error) if isinstance(error, ClientError) else ""
    if code == "KeyTooLongError":
        return bad_key(key, f"{place} takes no name as long")
    if code in _OCCUPIED:
        return Conflict(
            "key_conflict",
            f"{place} cannot hold a key both as an object and as a folder of objects",
            file=key,
            hint="choose another key, or delete the object that is in the way",
        )
    if code in _OVERTAKEN:  # an upload that was forgotten, an object replaced while it was read
        return Unavailable(
            "store_busy",
            f"{place}: another writer came between ({code})",
            file=key,
            hint="try again",
        )
    return aws.translated(error, "store", place)
