"""Events of the landing area. The contract is in `base`; one file per backend."""
