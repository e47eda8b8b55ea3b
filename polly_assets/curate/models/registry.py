"""The annotation models by name.

Add a model as one row: its name and its class. Classes are imported on use.
Keep out: the models.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

from polly_assets.curate.models.base import AnnotationModel
from polly_resources.errors import NotFound
from polly_resources.ontologies.base import OntologySource

MODELS: Mapping[str, str] = {
    "dictionary": "polly_assets.curate.models.dictionary:DictionaryModel",
}


DEFAULT_MODEL = "dictionary"


@cache
def open_model(name: str, ontologies: OntologySource, cache_dir: Path) -> AnnotationModel:
    """The model, reading `ontologies` and keeping what it compiles in `cache_dir`.

    Loaded once per process.

    Raises NotFound `unknown_model`.
    """
    if name not in MODELS:
        known = ", ".join(sorted(MODELS))
        raise NotFound("unknown_model", f"no model {name!r}", hint=f"choose one of: {known}")
    module, _, attribute = MODELS[name].partition(":")
    model: AnnotationModel = getattr(import_module(module), attribute)(ontologies, cache_dir)
    return model
