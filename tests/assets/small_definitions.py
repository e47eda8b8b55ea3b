"""The definitions with the small ontologies, for Dagster's own commands in a child process."""

from polly_assets.definitions import defs
from tests.assets.instance import register_ontologies

register_ontologies()

__all__ = ["defs"]
