"""CSV, TSV and their relatives: matrices of either orientation, and tables of samples."""
