"""Words of SQL that every engine writes alike: identifiers, strings, the names of Arrow types.

Owns how a type is put together; which names an engine has for it, the engine's module says.
Keep out: statements.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from polly_resources.errors import Misconfigured


def quote(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """An SQL string."""
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class TypeNames:
    """The names that one engine has for Arrow types.

    `simple` pairs tests with names, the first that fits counts; `moment` is a timestamp with a
    zone; `array` has `{}` where the element's type goes; `struct` stands before the fields.
    """

    engine: str
    simple: tuple[tuple[Callable[[pa.DataType], bool], str], ...]
    moment: str
    timestamp: str
    array: str
    struct: str

    def of(self, kind: pa.DataType) -> str:
        """The SQL type that holds an Arrow type. Raises Misconfigured for one that has none."""
        for test, name in self.simple:
            if test(kind):
                return name
        name = self._parametric(kind)
        if not name:
            raise Misconfigured("unknown_type", f"{self.engine} has no type for Arrow's {kind}")
        return name

    def _parametric(self, kind: pa.DataType) -> str:
        name = ""
        if pa.types.is_timestamp(kind):
            name = self.moment if kind.tz else self.timestamp
        elif pa.types.is_decimal128(kind):
            name = f"DECIMAL({kind.precision}, {kind.scale})"
        elif pa.types.is_dictionary(kind):
            name = self.of(kind.value_type)
        elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
            name = self.array.format(self.of(kind.value_type))
        elif pa.types.is_map(kind):
            name = f"MAP({self.of(kind.key_type)}, {self.of(kind.item_type)})"
        elif pa.types.is_struct(kind):
            fields = ", ".join(f"{quote(field.name)} {self.of(field.type)}" for field in kind)
            name = f"{self.struct}({fields})"
        return name
