from typing import Literal

def census(data: bytes | bytearray | memoryview, /) -> tuple[int, bool, bool]: ...
def parse(
    data: bytes | bytearray | memoryview,
    start: int,
    stop: int,
    separator: bytes,
    text: bytes,
    csv_quotes: bool,
    integers: bool,
    threads: int,
    /,
) -> (
    list[tuple[int, bytearray, list[tuple[bytes, bytes, bytes | None]]]]
    | Literal["unusual", "not integers"]
): ...
