"""What every verb shares: which platform is meant, and the options of the same name.

Keep out: output.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from polly_api.words import Settings, load
from polly_client.client import Polly


@dataclass(frozen=True, slots=True)
class Place:
    """The global options."""

    home: Path | None = None
    profile: str | None = None
    url: str | None = None

    def settings(self) -> Settings:
        """The settings of this machine. Raises Misconfigured."""
        return load(self.home, self.profile)


def client(ctx: typer.Context) -> Polly:
    """The platform that the global options name."""
    place: Place = ctx.obj
    return Polly(place.url, home=place.home, profile=place.profile)


Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]
Atlas = Annotated[str, typer.Option("--atlas", "-a", help="The atlas.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Queue the work and return at once.")]
