"""Cursors: opaque texts that say where the next page of a list begins."""

from __future__ import annotations

import base64
import binascii
from typing import TypeAlias

from facemeld.admin.errors import AdminError

Position: TypeAlias = int | str
"""A number or text that sorts as the list does."""

_LONGEST = 512


def write_cursor(what: str, position: int | str | None) -> str | None:
    """The cursor behind a position of the list ``what``; None at its end."""
    if position is None:
        return None
    return base64.urlsafe_b64encode(f"{what}:{position}".encode()).decode().rstrip("=")


def read_number(what: str, cursor: str | None) -> int | None:
    """The number that ``write_cursor`` put into a cursor of the same list.

    Raises:
        AdminError: it is no cursor, or one of another list.
    """
    text = read_text(what, cursor)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 19):
        raise _refused()
    return int(text)


def read_text(what: str, cursor: str | None) -> str | None:
    """The text that ``write_cursor`` put into a cursor of the same list.

    Raises:
        AdminError: it is no cursor, or one of another list.
    """
    if cursor is None:
        return None
    try:
        plain = base64.b64decode(cursor[:_LONGEST] + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise _refused() from error
    found, _, position = plain.partition(":")
    if found != what or not position:
        raise _refused()
    return position


def _refused() -> AdminError:
    return AdminError(400, "invalid_cursor", "cursor must be the next of an earlier page of the same list")
