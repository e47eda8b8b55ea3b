"""Opening the door of an instance, and preparing the folder it lives in.

Keep out: what the door does.
"""

from __future__ import annotations

from polly_api.base import Door
from polly_resources.settings import Settings


def open_door(settings: Settings) -> Door:
    """The door of the instance that the settings describe, in this process."""
    from polly_api.door import LocalDoor

    return LocalDoor(settings)


def prepare_home(settings: Settings) -> None:
    """Make the instance's folder, so that Dagster can start in it."""
    from polly_assets.runs import prepare_home as prepare

    prepare(settings)
