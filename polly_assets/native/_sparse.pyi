from typing_extensions import Buffer

def transpose(
    indptr: Buffer,
    keys: Buffer,
    values: Buffer,
    out_starts: Buffer,
    out_majors: Buffer,
    out_values: Buffer,
    key_bytes: int,
    value_bytes: int,
    first: int,
    /,
) -> tuple[int, bool]: ...
def group(
    majors: Buffer,
    keys: Buffer,
    values: Buffer,
    out_starts: Buffer,
    out_majors: Buffer,
    out_values: Buffer,
    key_bytes: int,
    value_bytes: int,
    /,
) -> tuple[int, bool]: ...
def sort_rows(indptr: Buffer, minors: Buffer, values: Buffer, value_bytes: int, /) -> int: ...
def examine(indptr: Buffer, keys: Buffer, bound: int, key_bytes: int, /) -> tuple[int, bool]: ...
def regroup(sizes: Buffer, data: Buffer, out: Buffer, runs: int, item_bytes: int, /) -> None: ...
def weave(planes: Buffer, out: Buffer, item_bytes: int, /) -> None: ...
def parse_triples(
    block: Buffer,
    start: int,
    places: bool,
    kind: str,
    rows: int,
    columns: int,
    out_rows: Buffer,
    out_columns: Buffer,
    out_values: Buffer,
    /,
) -> tuple[int, int, int]: ...
