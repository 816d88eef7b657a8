"""The catalogue of settings, and how it is read from environment variables and command-line options.

Every setting has a name (``fetch.seconds``), an environment variable that follows from it (``FACEMELD_FETCH_SECONDS``), a default and
a description; ``docs/settings.md`` is generated from them. The classes are plain frozen values. Only ``load_settings`` reads the
environment; it is our own because settings libraries have neither former names that warn, nor errors for two names of a setting that
contradict each other, nor errors of one line that name the variable.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self, get_args, get_origin

from pydantic import Field, PrivateAttr, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from facemeld.errors import FacemeldError, SettingsError
from facemeld.settings import groups
from facemeld.settings.groups import Group

PREFIX = "FACEMELD_"

# Former environment variables without the prefix; where only the setting is named, it is the setting's name without its group.
_FORMER_NAMES = """
    server.public_url server.trusted_proxies server.drain_seconds server.max_connections server.max_per_address
    server.keep_alive_seconds server.header_seconds server.max_header_kb server.max_headers server.body_seconds server.slow_bytes
    server.slow_seconds server.max_bodies_mb api.strict api.max_body_mb api.clock_skew_seconds api.extra_hosts api.allow_ips
    api.deny_ips api.consent_required api.faults api.fault_header usage.charge_lease_seconds console.first_owner
    console.session_hours console.sign_in_attempts workers.queue_limit workers.queue_seconds workers.task_seconds
    workers.plan_cache_mb materials.review photos.ultra_max_side photos.ultra_base64_mb photos.ultra_url_mb photos.legacy_max_side
    photos.legacy_request_mb results.purge_minutes results.jpeg_quality marks.incoming_synthetic marks.incoming_invisible
    metrics.enabled=METRICS api.language=DEFAULT_LANGUAGE rates.limits=RATES rates.storage=RATE_STORAGE console.enabled=CONSOLE
    workers.count=WORKERS workers.threads=WORKER_THREADS workers.memory_mb=WORKER_MEMORY_MB workers.cpu_seconds=WORKER_CPU_SECONDS
    workers.tasks=WORKER_TASKS materials.max_side=MATERIAL_MAX_SIDE materials.max_mb=MATERIAL_MAX_MB photos.min_side=USER_MIN_SIDE
    photos.max_side=USER_MAX_SIDE photos.min_face=USER_MIN_FACE photos.base64_mb=IMAGE_BASE64_MB photos.url_mb=IMAGE_URL_MB
    results.hours=RESULT_HOURS results.ultra_hours=ULTRA_RESULT_HOURS marks.credentials=CONTENT_CREDENTIALS
    marks.invisible=INVISIBLE_MARK
