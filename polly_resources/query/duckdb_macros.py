"""Functions that Trino has and DuckDB lacks or defines otherwise, as DuckDB macros.

Owns one `CREATE MACRO` per function, each with Trino's documented meaning. A macro has
Trino's own name where DuckDB has no such function, else the prefix `trino_` (then
`duckdb_trino` sends calls to it). Keep out: whatever needs the shape of the tree.
"""

from __future__ import annotations

_SMALL = 256
"""Up to this length a list is made distinct in order of appearance; beyond, by hashing."""

_DEFINITIONS = (
    # An error for the rows that it is asked for. DuckDB's `error` makes an expression volatile,
    # so that no filter passes it and no window can be ordered by it.
    "trino_fail(m) AS CAST('polly: ' || m AS INTEGER)",
    # Lists. NULL where an argument is NULL; a NULL element is an unknown value.
    "arrays_overlap(a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL"
    " WHEN list_has_any(a, b) THEN true"
    " WHEN (list_count(a) < len(a) AND len(b) > 0) OR (list_count(b) < len(b) AND len(a) > 0)"
    " THEN NULL ELSE false END",
    "trino_any(t) AS CASE WHEN t IS NULL THEN NULL WHEN list_contains(t, true) THEN true"
    " WHEN list_count(t) < len(t) THEN NULL ELSE false END",
    "trino_all(t) AS CASE WHEN t IS NULL THEN NULL WHEN list_contains(t, false) THEN false"
    " WHEN list_count(t) < len(t) THEN NULL ELSE true END",
    "trino_contains(a, x) AS CASE WHEN a IS NULL OR x IS NULL THEN NULL"
    " WHEN list_contains(a, x) THEN true WHEN list_count(a) < len(a) THEN NULL ELSE false END",
    "trino_distinct(a) AS CASE WHEN len(a) <= 1 THEN a"
    f" WHEN len(a) <= {_SMALL} THEN list_filter(a, lambda e, i: list_position(a, e) = i)"
    " WHEN list_count(a) < len(a) THEN list_append(list_distinct(a), NULL)"
    " ELSE list_distinct(a) END",
    "array_union(a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL"
    " ELSE trino_distinct(list_concat(a, b)) END",
    "trino_intersect(a, b) AS CASE WHEN b IS NOT NULL"
    " THEN list_filter(trino_distinct(a), lambda e: list_position(b, e) IS NOT NULL) END",
    "trino_except(a, b) AS CASE WHEN b IS NOT NULL"
    " THEN list_filter(trino_distinct(a), lambda e: list_position(b, e) IS NULL) END",
    "trino_remove(a, x) AS CASE WHEN x IS NOT NULL"
    " THEN list_filter(a, lambda e: e IS DISTINCT FROM x) END",
    "trino_element(a, i) AS CASE WHEN i BETWEEN 1 AND len(a) THEN list_extract(a, i)"
    " WHEN a IS NULL OR i IS NULL THEN NULL"
    " ELSE list_extract(a, trino_fail('the array has no element ' || i)) END",
    "trino_entry(m, k) AS CASE WHEN map_contains(m, k) THEN map_extract_value(m, k)"
    " WHEN m IS NULL OR k IS NULL THEN NULL"
    " ELSE list_extract(map_values(m), trino_fail('the map has no key ' || k)) END",
    "trino_position(a, x) AS CASE WHEN a IS NULL OR x IS NULL THEN NULL"
    " ELSE CAST(coalesce(list_position(a, x), 0) AS BIGINT) END",
    "trino_array_max(a) AS CASE WHEN list_count(a) < len(a) THEN NULL ELSE list_max(a) END",
    "trino_array_min(a) AS CASE WHEN list_count(a) < len(a) THEN NULL ELSE list_min(a) END",
    "trino_slice(a, s, n) AS CASE"
    " WHEN n < 0 THEN array_slice(a, 1, trino_fail('the length of a slice is negative'))"
    " WHEN s > 0 THEN array_slice(a, s, s + n - 1)"
    " WHEN s < 0 AND -s <= len(a) THEN array_slice(a, len(a) + s + 1, len(a) + s + n)"
    " WHEN s < 0 THEN array_slice(a, 1, 0)"
    " WHEN s = 0 THEN array_slice(a, 1, trino_fail('SQL array indices start at 1')) END",
    "trim_array(a, n) AS CASE WHEN n BETWEEN 0 AND len(a) THEN array_slice(a, 1, len(a) - n)"
    " WHEN a IS NULL OR n IS NULL THEN NULL"
    " ELSE array_slice(a, 1, trino_fail('the array has no ' || n || ' elements')) END",
    "trino_repeat(x, n) AS list_transform(range(n), lambda i: x)",
    "trino_sequence(a, b) AS CASE WHEN a <= b THEN generate_series(a, b)"
    " ELSE generate_series(a, b, -1) END",
    # Maps. Trino keeps one value of a repeated key and skips NULL keys.
    "trino_map_of(e) AS map_from_entries(list_filter(e, lambda p, i:"
    " p.key IS NOT NULL AND list_position(list_transform(e, lambda q: q.key), p.key) = i))",
    # Text.
    "trino_split_part(s, d, i) AS CASE WHEN i <= len(str_split(s, d)) THEN split_part(s, d, i) END",
    "trino_substr(s, i) AS CASE WHEN i = 0 OR -i > length(s) THEN '' ELSE substring(s, i) END,"
    " (s, i, n) AS CASE WHEN i = 0 OR -i > length(s) OR n <= 0 THEN ''"
    " ELSE substring(s, i, n) END",
    "trino_split(s, d, n) AS CASE WHEN n <= 0"
    " THEN array_slice([''], 1, trino_fail('the limit of SPLIT is not positive'))"
    " WHEN len(str_split(s, d)) <= n THEN str_split(s, d)"
    " ELSE list_append(array_slice(str_split(s, d), 1, n - 1),"
    " array_to_string(array_slice(str_split(s, d), n, len(str_split(s, d))), d)) END",
    "trino_regexp_extract(s, p, g) AS"
    " CASE WHEN regexp_matches(s, p) THEN regexp_extract(s, p, g) END",
    "regexp_count(s, p) AS len(regexp_extract_all(s, p))",
    "codepoint(s) AS unicode(s)",
    "hamming_distance(a, b) AS hamming(a, b)",
    # JSON: a scalar as text; NULL for objects, arrays, JSON null and absent paths.
    "trino_json_scalar(j, p) AS json_extract_string(json_value(j, p), '$')",
    "json_array_contains(j, x) AS CASE WHEN json_type(j) = 'ARRAY'"
    " THEN list_contains(CAST(j AS JSON[]), to_json(x)) END",
    "trino_json_array_length(j) AS CASE WHEN json_type(j) = 'ARRAY'"
    " THEN CAST(json_array_length(j) AS BIGINT) END",
    # Numbers.
    "e() AS exp(1.0::DOUBLE)",
    "nan() AS 'nan'::DOUBLE",
    "infinity() AS 'infinity'::DOUBLE",
    "is_finite(x) AS isfinite(x)",
    "is_infinite(x) AS isinf(x)",
    "width_bucket(x, lo, hi, n) AS CASE WHEN lo < hi"
    " THEN CASE WHEN x < lo THEN 0 WHEN x >= hi THEN n + 1"
    " ELSE CAST(floor(n * (x - lo)::DOUBLE / (hi - lo)) AS BIGINT) + 1 END"
    " ELSE CASE WHEN x > lo THEN 0 WHEN x < hi THEN n + 1"
    " ELSE CAST(ceil(n * (lo - x)::DOUBLE / (lo - hi)) AS BIGINT) END END",
    "trino_quotient(a, b) AS CASE WHEN b = 0 THEN trino_fail('Division by zero') ELSE a / b END",
    # A number as text: its shortest digits, one before the point, and an exponent.
    "trino_scientific(n, digits, exponent) AS n || digits[1] || '.'"
    " || CASE WHEN length(digits) > 1 THEN substring(digits, 2) ELSE '0' END || 'E' || exponent",
    "trino_exponent(w, f) AS CASE WHEN w <> '0' THEN length(w) - 1"
    " ELSE length(ltrim(f, '0')) - length(f) - 1 END",
    "trino_positional(n, m, e) AS trino_scientific(n,"
    " rtrim(ltrim(replace(m, '.', ''), '0'), '0'),"
    " e + trino_exponent(split_part(m, '.', 1), split_part(m, '.', 2)))",
    "trino_float_text(x) AS CASE WHEN isnan(x) THEN 'NaN'"
    " WHEN isinf(x) THEN CASE WHEN x > 0 THEN 'Infinity' ELSE '-Infinity' END"
    " WHEN x = 0 THEN CASE WHEN signbit(x) THEN '-0E0' ELSE '0E0' END"
    " ELSE trino_positional(CASE WHEN x < 0 THEN '-' ELSE '' END,"
    " split_part(CAST(abs(x) AS VARCHAR), 'e', 1),"
    " coalesce(TRY_CAST(split_part(CAST(x AS VARCHAR), 'e', 2) AS INTEGER), 0)) END",
    # Dates.
    "from_iso8601_date(s) AS CAST(s AS DATE)",
    "yow(d) AS isoyear(d)",
)

MACROS = "; ".join(f"CREATE MACRO {definition}" for definition in _DEFINITIONS)
"""The script that defines them all in a fresh database."""
