"""Annotation models: one per file; `base` is the contract, `registry` the table."""
