"""Tests of the objects backends."""
