"""File formats: one reader per file; `base` is the contract, `registry` the table."""
