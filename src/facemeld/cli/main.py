"""Puts the commands together and turns every expected error into one clear line and exit code 1."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from facemeld import __version__
from facemeld.cli.lazy import lazy_group
from facemeld.errors import FacemeldError

COMMANDS = {
    "account": "facemeld.cli.accounts:app",
    "key": "facemeld.cli.keys:app",
    "user": "facemeld.cli.users:app",
    "activity": "facemeld.cli.activities:app",
    "material": "facemeld.cli.materials:app",
    "results": "facemeld.cli.results:app",
    "receipts": "facemeld.cli.receipts:app",
    "audit": "facemeld.cli.audit:app",
    "models": "facemeld.cli.models:app",
    "bench": "facemeld.cli.bench:app",
    "serve": "facemeld.cli.serving:serve",
    "fuse": "facemeld.cli.pictures:fuse",
    "detect": "facemeld.cli.pictures:detect",
    "verify": "facemeld.cli.verify:verify",
    "usage": "facemeld.cli.usage:usage",
    "records": "facemeld.cli.records:app",
    "doctor": "facemeld.cli.doctor:doctor",
    "backup": "facemeld.cli.backup:backup",
    "restore": "facemeld.cli.backup:restore_backup",
}
"""Every command and where it is; a module is loaded when its command is called."""

app = typer.Typer(
    cls=lazy_group(COMMANDS),
    help="Self-hosted face fusion that speaks the Tencent Cloud FaceFusion API.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


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
