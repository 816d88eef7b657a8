"""A browser's preferences and addresses, read from its request, and the plain pages rendered with them: sign-in form and errors."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse

from facemeld.console.texts import LANGUAGES, NAMES, Texts, choose_language

PATH = "/console"
"""Where the console is mounted."""

STATIC = Path(__file__).parent / "static"
SESSION_COOKIE = "facemeld_session"
_LANGUAGE_COOKIE, _THEME_COOKIE, _ZONE_COOKIE = "facemeld_language", "facemeld_theme", "facemeld_zone"

Theme: TypeAlias = Literal["auto", "light", "dark"]
THEMES: tuple[Theme, ...] = ("auto", "light", "dark")

CHOICES: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {"language": (_LANGUAGE_COOKIE, LANGUAGES), "theme": (_THEME_COOKIE, THEMES)}
)
"""Cookie and allowed values of each field of the preferences' form."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """Language, theme and time zone of a browser; the zone is UTC until a script has told it."""

    texts: Texts
    theme: Theme
    zone: tzinfo


def preferences_of(connection: HTTPConnection) -> Preferences:
    """Return the preferences in the cookies of a request."""
    cookies = connection.cookies
    texts = Texts(choose_language(cookies.get(_LANGUAGE_COOKIE), connection.headers.get("accept-language")))
    theme = cookies.get(_THEME_COOKIE)
    return Preferences(texts, theme if theme in THEMES else "auto", _zone(cookies.get(_ZONE_COOKIE, "")))


def session_of(connection: HTTPConnection) -> str:
    """Return the text of the session's token; empty without a session."""
    return connection.cookies.get(SESSION_COOKIE, "")


def base_of(connection: HTTPConnection) -> str:
    """Return the console's path as the browser sees it: ``/console``, or ``/faces/console`` behind a proxy that adds a prefix."""
    # The guard has checked the header. root_path is longer in routes mounted below the console's own.
    return connection.headers.get("x-forwarded-prefix", "") + str(connection.scope["state"]["console_root"])


@functools.cache
def version() -> str:
    """Return a digest of the static files, a part of their addresses so that browsers load them anew after an update."""
    digest = hashlib.sha256()
    for file in sorted(STATIC.iterdir()):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def render(connection: HTTPConnection, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Render a plain page in the language and theme of the request."""
    preferences = preferences_of(connection)
    html = (
        _templates()
        .get_template(template)
        .render(
            t=preferences.texts,
            theme=preferences.theme,
            base=base_of(connection),
            nonce=connection.scope["state"]["nonce"],
            version=version(),
            languages=[(language, NAMES[language]) for language in LANGUAGES],
            **values,
        )
    )
    return HTMLResponse(html, status)


def problem(connection: HTTPConnection, status: int, kind: str) -> HTMLResponse:
    """Render an error page; ``kind`` names texts of the group ``problem``."""
    return render(connection, "problem.html", status, kind=kind)


@functools.cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("facemeld.console"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name.replace("%2F", "/")) if 0 < len(name) <= 64 else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
