"""Parts that endpoints share: the signed-in user with a sufficient role, strict values, pages and their cursors."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeAlias, TypeVar, cast

from fastapi import Depends, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, BeforeValidator, Field

from facemeld.admin.errors import AdminError
from facemeld.upkeep.administration import Administration
from facemeld.users.signin import NEEDED_ROLES, Act, require
from facemeld.users.types import Principal, TokenInvalid

_bearer = HTTPBearer(auto_error=False, description="A token from `POST /login` or `facemeld user token create`.")


def administration(request: Request) -> Administration:
    """Return the use cases behind this application."""
    return cast(Administration, request.app.state.administration)


Admin: TypeAlias = Annotated[Administration, Depends(administration)]


def signed_in(request: Request, admin: Admin, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Principal:
    """Return the user of the request's bearer token.

    Raises:
        TokenInvalid: The token is missing, unknown, expired or revoked.
    """
    if credentials is None:
        raise TokenInvalid("the header Authorization must have the form 'Bearer TOKEN'")
    principal = admin.users.authenticate(credentials.credentials)
    request.scope["state"]["actor"] = principal.actor
    return principal


SignedIn: TypeAlias = Annotated[Principal, Depends(signed_in)]


def allowed(act: Act) -> Callable[[Principal], Principal]:
    """Return a dependency that admits only users whose role allows an act."""

    def check(principal: SignedIn) -> Principal:
        require(principal, act)
        return principal

    check.__doc__ = f"A user whose role is at least {NEEDED_ROLES[act].value}."
    return check


Reader: TypeAlias = Annotated[Principal, Depends(allowed(Act.READ))]
Reviewer: TypeAlias = Annotated[Principal, Depends(allowed(Act.DECIDE))]
Editor: TypeAlias = Annotated[Principal, Depends(allowed(Act.EDIT))]
KeyKeeper: TypeAlias = Annotated[Principal, Depends(allowed(Act.KEYS))]
Auditor: TypeAlias = Annotated[Principal, Depends(allowed(Act.AUDIT))]
ConfigurationReader: TypeAlias = Annotated[Principal, Depends(allowed(Act.SETTINGS))]
AccountKeeper: TypeAlias = Annotated[Principal, Depends(allowed(Act.ACCOUNTS))]
UserKeeper: TypeAlias = Annotated[Principal, Depends(allowed(Act.USERS))]


def _not_a_number(value: Any) -> Any:
    """Refuse a number as a moment, because it could count seconds or milliseconds."""
    try:
        float(value)
    except (TypeError, ValueError):
        return value
    raise ValueError("must be a date with a time, such as 2026-08-15T12:00:00Z, got a number")


Moment: TypeAlias = Annotated[datetime, BeforeValidator(_not_a_number)]
"""A moment in the form of RFC 3339."""

Flag: TypeAlias = Annotated[bool, Field(strict=True)]
"""``true`` or ``false`` in a body; refuses 1 and ``"yes"``."""

Whole: TypeAlias = Annotated[int, Field(strict=True)]
"""An integer in a body; refuses ``"1"`` and ``true``."""

Number: TypeAlias = Annotated[float, Field(strict=True)]
"""A number in a body; refuses ``"1"`` and ``true``."""


def aware(moment: datetime | None) -> datetime | None:
    """Return a moment of a query with its zone, which is UTC if it has none."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


PAGE = 50
LARGEST_PAGE = 200

Limit: TypeAlias = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="Maximum number of items.")]
Cursor: TypeAlias = Annotated[str | None, Query(max_length=512, description="`next` of the previous page; omit it for the first page.")]
Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """A page of a list."""

    items: Sequence[Item]
    next: str | None = Field(description="Value of `cursor` for the next page; null on the last page.")
    total: int | None = Field(default=None, description="Length of the whole list; null if unknown.")


def cut(what: str, found: Sequence[Item], limit: int, position: Callable[[Item], int]) -> Page[Item]:
    """Return the first ``limit`` items of the list ``what`` as a page.

    Args:
        what: Name of the list, which its cursors carry.
        found: Up to ``limit + 1`` items; the last one only shows that there are more.
        limit: Most items of the page.
        position: Returns the number by which an item is sorted.
    """
    more = position(found[limit - 1]) if len(found) > limit else None
    return Page(items=found[:limit], next=write_cursor(what, more))


def write_cursor(what: str, position: int | str | None) -> str | None:
    """Return the cursor after a position of the list ``what``; None at the end of the list."""
    if position is None:
        return None
    return base64.urlsafe_b64encode(f"{what}:{position}".encode()).decode().rstrip("=")


def read_number(what: str, cursor: str | None) -> int | None:
    """Return the number that ``write_cursor`` put into a cursor of the list ``what``.

    Raises:
        AdminError: The text is not a cursor of this list.
    """
    text = read_text(what, cursor)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 19):
        raise _refused()
    return int(text)


def read_text(what: str, cursor: str | None) -> str | None:
    """Return the text that ``write_cursor`` put into a cursor of the list ``what``.

    Raises:
        AdminError: The text is not a cursor of this list.
    """
    if cursor is None:
        return None
    try:
        plain = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise _refused() from error
    found, _, position = plain.partition(":")
    if found != what or not position:
        raise _refused()
    return position


def _refused() -> AdminError:
    return AdminError(400, "invalid_cursor", "cursor must be the next of an earlier page of the same list")
