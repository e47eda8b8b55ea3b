"""Requests to an OpenSearch cluster: address, sign-in, time limits, and its errors as ours.

One method, `ask`, sends a request and returns the parsed answer. Any node of the address may
answer; where one is away the next is asked.
Keep out: what an index holds.
"""

from __future__ import annotations

import base64
import logging
import ssl
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

import opensearchpy
from opensearchpy.exceptions import OpenSearchException

from polly_resources.addresses import Address, bad_address, parse
from polly_resources.errors import Misconfigured, Unavailable
from polly_resources.search.opensearch_errors import (
    PARTIAL,
    RETRY_HINT,
    stranger,
    translated,
)

EXAMPLE = "opensearch+https://USER@HOST:9200,HOST2:9200/PREFIX-?ca=/etc/ca.pem&replicas=1"
OPTIONS = {"shards": "1", "replicas": "0", "ca": "", "aws_region": "", "aws_service": "es"}


class Cluster:
    """The nodes of one address; safe to share by threads.

    Args:
        address: see `EXAMPLE`; with `aws_region`, requests are signed for AWS with credentials
            of its standard chain. That path is made as AWS documents it and was never run.
        seconds: how long one node has for one answer.
    """

    def __init__(self, address: Address, seconds: float) -> None:
        self.seconds = seconds
        self.name = str(replace(address, options={}))
        # opensearch-py reports every failed try as a warning; we raise what failed in the end.
        logging.getLogger("opensearch").setLevel(logging.ERROR)
        secure = address.scheme == "opensearch+https"
        region = address.options["aws_region"]
        port = 443 if region else 9200
        self._client = opensearchpy.OpenSearch(
            hosts=[{"host": host, "port": number or port} for host, number in address.hosts],
            use_ssl=secure,
            ssl_context=_context(address) if secure else None,
            headers=_basic(address),
            http_auth=_signer(region, address.options["aws_service"]) if region else None,
            timeout=seconds,
            pool_maxsize=32,
            max_retries=min(max(len(address.hosts) - 1, 1), 2),
            retry_on_timeout=True,
        )

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | bytes | None = None, **options: str
    ) -> Any:
        """The answer to one request.

        A write whose answer did not come may have been made: ask only for what may be made twice.

        Args:
            method: of HTTP.
            path: what is asked, quoted, see `path_of`.
            body: JSON, or bytes of lines of JSON.
            options: of the request, `timeout` among them.

        Raises:
            NotFound: where an index or alias is absent; it is the `place`.
            Unavailable: where no node answers in time, or the cluster is busy or full.
            Misconfigured: where it refuses, or is no OpenSearch.
        """
        url = f"{path}?{urlencode(options)}" if options else path
        try:
            answer = self._client.transport.perform_request(method, url, body=body)
        except OpenSearchException as error:
            raise translated(self.name, error) from error
        if not isinstance(answer, Mapping):
            raise stranger(self.name, str(answer))
        return answer

    def whole(self, method: str, path: str, body: Mapping[str, Any], **options: str) -> Any:
        """The answer to a request that every shard must take part in, see `ask`.

        Raises Unavailable `search_partial` where one did not.
        """
        answer = self.ask(method, path, body or None, **options)
        shards = answer.get("_shards", {})
        if not answer.get("timed_out") and not shards.get("failed"):
            return answer
        failures = shards.get("failures") or [{}]
        raise Unavailable(
            PARTIAL,
            f"{shards.get('failed', 0)} of {shards.get('total', '?')} shards of {self.name} did "
            f"not answer: {failures[0].get('reason', 'it took too long')}",
            hint=RETRY_HINT,
        )


def address_of(text: str) -> Address:
    """The parts of a search address. Raises Misconfigured."""
    address = parse(text, "search", EXAMPLE, OPTIONS)
    if not address.hosts:
        raise bad_address(str(address), "search", "it names no host", EXAMPLE)
    for name, least in (("shards", 1), ("replicas", 0)):
        value = address.options[name]
        if not (value.isascii() and value.isdigit()) or int(value) < least:
            why = f"{name} is {value!r}, expected a number of at least {least}"
            raise bad_address(str(address), "search", why, EXAMPLE)
    return address


def path_of(*parts: str) -> str:
    """The path of a request from its parts."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _context(address: Address) -> ssl.SSLContext:
    file = address.options["ca"] or None
    try:
        return ssl.create_default_context(cafile=file)
    except (OSError, ssl.SSLError) as error:
        raise bad_address(
            str(address), "search", f"ca={file} cannot be read: {error}", EXAMPLE
        ) from error


def _basic(address: Address) -> Mapping[str, str] | None:
    if not address.user:
        return None
    login = f"{address.user}:{address.password}".encode()
    return {"authorization": f"Basic {base64.b64encode(login).decode()}"}


def _signer(region: str, service: str) -> Any:
    import boto3
    from opensearchpy import Urllib3AWSV4SignerAuth

    credentials = boto3.session.Session().get_credentials()
    if credentials is None:
        raise Misconfigured(
            "no_credentials",
            "there are no AWS credentials for the search index",
            hint="set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a role",
        )
    return Urllib3AWSV4SignerAuth(credentials, region, service)
