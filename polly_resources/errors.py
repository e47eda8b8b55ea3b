"""The errors of the platform: one tree, and every error says what to do next.

    PollyError
    ├── Transient           the same call may succeed later; callers retry
    │   └── Unavailable     a store or service did not answer, or another process holds it
    └── Permanent           retrying cannot help
        ├── BadInput        a file or record is not what its format demands
        ├── BadQuery        an SQL statement or search cannot be answered
        ├── Conflict        the request contradicts what is already stored
        ├── Misconfigured   settings are wrong or an optional package is missing
        └── NotFound        the named thing does not exist

Add a class only where callers must tell it apart; a new situation is a new `code`.
Keep out: formatting for terminals or HTTP.
"""

from __future__ import annotations

from polly_resources.records import Failure


class PollyError(Exception):
    """An expected failure: what happened, where, and what to do about it.

    `code` is a stable snake_case word for machines; `message` names what was found and
    what was expected; `file` and `place` (line, column, HDF5 path, SQL position) say
    where; `hint` says what to do.
    """

    def __init__(
        self, code: str, message: str, *, file: str = "", place: str = "", hint: str = ""
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.file = file
        self.place = place
        self.hint = hint

    def failure(self) -> Failure:
        """The error as a record that can be stored and shown."""
        return Failure(self.code, self.message, self.file, self.place, self.hint)

    def __str__(self) -> str:
        where = ", ".join(part for part in (self.file, self.place) if part)
        text = f"{where}: {self.message}" if where else self.message
        return f"{text} ({self.hint})" if self.hint else text


class Transient(PollyError):
    """The same call may succeed later."""


class Unavailable(Transient):
    """A store or service did not answer, or another process holds it."""


class Permanent(PollyError):
    """Retrying cannot help."""


class BadInput(Permanent):
    """A file or record is not what its format demands."""


class BadQuery(Permanent):
    """An SQL statement or a search cannot be answered as written."""


class Conflict(Permanent):
    """The request contradicts what is already stored."""


class Misconfigured(Permanent):
    """Settings are wrong, or an optional package is missing."""


class NotFound(Permanent):
    """The named thing does not exist."""
