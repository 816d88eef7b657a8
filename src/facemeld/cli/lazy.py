"""Loads the module of a command when the command is called: most commands need libraries that the others do not."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group


def lazy_group(targets: Mapping[str, str]) -> type[TyperGroup]:
    """A group of commands that are loaded one by one.

    Args:
        targets: For each command ``module:attribute``: a ``typer.Typer`` for a group, a function for a command.
    """

    class LazyGroup(TyperGroup):
        """The commands of a table."""

        def list_commands(self, ctx: Any) -> list[str]:
            """The names, in the order of the table."""
            return list(targets)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            """The command of a name, loaded now; None if there is none."""
            if cmd_name not in self.commands and cmd_name in targets:
                self.add_command(_load(cmd_name, targets[cmd_name]))
            return super().get_command(ctx, cmd_name)

    return LazyGroup


def _load(name: str, target: str) -> Any:
    module, _, attribute = target.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    holder = typer.Typer(rich_markup_mode=None)
    if isinstance(found, typer.Typer):
        holder.add_typer(found, name=name)
    else:
        holder.command(name)(found)
    return get_group(holder).commands[name]
