"""Read the settings from environment variables and command-line options.

The reader is our own because settings libraries know neither former names that warn, nor two names that contradict each other, nor
errors of one line that name the variable.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from facemeld.errors import SettingsError
from facemeld.settings.catalogue import PREFIX, SETTINGS, Setting, Settings

_FOR_TESTS = re.compile(PREFIX + "(AXE|REQUIRE_CHROMIUM|SCREENSHOTS|TEST_[A-Z_]+)")
"""Variables of the project's own tests."""

_SERVICE_LINK = re.compile(
    PREFIX + r"([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_SERVICE_PORT = re.compile(PREFIX + r"([A-Z0-9_]+_)?PORT")
_SERVICE_ADDRESS = re.compile("(tcp|udp|sctp)://", re.IGNORECASE)


def load_settings(options: Mapping[str, object] = MappingProxyType({}), environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of the environment.

    Args:
        options: Values from the command line by the name of the setting, such as ``server.port``. None stands for an option that was
            not given. A value replaces that of the environment, which then need not be valid.
        environment: Environment variables; their names may be in any case.

    Raises:
        SettingsError: values are not valid, or two names of a setting have different values. All problems are named, one a line.
    """
    variables = _own(environment)
    given = {name: value for name, value in options.items() if value is not None}
    wrong: dict[str, str] = {}
    origin: dict[str, str] = {}
    for setting in SETTINGS.values():
        if setting.name in given or not (names := _names(setting, variables)):
            continue
        first, *others = names
        wrong.update(
            (f"{first} and {other}", f"name one setting and must not differ; keep only {setting.variable}")
            for other in others
            if variables[other] != variables[first]
        )
        origin[setting.name] = first
    values = {**{name: variables[variable] for name, variable in origin.items()}, **given}
    try:
        settings = Settings(**_nested(values))
    except SettingsError as error:
        shown = {**{name: SETTINGS[name].option or name for name in given if name in SETTINGS}, **origin}
        wrong.update((shown.get(name, name), text) for name, text in error.problems.items())
    if wrong:
        raise SettingsError(wrong)
    return settings.with_origin(origin, tuple(_warnings(variables)))


def _own(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables with our prefix, in upper case, without those that Kubernetes sets for a service of our name."""
    # Sorted, so that the spelling in capitals, which is the documented one, does not depend on the order of the environment.
    found = {name.upper(): environment[name] for name in sorted(environment, reverse=True) if name.upper().startswith(PREFIX)}
    return {name: value for name, value in found.items() if not _is_service_link(name, value)}


def _is_service_link(name: str, value: str) -> bool:
    if _SERVICE_LINK.fullmatch(name):
        return True
    return bool(_SERVICE_PORT.fullmatch(name) and _SERVICE_ADDRESS.match(value))


def _names(setting: Setting, variables: Mapping[str, str]) -> list[str]:
    """The names under which a setting was given a value. An empty path counts as unset, not as the current folder."""
    names = (name for name in (setting.variable, setting.short, setting.old) if name in variables)
    return [name for name in names if variables[name] or not setting.is_path]


def _nested(values: Mapping[str, object]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        group, _, field = name.rpartition(".")
        (found.setdefault(group, {}) if group else found)[field] = value
    return found


def _warnings(variables: Mapping[str, str]) -> Iterator[str]:
    current = {name: one.variable for one in SETTINGS.values() for name in (one.variable, one.short, one.old) if name}
    former = {one.old for one in SETTINGS.values() if one.old}
    for name in sorted(variables):
        if name in former:
            yield f"{name} is now called {current[name]}; the former name still works"
        elif name not in current and not _FOR_TESTS.fullmatch(name):
            yield f"{name} is not a setting{_nearest(name, current)}"


def _nearest(name: str, current: Mapping[str, str]) -> str:
    from difflib import get_close_matches

    found = get_close_matches(name, current, n=1, cutoff=0.8)
    return f"; the nearest one is {current[found[0]]}" if found else ""
