"""The command itself: global options, the table of verbs, errors and exit codes.

Exit codes: 0 = all that was asked for was done, 1 = some datasets failed, 2 = wrong usage (a bad
argument, file or query, or a name that does not exist), 3 = a fault of the platform,
130 = interrupted. Keep out: verbs.
"""

from __future__ import annotations

import logging
import signal
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from polly_api.words import BadInput, BadQuery, Conflict, NotFound, PollyError
from polly_client.cli import (
    verbs_atlas,
    verbs_curate,
    verbs_jobs,
    verbs_platform,
    verbs_query,
    verbs_validate,
)
from polly_client.cli.context import Place

USAGE, FAULT, INTERRUPTED = 2, 3, 130
PLACE_OPTIONS = ("--home", "--profile", "--url")


class Root(TyperGroup):
    """The group of all verbs: turns errors into exit codes, and lets places stand anywhere."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments, with the place options moved before the verb."""
        return super().parse_args(ctx, hoisted(args))

    def invoke(self, ctx: Any) -> Any:
        """Run the verb; expected failures and faults end in their exit codes."""
        show_warnings()
        try:
            return super().invoke(ctx)
        except PollyError as error:
            typer.echo(described(error), err=True)
            usage = isinstance(error, BadInput | BadQuery | Conflict | NotFound)
            raise typer.Exit(USAGE if usage else FAULT) from error
        except KeyboardInterrupt:
            typer.echo("interrupted", err=True)
            raise typer.Exit(INTERRUPTED) from None
        except (typer.Exit, typer.Abort, typer.BadParameter, BrokenPipeError):
            raise
        except Exception as error:
            if type(error).__module__.startswith(("click", "typer")):
                raise
            traceback.print_exc()
            typer.echo(f"error[internal_error]: {type(error).__name__}: {error}", err=True)
            raise typer.Exit(FAULT) from error


def show_warnings() -> None:
    """Let the platform's warnings reach stderr, such as that it waits for a server."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("warning: %(message)s"))
    for name in ("polly_assets", "polly_resources"):
        logging.getLogger(name).handlers = [handler]


def hoisted(args: Iterable[str]) -> list[str]:
    """The arguments with `--home`, `--profile` and `--url` and their values first."""
    places: list[str] = []
    others: list[str] = []
    rest = iter(args)
    for arg in rest:
        if arg == "--":
            others += [arg, *rest]
        elif arg in PLACE_OPTIONS:
            places += [arg, *(value for value in [next(rest, None)] if value is not None)]
        elif arg.startswith(tuple(f"{option}=" for option in PLACE_OPTIONS)):
            places.append(arg)
        else:
            others.append(arg)
    return places + others


def described(error: PollyError) -> str:
    """An error on a few lines: code, message, place, hint."""
    lines = [f"error[{error.code}]: {error.message}"]
    if where := ", ".join(part for part in (error.file, error.place) if part):
        lines.append(f"  where: {where}")
    if error.hint:
        lines.append(f"  hint: {error.hint}")
    return "\n".join(lines)


app = typer.Typer(
    name="polly",
    cls=Root,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help=(
        "Molecular files in, a curated and queryable atlas out.\n\n"
        "Works in this process on the instance in --home, or with the server at --url. "
        "--home, --profile and --url may stand before or after the verb. "
        "Exit codes: 0 = all that was asked for was done, 1 = some datasets failed, "
        "2 = wrong usage, 3 = a fault of the platform."
    ),
)


@app.callback()
def places(
    ctx: typer.Context,
    home: Annotated[
        Path | None, typer.Option(help="Folder of the instance [POLLY_HOME, else ~/.polly].")
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="Which backends to use [POLLY_PROFILE, else local].")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Address of a server to ask instead [POLLY_URL].")
    ] = None,
) -> None:
    """Remember which platform is meant."""
    ctx.obj = Place(home, profile, url)


for verbs in (verbs_jobs, verbs_validate, verbs_query, verbs_curate, verbs_platform):
    for verb in verbs.VERBS:
        app.command()(verb)
app.add_typer(verbs_atlas.app, name="atlas")


def run() -> None:
    """The entry point of the `polly` script."""
    # Shells start what is behind `&` without Ctrl-C, and Dagster lets SIGTERM do what that does:
    # nothing could end the command, nor the processes that it starts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    app()
