"""Curated metadata and matrices become SQL tables, search and files."""
