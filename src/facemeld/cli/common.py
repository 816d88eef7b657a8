"""Options and output that commands share."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from facemeld.settings.catalogue import Settings, load_settings

if TYPE_CHECKING:
    from facemeld.app.composition import Application

DataOption: TypeAlias = Annotated[Path | None, typer.Option("--data", metavar="DIR", help="Data folder. Default: FACEMELD_DATA.")]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AccountOption: TypeAlias = Annotated[str, typer.Option("--account", metavar="NAME", help="Name of the account.")]

DEFAULT_ACCOUNT = "default"


def settings_for(data: Path | None, options: Mapping[str, object] = MappingProxyType({})) -> Settings:
    """Return the settings from the environment; options of the command line, by the name of the setting, override them."""
    return load_settings({"data": data, **options})


@contextmanager
def application(data: Path | None) -> Iterator[Application]:
    """Open the application on a data folder, without a server, during a block."""
    # Slow to load, and some commands do not need it.
    from facemeld.app.composition import open_application

    with open_application(settings_for(data)) as opened:
        yield opened


def actor() -> str:
    """Return the name of the user of this machine, for the audit log."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli"


def moment(value: datetime) -> str:
    """Return a time as the commands print it: ISO 8601 to the second, in UTC."""
    return value.isoformat(timespec="seconds")


def show(value: Mapping[str, Any], as_json: bool, text: str) -> None:
    """Print one object, as JSON or as text for people."""
    typer.echo(json.dumps(value, ensure_ascii=False) if as_json else text)


def show_table(rows: Sequence[Mapping[str, Any]], as_json: bool, empty: str) -> None:
    """Print objects of one kind, as a JSON array or as a table."""
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    if not rows:
        typer.echo(empty)
        return
    names = list(rows[0])
    cells = [names, *([str(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    for line in cells:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