"""
_FORMER = {name: old or name.partition(".")[2].upper() for name, _, old in (pair.partition("=") for pair in _FORMER_NAMES.split())}
_FOR_TESTS = re.compile(PREFIX + "(AXE|REQUIRE_CHROMIUM|SCREENSHOTS|TEST_[A-Z_]+)")
_SERVICE_LINK = re.compile(
    PREFIX + r"([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_SERVICE_PORT = re.compile(PREFIX + r"([A-Z0-9_]+_)?PORT")
_SERVICE_ADDRESS = re.compile("(tcp|udp|sctp)://", re.IGNORECASE)


def load_settings(options: Mapping[str, object] = MappingProxyType({}), environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of the environment.

    Args:
        options: Values from the command line by the name of the setting, such as ``server.port``; None stands for an option that was
            not given. A value replaces that of the environment, which then need not be valid.
        environment: Environment variables; their names may be in any case.

    Raises:
        SettingsError: values are not valid, or two names of a setting have different values; one line for each problem.
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


def _group(kind: type[Group], title: str) -> Any:
    return Field(default_factory=kind, title=title)


class Settings(Group):
    """Everything an operator can set.

    Groups may be given as mappings: ``Settings(data=folder, workers={"count": 1})``.

    Raises:
        SettingsError: a value is not valid, or there is no such setting.
    """

    data: Path = groups.setting(
        groups.default_data_directory,
        "Folder of the database, materials, results and the generated key file.",
        option="--data",
        default_text="`$XDG_DATA_HOME/facemeld`, else `~/.local/share/facemeld`",
    )
    master_key: SecretStr | None = groups.setting(
        None,
        "Secret of at least 32 characters from which all keys are derived. Unset: a generated key file in the data folder.",
        expected="a secret of at least 32 characters",
        min_length=32,
    )
    model_dir: Path | None = groups.setting(None, "Folder of the landmark model. Unset: the user's cache folder.")
    database: groups.Database = _group(groups.Database, "Database")
    server: groups.Server = _group(groups.Server, "Server")
    log: groups.Log = _group(groups.Log, "Log")
    metrics: groups.Metrics = _group(groups.Metrics, "Metrics")
    trace: groups.Trace = _group(groups.Trace, "Traces")
    api: groups.Api = _group(groups.Api, "API")
    rates: groups.Rates = _group(groups.Rates, "Rates")
    usage: groups.Usage = _group(groups.Usage, "Usage")
    console: groups.Console = _group(groups.Console, "Console")
    workers: groups.Workers = _group(groups.Workers, "Workers")
    materials: groups.Materials = _group(groups.Materials, "Materials")
    photos: groups.Photos = _group(groups.Photos, "Photos")
    fetch: groups.Fetch = _group(groups.Fetch, "Fetching")
    results: groups.Results = _group(groups.Results, "Results")
    label: groups.Label = _group(groups.Label, "Label")
    marks: groups.Marks = _group(groups.Marks, "Marks")
    signing: groups.Signing = _group(groups.Signing, "Signing")
    verify: groups.Verify = _group(groups.Verify, "Verifying")

    _variables: Mapping[str, str] = PrivateAttr(default_factory=dict)
    _warnings: tuple[str, ...] = PrivateAttr(default=())

    def __init__(self, **values: object) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SettingsError(_problems(error)) from None

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment variables that were read, by the name of their setting."""
        return self._variables

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about the environment: former names in use, and variables that set nothing."""
        return self._warnings

    @property
    def resolved_database_url(self) -> str:
        """``database.url``, or SQLite in the data folder."""
        return self.database.url or f"sqlite:///{(self.data / 'facemeld.sqlite3').absolute()}"

    def with_origin(self, variables: Mapping[str, str], warnings: tuple[str, ...]) -> Self:
        """Return the same settings with the environment variables that they were read from."""
        copy = self.model_copy()
        copy._variables, copy._warnings = MappingProxyType(dict(variables)), warnings  # noqa: SLF001 - a copy of this very object
        return copy

    def replace(self, **changes: object) -> Settings:
        """Return settings with other values; a mapping changes some settings of its group.

        Raises:
            SettingsError: a value is not valid, or there is no such setting.
        """
        given = self.model_dump(exclude_unset=True)
        for name, value in changes.items():
            given[name] = {**given.get(name, {}), **value} if isinstance(value, Mapping) else value
        return Settings(**given).with_origin(self._variables, self._warnings)

    def value(self, name: str) -> Any:
        """Return the value of a setting, such as ``fetch.seconds``."""
        group, _, field = name.rpartition(".")
        return getattr(getattr(self, group) if group else self, field)

    @contextmanager
    def naming(self, name: str) -> Iterator[None]:
        """Turn a ``FacemeldError`` of the block into a ``SettingsError`` that names the setting."""
        try:
            yield
        except FacemeldError as error:
            setting = SETTINGS[name]
            source = self._variables.get(name) or (self.is_set(name) and setting.option) or setting.variable
            raise SettingsError({source: f"is not valid: {error}"}) from error

    def is_set(self, name: str) -> bool:
        """Tell whether the setting was given a value; otherwise it has its default."""
        group, _, field = name.rpartition(".")
        return field in (getattr(self, group) if group else self).model_fields_set


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of the catalogue; texts that do not apply to it are empty.

    Attributes:
        group: Heading of its group.
        variable, short, old: Environment variables: the present one, a short one and the former one.
        option: Command-line option that overrides the variable.
        default: Its default, as text in Markdown.
        expected: The valid values, in words that follow "must be".
    """

    name: str
    group: str
    variable: str
    short: str
    old: str
    option: str
    description: str
    default: str
    expected: str
    secret: bool
    is_path: bool

    @classmethod
    def of(cls, name: str, group: str, field: FieldInfo) -> Setting:
        """Return the setting that a field of a group declares."""
        extra: Any = field.json_schema_extra
        variable, old = PREFIX + name.replace(".", "_").upper(), _FORMER.get(name, "")
        names = (variable, extra["short"] and PREFIX + extra["short"], old and PREFIX + old, extra["option"])
        texts = (field.description or "", extra["default_text"] or _code(field.default), extra["expected"] or _expected(field))
        kinds = {field.annotation, *get_args(field.annotation)}
        return cls(name, group, *names, *texts, secret=SecretStr in kinds, is_path=Path in kinds)


