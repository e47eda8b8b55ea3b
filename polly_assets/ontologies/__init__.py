"""Ontology releases as tables."""
