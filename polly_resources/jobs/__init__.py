"""The job ledger. The contract is in `base`; one file per backend."""
