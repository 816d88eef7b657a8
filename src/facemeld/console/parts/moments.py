"""Moments that are typed: in the browser's time zone, as its own control for them writes."""

from __future__ import annotations

from datetime import UTC, datetime

from facemeld.console.desk import Desk
from facemeld.console.parts.fields import Field, text_field

_FORM = "%Y-%m-%dT%H:%M"


def moment_field(label: str, value: str = "", *, hint: str = "") -> Field[str]:
    """A moment to be typed or chosen; ``read_moment`` reads its value."""
    return text_field(label, value, longest=32, kind="datetime-local", hint=hint)


def read_moment(desk: Desk, text: str) -> datetime | None:
    """The moment of a field, in UTC; None for none."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=desk.zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def write_moment(desk: Desk, at: datetime) -> str:
    """What a field shows for a moment."""
    return at.astimezone(desk.zone).strftime(_FORM)
