"""What the operator set, where each value comes from, and nothing of what is secret."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import SecretStr

from facemeld.settings import SETTINGS, Settings

HIDDEN = "••••••"
"""What stands for a secret that is set."""

# The password between the user's name and the host, and values of parameters that sound like one.
_PASSWORD = re.compile(r"(?<=://)([^/@\s:]*):[^@\s]*(?=@)")
_PARAMETER = re.compile(r"(?i)([?&][^=&]*(?:password|passwd|secret|token|key|signature)[^=&]*=)[^&\s]+")


class Source(StrEnum):
    """Where a value comes from."""

    DEFAULT = "default"
    ENVIRONMENT = "environment"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class SettingView:
    """A setting as it may be shown.

    Attributes:
        name: Name of the setting, such as ``fetch.seconds``.
        variable: Environment variable that sets it.
        group: What it is about.
        description: What it does.
        value: Its value as text; of a secret, whether there is one; empty for none.
        source: Where the value comes from.
        secret: Whether the value is kept to itself.
    """

    name: str
    variable: str
    group: str
    description: str
    value: str
    source: Source
    secret: bool


def read_configuration(settings: Settings) -> tuple[SettingView, ...]:
    """All settings in the order of their groups."""
    return tuple(
        SettingView(
            name=setting.name,
            variable=setting.variable,
            group=setting.group,
            description=setting.description,
            value=_shown(settings.value(setting.name)),
            source=_source(settings, setting.name),
            secret=setting.secret,
        )
        for setting in SETTINGS.values()
    )


def _source(settings: Settings, name: str) -> Source:
    if name in settings.variables:
        return Source.ENVIRONMENT
    return Source.COMMAND if settings.is_set(name) else Source.DEFAULT


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case SecretStr():
            return HIDDEN
        case bool():
            return "true" if value else "false"
        case Path():
            return str(value)
        case float() if value == int(value):
            return str(int(value))
        case _:
            return _PARAMETER.sub(rf"\1{HIDDEN}", _PASSWORD.sub(rf"\1:{HIDDEN}", str(value)))
