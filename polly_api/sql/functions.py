"""The functions that statements may call: those of Trino's that every engine answers alike.

Add a name here together with a row in the engines' contract suite that shows Trino's
documented meaning. Keep out: syntax that only looks like a function (`gate`).
"""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


AGGREGATES = _names(
    "any_value approx_distinct approx_percentile arbitrary array_agg avg bool_and bool_or corr"
    " count count_if covar_pop covar_samp every geometric_mean grouping histogram listagg"
    " map_agg max max_by min min_by regr_intercept regr_slope stddev stddev_pop stddev_samp"
    " sum var_pop var_samp variance"
)
WINDOWS = _names(
    "cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank"
    " row_number"
)
LISTS = _names(
    "all_match any_match array_distinct array_except array_intersect array_join array_max"
    " array_min array_position array_remove array_sort array_union arrays_overlap cardinality"
    " concat contains element_at filter flatten none_match reduce repeat reverse sequence slice"
    " transform trim_array unnest zip zip_with"
)
MAPS = _names(
    "map map_concat map_entries map_filter map_from_entries map_keys map_values transform_keys"
    " transform_values"
)
TEXTS = _names(
    "chr codepoint concat_ws hamming_distance length levenshtein_distance lower lpad ltrim"
    " regexp_count regexp_extract regexp_extract_all regexp_like regexp_replace regexp_split"
    " replace rpad rtrim split split_part starts_with strpos substr substring translate trim"
    " upper"
)
NUMBERS = _names(
    "abs acos asin atan atan2 cbrt ceil ceiling cos degrees e exp floor greatest infinity"
    " is_finite is_infinite is_nan least ln log log10 log2 mod nan pi pow power radians rand"
    " random round sign sin sqrt tan truncate width_bucket"
)
DATES = _names(
    "date date_add date_diff date_format date_parse date_trunc day day_of_month day_of_week"
    " day_of_year dow doy from_iso8601_date from_iso8601_timestamp from_unixtime hour"
    " last_day_of_month minute month now quarter second to_unixtime week week_of_year year"
    " year_of_week yow"
)
JSON = _names(
    "json_array_contains json_array_length json_extract json_extract_scalar json_format json_parse"
)
LOGIC = _names("coalesce if nullif recommend row try")

FUNCTIONS = AGGREGATES | WINDOWS | LISTS | MAPS | TEXTS | NUMBERS | DATES | JSON | LOGIC
