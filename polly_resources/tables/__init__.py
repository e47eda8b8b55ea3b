"""Versioned columnar tables. The contract is in `base`; one file per backend."""
