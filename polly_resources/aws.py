"""Clients of AWS services and of servers that speak their protocols; and their errors as ours.

Credentials come from AWS's standard chain alone (environment, shared files, container and
instance roles); no address holds a key. An address's `endpoint` names a server that stands in
AWS's place, its `region` the region.
Keep out: what a service is used for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore import exceptions as aws
from botocore.config import Config

from polly_resources.addresses import Address
from polly_resources.errors import Misconfigured, PollyError, Unavailable

OPTIONS = {"endpoint": "", "region": ""}
"""The options that every address of an AWS service may have."""

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
ATTEMPTS = 4

_CREDENTIALS = (
    aws.NoCredentialsError,
    aws.PartialCredentialsError,
    aws.CredentialRetrievalError,
    aws.ProfileNotFound,
    aws.TokenRetrievalError,
    aws.UnauthorizedSSOTokenError,
)
_REFUSED = {
    "403",
    "AccessDenied",
    "AccessDeniedException",
    "AccountProblem",
    "AllAccessDisabled",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_PASSING = {
    "ConcurrentModificationException",
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "KmsThrottled",
    "LimitExceededException",
    "OverLimit",
    "OperationTimeoutException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflictException",
    "TransactionInProgressException",
}


def client(
    service: str,
    address: Address,
    *,
    read_seconds: float = READ_SECONDS,
    attempts: int | None = None,
) -> Any:
    """A client of one service at the address's endpoint and region; safe to share by threads.

    Raises Misconfigured without a region, with credentials that cannot be read, or with an
    endpoint that is no URL.
    """
    endpoint = address.options.get("endpoint") or None
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=read_seconds,
        max_pool_connections=32,
        retries={"mode": "standard", "total_max_attempts": attempts or ATTEMPTS},
        # A server under one name cannot answer for bucket.name.
        s3={"addressing_style": "path"} if endpoint else None,
        # Servers in AWS's place do not all know the newer checksums.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    with errors(service, service):
        session = boto3.session.Session()
        region = _region(address, session)
        try:
            return session.client(service, endpoint_url=endpoint, region_name=region, config=config)
        except ValueError as error:
            raise Misconfigured(
                "bad_endpoint",
                f"the address's endpoint {endpoint!r} is no URL",
                hint="give it as ?endpoint=http://HOST:PORT",
            ) from error


class Keys:
    """Access keys for a library that does not ask AWS's chain itself; safe to share by threads.

    Raises Misconfigured without keys or region.
    """

    def __init__(self, address: Address, place: str) -> None:
        self._place = place
        with errors("credentials", place):
            session = boto3.session.Session()
            self.region = _region(address, session)
            self._found = session.get_credentials()
            if self._found is None:
                raise aws.NoCredentialsError

    def now(self) -> tuple[str, str, str]:
        """Access key, secret key and session token; good for minutes more, where they end."""
        with errors("credentials", self._place):
            keys = self._found.get_frozen_credentials()
        return keys.access_key, keys.secret_key, keys.token or ""


def _region(address: Address, session: boto3.session.Session) -> str:
    standin = "us-east-1" if address.options.get("endpoint") else session.region_name
    region = address.options.get("region") or standin
    if region is None:
        raise aws.NoRegionError
    return region


@contextmanager
def errors(what: str, place: str) -> Iterator[None]:
    """AWS's errors as ours: Unavailable where a retry can help, else Misconfigured.

    Args:
        what: the word that codes begin with, such as `ledger`.
        place: what was asked: a bucket, a table, a queue.
    """
    try:
        yield
    except (aws.ClientError, aws.BotoCoreError) as error:
        raise translated(error, what, place) from error


def code_of(error: aws.ClientError) -> str:
    """The service's own word for the error, such as `NoSuchKey` or `404`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def translated(error: Exception, what: str, place: str) -> PollyError:
    """The error of ours that one of AWS's stands for."""
    if isinstance(error, _CREDENTIALS):
        return Misconfigured(
            "no_credentials",
            f"there are no AWS credentials for {place}: {error}",
            hint="set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a role",
        )
    if isinstance(error, aws.NoRegionError):
        return Misconfigured(
            "no_region",
            f"no AWS region is set for {place}",
            hint="set AWS_REGION, or add ?region=NAME to the address",
        )
    if not isinstance(error, aws.ClientError):
        return _unavailable(error, what, place)
    told = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return answered(code_of(error), str(told.get("Message", "")), status, what, place)


def answered(code: str, message: str, status: int, what: str, place: str) -> PollyError:
    """The error of ours for a service's answer: its own code and message, and HTTP's status."""
    said = f"{code} {message}".strip() or f"HTTP status {status}"
    if code == "NoSuchBucket":
        return Misconfigured(
            "no_bucket",
            f"{place} does not exist",
            hint="make it, such as with `aws s3 mb s3://NAME`, or correct the address",
        )
    if code in _PASSING or status == 429 or status >= 500:
        return _unavailable(said, what, place)
    if code in _REFUSED or status in (401, 403):
        return Misconfigured(
            f"{what}_refused",
            f"{place} refuses access: {said}",
            hint="check the AWS credentials and what they may do",
        )
    return Misconfigured(
        f"{what}_failed",
        f"{place} does not take the request: {said}",
        hint="check the address",
    )


def _unavailable(said: object, what: str, place: str) -> Unavailable:
    return Unavailable(
        f"{what}_unavailable",
        f"{place} did not answer: {said}",
        hint="it may be down, slow or full: try again, and see `polly doctor`",
    )
