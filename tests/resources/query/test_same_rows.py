"""Trino and the embedded engine give the same rows of the same types for the same statement."""
