"""The catalogue of settings; `docs/settings.md` is generated from it.

Every setting has a name (``fetch.seconds``), an environment variable that follows from it (``FACEMELD_FETCH_SECONDS``), a default and
a description. The classes are plain frozen values: they read nothing from the environment. ``load_settings`` does.
"""

from __future__ import annotations

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
from facemeld.settings.groups import Group, default_data_directory, setting

PREFIX = "FACEMELD_"


def _group(kind: type[Group], title: str) -> Any:
    return Field(default_factory=kind, title=title)


class Settings(Group):
    """Everything an operator can set.

    Groups may be given as mappings: ``Settings(data=folder, workers={"count": 1})``.

    Raises:
        SettingsError: a value is not valid, or there is no such setting.
    """

    data: Path = setting(
        default_data_directory,
        "Folder of the database, materials, results and the generated key file.",
        option="--data",
        default_text="`$XDG_DATA_HOME/facemeld`, else `~/.local/share/facemeld`",
    )
    master_key: SecretStr | None = setting(
        None,
        "Secret of at least 32 characters from which all keys are derived. Unset: a generated key file in the data folder.",
        expected="a secret of at least 32 characters",
        min_length=32,
    )
    model_dir: Path | None = setting(None, "Folder of the landmark model. Unset: the user's cache folder.")
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
        """The environment variables that were read, by the name of the setting."""
        return self._variables

    @property
    def warnings(self) -> tuple[str, ...]:
        """What an operator should know about the environment: former names in use, and variables that set nothing."""
        return self._warnings

    @property
    def resolved_database_url(self) -> str:
        """``database.url``, or SQLite in the data folder."""
        return self.database.url or f"sqlite:///{(self.data / 'facemeld.sqlite3').absolute()}"

    def with_origin(self, variables: Mapping[str, str], warnings: tuple[str, ...]) -> Self:
        """The same settings with the environment variables that they were read from."""
        copy = self.model_copy()
        copy._variables, copy._warnings = MappingProxyType(dict(variables)), warnings  # noqa: SLF001 - a copy of this very object
        return copy

    def replace(self, **changes: object) -> Settings:
        """Settings with other values; a mapping changes some settings of its group.

        Raises:
            SettingsError: a value is not valid, or there is no such setting.
        """
        given = self.model_dump(exclude_unset=True)
        for name, value in changes.items():
            given[name] = {**given.get(name, {}), **value} if isinstance(value, Mapping) else value
        return Settings(**given).with_origin(self._variables, self._warnings)

    def value(self, name: str) -> Any:
        """The value of the setting with this name, such as ``fetch.seconds``."""
        group, _, field = name.rpartition(".")
        return getattr(getattr(self, group) if group else self, field)

    @contextmanager
    def naming(self, name: str) -> Iterator[None]:
        """Name the setting in errors about its value that the block raises.

        Raises:
            SettingsError: the block raised another error of ours.
        """
        try:
            yield
        except FacemeldError as error:
            setting = SETTINGS[name]
            source = self._variables.get(name) or (self.is_set(name) and setting.option) or setting.variable
            raise SettingsError({source: f"is not valid: {error}"}) from error

    def is_set(self, name: str) -> bool:
        """Whether the setting was given a value; otherwise it has its default."""
        group, _, field = name.rpartition(".")
        return field in (getattr(self, group) if group else self).model_fields_set


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as the catalogue declares it.

    Attributes:
        name: Such as ``fetch.seconds``.
        group: Heading of its group.
        variable: Environment variable.
        short: Short environment variable, or empty.
        old: Former environment variable, or empty.
        option: Command-line option that overrides the variable, or empty.
        description: What it does.
        default: Its default as text; empty if it has none.
        expected: Which values are valid.
        secret: Whether its value may not be shown.
        is_path: Whether it is a file or folder.
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
        """From a field of a group."""
        extra: Any = field.json_schema_extra
        short, old = (PREFIX + extra[key] if extra[key] else "" for key in ("short", "old"))
        kinds = {field.annotation, *get_args(field.annotation)}
        default = extra["default_text"] or _code(field.default)
        variable = PREFIX + name.replace(".", "_").upper()
        expected = extra["expected"] or _expected(field)
        return cls(
            name=name,
            group=group,
            variable=variable,
            short=short,
            old=old,
            option=extra["option"],
            description=field.description or "",
            default=default,
            expected=expected,
            secret=SecretStr in kinds,
            is_path=Path in kinds,
        )


def _code(default: object) -> str:
    text = str(default).lower() if isinstance(default, bool) else f"{default:g}" if isinstance(default, float) else str(default)
    return "" if default is None or text == "" else f"`{text}`"


def _expected(field: FieldInfo) -> str:
    """Which values a field takes, in words that follow "must be"."""
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
        "Installation": "What every command needs.",
        **{
            field.title or "": (kind.__doc__ or "").strip()
            for field in Settings.model_fields.values()
            if isinstance(kind := field.annotation, type) and issubclass(kind, Group)
        },
    }
)
"""What each group of settings is about, by its heading."""


def _problems(error: ValidationError) -> dict[str, str]:
    """What is wrong, by the name of the setting, without the values of secrets."""
    found = {}
    for one in error.errors(include_url=False):
        name = ".".join(str(part) for part in one["loc"][:2])
        setting = SETTINGS.get(name)
        if setting is None:
            found[name] = "is not a setting" if one["type"] == "extra_forbidden" else "must be a group of settings"
        else:
            found[name] = f"must be {setting.expected}" + ("" if setting.secret else f", got {one['input']!r}")
    return found
