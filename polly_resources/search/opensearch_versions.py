"""The versions of an atlas's index: which is in force, which is being built, which may go.

Each version is an index `<prefix><atlas>-<32 hex digits>`; the alias `<prefix><atlas>` points at
the one in force. A version under construction has the alias `<version>~building` from its first
moment until, in one step, it is put in force: that alias makes other writers wait, and who
removes it decides what becomes of the version. A version without an alias is garbage.
Keep out: documents and searches.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from polly_resources.addresses import Address, bad_address
from polly_resources.errors import BadInput, Conflict, NotFound, Unavailable
from polly_resources.search import opensearch_schema as schema
from polly_resources.search.base import checked_atlas
from polly_resources.search.opensearch_client import EXAMPLE, Cluster, path_of

_OUTSIDE = re.compile(r"[^a-z0-9_-]|^[_-]")
_PREFIX = re.compile(r"(?:[a-z0-9][a-z0-9_.-]*)?")
_MAX_NAME = 200
_POLL_SECONDS = 0.2
_TRIES = 10


@dataclass(frozen=True, slots=True)
class State:
    """The versions of an atlas by what they are; `garbage` is in nobody's use but readers'."""

    current: str | None
    building: frozenset[str]
    garbage: frozenset[str]


class Versions:
    """The versions of every atlas of one cluster.

    Args:
        cluster: where they are.
        address: with the prefix of names as its path, and `shards` and `replicas` of new ones.
        busy_seconds: how long a write waits for versions being built before Unavailable.
    """

    def __init__(self, cluster: Cluster, address: Address, busy_seconds: float) -> None:
        self._cluster = cluster
        self._prefix = address.path.strip("/")
        if not _PREFIX.fullmatch(self._prefix):
            why = f"the prefix {self._prefix!r} may have a-z, 0-9, _, - and . only"
            raise bad_address(str(address), "search", why, EXAMPLE)
        self._options = address.options
        self._busy_seconds = busy_seconds
        self._facets: dict[str, frozenset[str]] = {}

    def alias(self, atlas: str) -> str:
        """The name by which an atlas's index is read. Raises BadInput for what names no atlas."""
        name = _OUTSIDE.sub(lambda found: f"~{ord(found[0]):x}~", checked_atlas(atlas))
        alias = self._prefix + name
        if len(alias) > _MAX_NAME:
            raise BadInput(
                "bad_atlas",
                f"the name of atlas {atlas!r} is too long for an index: {alias!r}",
                hint=f"use at most {_MAX_NAME} characters",
            )
        return alias

    def settled(self, alias: str) -> str | None:
        """The version in force, None before the first, when no other is being built.

        Raises Unavailable where one is being built for long. One that did not grow all the time
        was left by a process that died: it is removed.
        """
        state = self._tidied(alias)
        if not state.building:
            return state.current
        before = {index: self._writes(index) for index in state.building}
        end = time.monotonic() + self._busy_seconds
        while time.monotonic() < end:
            time.sleep(_POLL_SECONDS)
            state = self.state(alias)
            if not state.building:
                return state.current
        for index in state.building:
            if self._writes(index) == before.get(index):
                self.abandon(index)
        state = self.state(alias)
        if state.building:
            raise Unavailable(
                "search_index_busy",
                f"the search index {alias!r} was being rebuilt for {self._busy_seconds:g} s",
                hint="try again",
            )
        return state.current

    def state(self, alias: str) -> State:
        """The versions of one alias."""
        version = re.compile(re.escape(alias) + "-[0-9a-f]{32}")
        found = self._cluster.ask("GET", f"{path_of(f'{alias}-')}*/_alias")
        named = {
            index: frozenset(told["aliases"])
            for index, told in found.items()
            if version.fullmatch(index)
        }
        return State(
            current=next((index for index, names in named.items() if alias in names), None),
            building=frozenset(i for i, names in named.items() if building(i) in names),
            garbage=frozenset(index for index, names in named.items() if not names),
        )

    def make_first(self, alias: str, facets: Collection[str]) -> None:
        """Put an empty version in force; nothing where another writer was quicker."""
        # Two indexes cannot both be the one that an alias writes to.
        with suppress(Conflict):
            self._create(_version(alias), facets, {alias: {"is_write_index": True}})

    def begin(self, alias: str, facets: Collection[str]) -> str:
        """A new version under construction; to be filled by the alias `building` of it."""
        index = _version(alias)
        # A conflict is our own request that was made, and repeated for want of its answer.
        with suppress(Conflict):
            self._create(index, facets, {building(index): {}})
        return index

    def put_in_force(self, alias: str, index: str) -> None:
        """Let the alias point at a version that was under construction, in one step.

        Raises Unavailable where the version was taken for abandoned.
        """
        for _ in range(_TRIES):
            state = self.state(alias)
            if state.current == index:
                return
            if index not in state.building:
                break
            actions = [
                {"add": {"index": index, "alias": alias, "is_write_index": True}},
                _removal(index, building(index)),
            ]
            if state.current is not None:
                actions.insert(0, _removal(state.current, alias))
            with suppress(NotFound, Conflict):
                self._cluster.ask("POST", "/_aliases", {"actions": actions})
        else:
            raise Unavailable("search_index_busy", f"{alias!r} changes all the time")
        raise Unavailable(
            "search_rebuild_lost",
            f"another writer took the rebuild of {alias!r} for dead and removed its index",
            hint="rebuild again",
        )

    def abandon(self, index: str) -> None:
        """Remove a version under construction; nothing where it is in force by now."""
        with suppress(NotFound, Conflict):
            actions = [_removal(index, building(index))]
            self._cluster.ask("POST", "/_aliases", {"actions": actions})
            self._drop(index)

    def tidy(self, alias: str) -> None:
        """Remove versions that nobody uses any more."""
        self._tidied(alias)

    def declare(self, index: str, facets: Collection[str]) -> None:
        """See that the mapping of a version has these facets, as fields and for Trino.

        What is declared is replaced as a whole. So it is made of the fields as they are, and
        looked at again after it was written: of two writers, the later sees the other's fields.
        """
        known = self._facets.get(index)
        if known is not None and known.issuperset(facets):
            return
        path = path_of(index, "_mapping")
        told = self._cluster.ask("GET", path)[index]["mappings"]
        present = _fields(told)
        if not present.issuperset(facets):
            new = schema.facet_fields(frozenset(facets) - present)
            self._cluster.ask("PUT", path, {"properties": {"facets": new}})
            told = self._cluster.ask("GET", path)[index]["mappings"]
        while schema.declared(_fields(told))["_meta"] != told.get("_meta"):
            self._cluster.ask("PUT", path, schema.declared(_fields(told)))
            told = self._cluster.ask("GET", path)[index]["mappings"]
        self._facets[index] = _fields(told)

    def _create(self, index: str, facets: Collection[str], aliases: object) -> None:
        """Make a version, and wait for its copies: what one copy alone has may die with it.

        A cluster of too few nodes never has them all; after a while it goes on without.
        """
        self._cluster.ask(
            "PUT",
            path_of(index),
            {
                "settings": schema.settings(self._options["shards"], self._options["replicas"]),
                "mappings": schema.mapping(facets),
                "aliases": aliases,
            },
            wait_for_active_shards="all",
            timeout=f"{max(int(self._cluster.seconds / 3), 1)}s",
        )

    def _tidied(self, alias: str) -> State:
        state = self.state(alias)
        for index in state.garbage:
            with suppress(NotFound):
                if not self._in_use(index):
                    self._drop(index)
        return state

    def _in_use(self, index: str) -> bool:
        """Whether somebody still reads a version; to remove it would break that."""
        told = self._cluster.ask("GET", path_of(index, "_stats", "search"))
        return bool(told["_all"]["total"]["search"]["open_contexts"])

    def _writes(self, index: str) -> int:
        try:
            told = self._cluster.ask("GET", path_of(index, "_stats", "indexing"))
        except NotFound:
            return 0
        return int(told["_all"]["total"]["indexing"]["index_total"])

    def _drop(self, index: str) -> None:
        self._facets.pop(index, None)
        self._cluster.ask("DELETE", path_of(index))


def building(index: str) -> str:
    """The alias of a version under construction."""
    return f"{index}~building"


def _version(alias: str) -> str:
    return f"{alias}-{uuid.uuid4().hex}"


def _removal(index: str, alias: str) -> dict[str, object]:
    return {"remove": {"index": index, "alias": alias, "must_exist": True}}


def _fields(mapping: Any) -> frozenset[str]:
    """The facets that a mapping has as fields."""
    return frozenset(mapping["properties"]["facets"].get("properties", ()))
