"""What every endpoint takes: the use cases, and the user who makes the request and may do what it asks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, TypeAlias, cast

from fastapi import Depends, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from facemeld.upkeep.administration import Administration
from facemeld.users.signin import NEEDED_ROLES, Act, require
from facemeld.users.types import Principal, TokenInvalid

_bearer = HTTPBearer(auto_error=False, description="A token of `POST /login` or of `facemeld user token create`.")

PAGE = 50
LARGEST_PAGE = 200


def administration(request: Request) -> Administration:
    """The use cases behind this application."""
    return cast(Administration, request.app.state.administration)


Admin: TypeAlias = Annotated[Administration, Depends(administration)]


def signed_in(request: Request, admin: Admin, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Principal:
    """The user of the request's bearer token.

    Raises:
        TokenInvalid: there is none, or it is not in force.
    """
    if credentials is None:
        raise TokenInvalid("the header Authorization must have the form 'Bearer TOKEN'")
    principal = admin.users.authenticate(credentials.credentials)
    request.scope["state"]["actor"] = principal.actor
    return principal


SignedIn: TypeAlias = Annotated[Principal, Depends(signed_in)]


def allowed(act: Act) -> Callable[[Principal], Principal]:
    """A dependency that lets users through who may do something of this kind."""

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

Limit: TypeAlias = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="Most items of the page.")]
Cursor: TypeAlias = Annotated[str | None, Query(max_length=512, description="`next` of the page before; absent for the first page.")]


def aware(moment: datetime | None) -> datetime | None:
    """A moment of a query; one without a zone is UTC."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
