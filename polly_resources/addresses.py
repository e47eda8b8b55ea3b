"""Addresses of backends, taken apart: `scheme://user:password@host:port,host:port/path?option=value`.

Owns the one reading of addresses that backends share. The password never shows: neither in
`repr` nor in `str`. Keep out: which schemes exist (`backends`) and what options mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode

from polly_resources.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of an address, percent-decoded; `hosts` are `(name, port or None)`."""

    scheme: str
    user: str = ""
    password: str = field(default="", repr=False)
    hosts: tuple[tuple[str, int | None], ...] = ()
    path: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """The first host's name."""
        return self.hosts[0][0] if self.hosts else ""

    @property
    def port(self) -> int | None:
        """The first host's port."""
        return self.hosts[0][1] if self.hosts else None

    def __str__(self) -> str:
        user = f"{quote(self.user, safe='')}@" if self.user else ""
        hosts = ",".join(name if port is None else f"{name}:{port}" for name, port in self.hosts)
        options = f"?{urlencode(self.options, safe='/:')}" if self.options else ""
        return f"{self.scheme}://{user}{hosts}{quote(self.path)}{options}"


def parse(
    text: str, capability: str, example: str, options: Mapping[str, str] | None = None
) -> Address:
    """The parts of an address.

    Args:
        text: the address.
        capability: whose address it is; errors name the variable that sets it.
        example: what a good address looks like, for errors.
        options: the options that it may have, with their defaults; None: any.

    Raises:
        Misconfigured: for what is no address, a port that is no number, an unknown option.
    """
    scheme, mark, rest = text.partition("://")
    rest, _, query = rest.partition("?")
    place, slash, path = rest.partition("/")
    login, _, hosts = place.rpartition("@")
    user, _, password = login.partition(":")
    given = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(given.keys() - options.keys()) if options is not None else []
    if not mark or unknown:
        why = f"unknown option {', '.join(unknown)}" if unknown else "it has no scheme"
        raise bad_address(strip_password(text)[0], capability, why, example)
    try:
        named = tuple(_host(host) for host in hosts.split(",") if host)
    except ValueError:
        raise bad_address(
            strip_password(text)[0], capability, f"{hosts!r} is not HOST:PORT", example
        ) from None
    return Address(
        scheme=scheme,
        user=unquote(user),
        password=unquote(password),
        hosts=named,
        path=unquote(slash + path),
        options={**(options or {}), **given},
    )


def bad_address(text: str, capability: str, why: str, example: str) -> Misconfigured:
    """The error for an address that a backend cannot use; `text` without its password."""
    return Misconfigured(
        "bad_address",
        f"{capability} address {text!r} cannot be used: {why}",
        hint=f"set POLLY_{capability.upper()} to an address such as {example}",
    )


def strip_password(text: str) -> tuple[str, str]:
    """The address without its password, and the password, decoded; '' where it has none."""
    scheme, mark, rest = text.partition("://")
    place, slash, path = rest.partition("/")
    login, at, hosts = place.rpartition("@")
    user, colon, password = login.partition(":")
    if not mark or not colon:
        return text, ""
    return f"{scheme}{mark}{user}{at}{hosts}{slash}{path}", unquote(password)


def insert_password(text: str, password: str) -> str:
    """The address with the password put beside its user; unchanged without a user."""
    scheme, mark, rest = text.partition("://")
    place, slash, path = rest.partition("/")
    user, at, hosts = place.rpartition("@")
    if not at or ":" in user:
        return text
    return f"{scheme}{mark}{user}:{quote(password, safe='')}{at}{hosts}{slash}{path}"


def _host(text: str) -> tuple[str, int | None]:
    name, colon, port = text.rpartition(":")
    if text.endswith("]") or not colon:
        return text, None
    return name, int(port)
