"""Patience: calls to a store that is away for a moment are repeated until it is back.

The pipeline is patient, because a batch that fails for a restart of a server would do its work
again; people at a door are not, they get the error at once. Every call of the contracts may be
repeated: what a store did although its answer was lost, it does again or finds done.
Keep out: which errors a retry can cure (`errors.Transient`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any, TypeVar, cast

import tenacity

from polly_resources.errors import Unavailable

LOG = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0


def patient(store: T, seconds: float) -> T:
    """The store, whose calls wait up to so many seconds for it to become available.

    A call that is still Unavailable then raises that. What a call yields is held in memory.
    """
    return cast(T, _Patient(store, seconds))


class _Patient:
    def __init__(self, store: Any, seconds: float) -> None:
        self._store = store
        self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return partial(self._call, found) if callable(found) else found

    def _call(self, method: Callable[..., Any], *args: Any, **named: Any) -> Any:
        def call() -> Any:
            answer = method(*args, **named)
            return iter(list(answer)) if isinstance(answer, Iterator) else answer

        answer = self._until_available(call)
        return self._entered(call) if isinstance(answer, AbstractContextManager) else answer

    @contextmanager
    def _entered(self, call: Callable[[], AbstractContextManager[Any]]) -> Iterator[Any]:
        """A context whose entering is repeated: that is where an object is fetched."""
        with ExitStack() as stack:
            yield self._until_available(lambda: stack.enter_context(call()))

    def _until_available(self, call: Callable[[], Any]) -> Any:
        retry = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Unavailable),
            stop=tenacity.stop_after_delay(self._seconds),
            wait=tenacity.wait_exponential(multiplier=FIRST_WAIT, max=LONGEST_WAIT),
            before_sleep=_tell,
            reraise=True,
        )
        return retry(call)


def _tell(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    wait = state.next_action.sleep if state.next_action else 0.0
    LOG.warning("waiting %.1f s for a store to come back: %s", wait, error)
