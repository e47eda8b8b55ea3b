"""Verbs about the platform itself: up, version, doctor, ontologies."""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib.metadata import version as installed
from typing import Annotated

import typer

from polly_client.cli.context import Json, Place, client
from polly_client.cli.render import emit, note, show


def up(
    ctx: typer.Context,
    ui: Annotated[bool, typer.Option("--ui/--no-ui", help="Run the web interface.")] = True,
    json: Json = False,
) -> None:
    """Run everything on this machine.

    That is the web interface, the daemon that works on jobs, and the API. Prints the addresses
    once all answer, and runs until it is interrupted. Logs are in the instance's `logs`
    folder. The API takes POLLY_API_HOST, POLLY_API_PORT and POLLY_API_KEY, the interface
    POLLY_UI_PORT.
    """
    from polly_client.cli.up import serve

    place: Place = ctx.obj
    settings = place.settings()

    def on_ready(addresses: dict[str, str]) -> None:
        if json:
            emit({**addresses, "home": str(settings.home)})
            return
        for name, address in addresses.items():
            typer.echo(f"{name:4}{address}")
        note(f"logs in {settings.home / 'logs'}; Ctrl-C ends all")

    serve(settings, ui=ui, on_ready=on_ready)
    note("all servers have ended")


def version(json: Json = False) -> None:
    """Print the versions in use."""
    versions = {"polly": installed("polly-open"), "python": platform.python_version()}
    if json:
        emit(versions)
        return
    typer.echo(f"polly {versions['polly']}, Python {versions['python']}")


def doctor(ctx: typer.Context, json: Json = False) -> None:
    """Say what works and what is missing.

    What is configured and reachable, and which extra to install for what is not there. Exit
    code 3 where something is broken; a missing optional part is no fault.
    """
    findings = client(ctx).doctor()
    if json:
        for finding in findings:
            emit(asdict(finding))
    else:
        width = max(len(each.what) for each in findings)
        for each in findings:
            typer.echo(f"{each.state:8} {each.what:{width}}  {each.detail}")
            if each.hint:
                typer.echo(f"{'':8} {'':{width}}  -> {each.hint}")
    if any(finding.state == "broken" for finding in findings):
        raise typer.Exit(3)


def ontologies(
    ctx: typer.Context,
    load: Annotated[
        bool, typer.Option("--load", help="Put the installed releases into SQL (a minute or two).")
    ] = False,
    json: Json = False,
) -> None:
    """List the ontologies: the installed release, and the one that SQL sees."""
    states = client(ctx).ontologies(load=load)
    if json:
        for state in states:
            emit(asdict(state))
        return
    show(
        ("ontology", "release", "in SQL", "licence", "source"),
        [(s.ontology, s.release, s.loaded or "-", s.licence, s.source) for s in states],
    )


VERBS = (up, version, doctor, ontologies)
