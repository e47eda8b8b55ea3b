"""Tests of the jobs backends."""
