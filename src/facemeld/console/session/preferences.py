"""How someone likes to see the console, and where the browser sees it: cookies and paths."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from starlette.requests import HTTPConnection

from facemeld.console.texts import Texts, choose_language

PATH = "/console"
"""Where the console is mounted."""

SESSION_COOKIE = "facemeld_session"
LANGUAGE_COOKIE = "facemeld_language"
THEME_COOKIE = "facemeld_theme"
ZONE_COOKIE = "facemeld_zone"
YEAR = 365 * 86400

Theme: TypeAlias = Literal["auto", "light", "dark"]
THEMES: tuple[Theme, ...] = ("auto", "light", "dark")


@dataclass(frozen=True, slots=True)
class Preferences:
    """How someone likes to see the console.

    Attributes:
        zone: Time zone of the browser; UTC until it is known.
    """

    texts: Texts
    theme: Theme
    zone: tzinfo


def preferences_of(connection: HTTPConnection) -> Preferences:
    """Language, theme and time zone of a request."""
    cookies = connection.cookies
    texts = Texts(choose_language(cookies.get(LANGUAGE_COOKIE), connection.headers.get("accept-language")))
    theme = cookies.get(THEME_COOKIE)
    return Preferences(texts, theme if theme in THEMES else "auto", _zone(cookies.get(ZONE_COOKIE, "")))


def base_of(connection: HTTPConnection) -> str:
    """Path of the console as the browser sees it, such as ``/console`` or ``/faces/console`` behind a proxy that adds a prefix."""
    # The guard has checked the header; in routes below the console's own, root_path may be longer.
    return connection.headers.get("x-forwarded-prefix", "") + str(connection.scope["state"]["console_root"])


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name.replace("%2F", "/")) if 0 < len(name) <= 64 else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
