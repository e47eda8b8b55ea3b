"""AnnData files (`.h5ad`)."""
