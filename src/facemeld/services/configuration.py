"""What the operator set, where each value comes from, and nothing of what is secret."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from facemeld.settings import Settings

HIDDEN = "••••••"
"""What stands for a secret that is set."""

_PREFIX = "FACEMELD_"
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
        name: Name of the setting.
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


def read_configuration(settings: Settings, environment: Mapping[str, str] = os.environ) -> tuple[SettingView, ...]:
    """All settings in the order of their groups.

    Args:
        settings: What is in force.
        environment: What the settings were read from.
    """
    given = {name.upper() for name in environment}
    try:
        read: Settings | None = Settings()
    except ValidationError:  # the command line replaced what could not be read
        read = None
    views = []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        variable = _PREFIX + name.upper()
        source = Source.DEFAULT
        if name in settings.model_fields_set:
            same = read is not None and getattr(read, name) == value
            source = Source.ENVIRONMENT if variable in given and same else Source.COMMAND
        extra: Any = field.json_schema_extra
        secret = "SecretStr" in str(field.annotation)
        views.append(SettingView(name, variable, extra["group"], field.description or "", _shown(value), source, secret))
    return tuple(views)


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
