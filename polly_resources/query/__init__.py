"""SQL engines. The contract is in `base`; one file per backend."""
