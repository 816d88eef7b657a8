"""Puts the commands together and turns every expected error into one clear line and exit code 1."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from facemeld import __version__
from facemeld.cli import (
    accounts,
    activities,
    audit,
    bench,
    doctor,
    keys,
    materials,
    models,
    pictures,
    receipts,
    results,
    serving,
    usage,
    users,
    verify,
)
from facemeld.errors import FacemeldError

app = typer.Typer(help="Self-hosted face fusion that speaks the Tencent Cloud FaceFusion API.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(accounts.app, name="account")
app.add_typer(keys.app, name="key")
app.add_typer(users.app, name="user")
app.add_typer(activities.app, name="activity")
app.add_typer(materials.app, name="material")
app.add_typer(results.app, name="results")
app.add_typer(receipts.app, name="receipts")
app.add_typer(audit.app, name="audit")
app.add_typer(models.app, name="models")
app.add_typer(bench.app, name="bench")
app.command("serve")(serving.serve)
app.command("fuse")(pictures.fuse)
app.command("detect")(pictures.detect)
app.command("verify")(verify.verify)
app.command("usage")(usage.usage)
app.command("doctor")(doctor.doctor)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"facemeld {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")] = False,
) -> None:
    pass


def main() -> None:
    """Entry point of the ``facemeld`` command."""
    try:
        app()
    except (FacemeldError, OSError, ValueError) as error:
        sys.stderr.write(f"facemeld: {_one_line(error)}\n")
        raise SystemExit(1) from None


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__
