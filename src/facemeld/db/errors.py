"""Errors of stored state, and the type of clocks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

from facemeld.errors import FacemeldError


class StateError(FacemeldError):
    """Stored state could not be read or written."""


class DatabaseUnavailable(StateError):
    """The database cannot be reached, is locked for too long or has no room left."""


class FolderUnavailable(StateError):
    """The data folder cannot be created or written."""


class DatabaseUrlInvalid(StateError):
    """Facemeld cannot use the database URL."""


class SchemaMismatch(StateError):
    """Another version of Facemeld made the database, and this version cannot upgrade it."""


Clock: TypeAlias = Callable[[], datetime]
"""Returns the current time as an aware ``datetime`` in UTC."""


def utc_now() -> datetime:
    """Return the system time in UTC."""
    return datetime.now(UTC)
