"""Parquet files: matrices of either orientation, and tables of samples."""
