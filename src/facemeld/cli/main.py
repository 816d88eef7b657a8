"""The table of commands, each loaded when it is called, and the entry point, which prints expected errors in one line."""

from __future__ import annotations

import importlib
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from facemeld import __version__
from facemeld.errors import FacemeldError, SettingsError

COMMANDS = {
    "account": "facemeld.cli.accounts:accounts",
    "key": "facemeld.cli.accounts:keys",
    "user": "facemeld.cli.users:users",
    "activity": "facemeld.cli.materials:activities",
    "material": "facemeld.cli.materials:materials",
    "results": "facemeld.cli.records:results",
    "receipts": "facemeld.cli.records:receipts",
    "audit": "facemeld.cli.records:audit",
    "models": "facemeld.cli.pictures:models",
    "serve": "facemeld.cli.pictures:serve",
    "fuse": "facemeld.cli.pictures:fuse",
    "detect": "facemeld.cli.pictures:detect",
    "verify": "facemeld.cli.records:verify",
    "usage": "facemeld.cli.records:usage",
    "records": "facemeld.cli.records:records",
    "doctor": "facemeld.cli.upkeep:doctor",
    "backup": "facemeld.cli.upkeep:backup",
    "restore": "facemeld.cli.upkeep:restore_backup",
}
"""Every command, and the module and attribute that implement it: a ``typer.Typer`` for a group, a function for a command."""


class LazyGroup(TyperGroup):
    """The commands of ``COMMANDS``; most need libraries that the others do not, so each module is loaded on first use."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, loading it first; None if there is no such command."""
        if cmd_name not in self.commands and cmd_name in COMMANDS:
            self.add_command(_load(cmd_name, COMMANDS[cmd_name]))
        return super().get_command(ctx, cmd_name)


def _load(name: str, target: str) -> Any:
    module, _, attribute = target.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    holder = typer.Typer(rich_markup_mode=None)
    if isinstance(found, typer.Typer):
        holder.add_typer(found, name=name)
    else:
        holder.command(name)(found)
    return get_group(holder).commands[name]


app = typer.Typer(
    cls=LazyGroup,
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
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")] = False,
) -> None:
    pass


def main() -> None:
    """Entry point of the ``facemeld`` command."""
    try:
        app()
    except (FacemeldError, OSError, ValueError) as error:
        lines = str(error).splitlines() if isinstance(error, SettingsError) else [_one_line(error)]
        sys.stderr.writelines(f"facemeld: {line}\n" for line in lines)
        raise SystemExit(1) from None


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__
