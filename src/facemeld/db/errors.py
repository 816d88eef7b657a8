"""Errors of stored state, and the clock that every store takes."""

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
    """The database URL is not one that Facemeld can use."""


class SchemaMismatch(StateError):
    """The database was made by another version of Facemeld and cannot be brought to this one."""


Clock: TypeAlias = Callable[[], datetime]
"""Gives the present moment as an aware ``datetime`` in UTC."""


def utc_now() -> datetime:
    """The system's time in UTC."""
    return datetime.now(UTC)
