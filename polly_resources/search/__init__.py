"""Full-text search. The contract is in `base`; one file per backend."""
