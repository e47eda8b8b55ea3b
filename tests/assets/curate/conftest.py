from __future__ import annotations

from collections.abc import Callable

import pytest

from polly_assets.curate.models.base import CuratedRecord, CurationRecord
from polly_assets.curate.models.dictionary import DictionaryModel
from tests.assets.curate.small import SmallOntologies

Annotate = Callable[..., CuratedRecord]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> DictionaryModel:
    return DictionaryModel(SmallOntologies(), tmp_path_factory.mktemp("lexicon"))


@pytest.fixture
def annotate(model: DictionaryModel) -> Annotate:
    """One record from its title, source, description and characteristics, annotated alone."""

    def one(title: str = "", source: str = "", description: str = "", **keys: str) -> CuratedRecord:
        named = {key.replace("_", " "): value for key, value in keys.items()}
        record = CurationRecord("s1", "", title, source, named, description)
        return model.annotate([record])[0]

    return one