def _code(default: object) -> str:
    text = str(default).lower() if isinstance(default, bool) else f"{default:g}" if isinstance(default, float) else str(default)
    return "" if default is None or text == "" else f"`{text}`"


def _expected(field: FieldInfo) -> str:
    """Return the valid values of a field, in words that follow "must be"."""
    kind = field.annotation
    limits = {
        name: getattr(item, name)
        for item in field.metadata
        for name in ("ge", "gt", "le", "min_length", "max_length")
        if hasattr(item, name)
    }
    if get_origin(kind) is Literal:
        return " or ".join(word or "empty" for word in get_args(kind))
    if kind is bool:
        return "true or false"
    if kind in (int, float):
        return f"a{' whole' if kind is int else ''} number {_range(limits)}"
    if limits:
        return f"a text of {limits['min_length']} to {limits['max_length']} characters"
    return "a path" if Path in (kind, *get_args(kind)) else "a text"


def _range(limits: Mapping[str, Any]) -> str:
    match limits:
        case {"ge": least, "le": most}:
            return f"from {least} to {most}"
        case {"gt": least, "le": most}:
            return f"above {least} and at most {most}"
        case {"gt": least}:
            return f"above {least}"
        case _:
            return f"of at least {limits['ge']}"


def _catalogue() -> dict[str, Setting]:
    found = []
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Group):
            found += [Setting.of(f"{name}.{inner}", field.title or "", one) for inner, one in kind.model_fields.items()]
        else:
            found.append(Setting.of(name, "Installation", field))
    return {setting.name: setting for setting in found}


SETTINGS: Mapping[str, Setting] = MappingProxyType(_catalogue())
"""Every setting by its name, in the order of the groups."""

GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "Installation": "Settings that every command needs.",
        **{
            field.title or "": (kind.__doc__ or "").strip()
            for field in Settings.model_fields.values()
            if isinstance(kind := field.annotation, type) and issubclass(kind, Group)
        },
    }
)
"""The subject of each group of settings, by the group's heading."""


def _problems(error: ValidationError) -> dict[str, str]:
    """Return the problems by the name of the setting, without the values of secrets."""
    found = {}
    for one in error.errors(include_url=False):
        name = ".".join(str(part) for part in one["loc"][:2])
        setting = SETTINGS.get(name)
        if setting is None:
            found[name] = "is not a setting" if one["type"] == "extra_forbidden" else "must be a group of settings"
        else:
            found[name] = f"must be {setting.expected}" + ("" if setting.secret else f", got {one['input']!r}")
    return found


def _own(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with our prefix, in upper case, without those that Kubernetes sets for a service of our name."""
    # Sorted, so that the documented spelling, in capitals, wins whatever the order of the environment.
    found = {name.upper(): environment[name] for name in sorted(environment, reverse=True) if name.upper().startswith(PREFIX)}
    return {name: value for name, value in found.items() if not _is_service_link(name, value)}


def _is_service_link(name: str, value: str) -> bool:
    return bool(_SERVICE_LINK.fullmatch(name) or (_SERVICE_PORT.fullmatch(name) and _SERVICE_ADDRESS.match(value)))


def _names(setting: Setting, variables: Mapping[str, str]) -> list[str]:
    """Return the names under which a setting was given a value. An empty path counts as unset, not as the current folder."""
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
