"""Datasets as files: one module per format; see `base` and `registry`."""
