"""Free text becomes ontology terms, with provenance."""
