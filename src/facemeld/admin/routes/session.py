"""Signing in and out, the own password and the own tokens."""

from __future__ import annotations

from fastapi import APIRouter, Request

from facemeld.admin.access import PAGE, Admin, Cursor, Limit, SignedIn
from facemeld.admin.cursors import read_number, write_cursor
from facemeld.admin.models import (
    LoginReply,
    LoginRequest,
    MeReply,
    NewTokenReply,
    NewTokenRequest,
    Page,
    PasswordRequest,
    TokenReply,
    UserReply,
)
from facemeld.users.signin import NEEDED_ROLES

router = APIRouter(tags=["session"])


@router.post("/login", operation_id="login")
def login(body: LoginRequest, request: Request, admin: Admin) -> LoginReply:
    """Exchange name and password for a bearer token. Too many attempts are answered with 429."""
    user, token = admin.signing_in.sign_in(body.name, body.password, _address(request))
    return LoginReply(token=token.text, expires_at=token.expires_at, user=UserReply.of(user))


@router.post("/logout", status_code=204, operation_id="logout")
def logout(admin: Admin, me: SignedIn) -> None:
    """End the token of this request."""
    admin.users.revoke(me.token_id, actor=me.actor)


@router.get("/me", operation_id="me")
def who(me: SignedIn) -> MeReply:
    """Who the token stands for."""
    return MeReply(name=me.name, role=me.role, acts=[act.value for act, role in NEEDED_ROLES.items() if me.role.allows(role)])


@router.post("/me/password", status_code=204, operation_id="change_password")
def change_password(body: PasswordRequest, request: Request, admin: Admin, me: SignedIn) -> None:
    """Change the own password; all own sessions end."""
    admin.signing_in.check(me.name, body.current, _address(request))
    admin.users.change(me.name, password=body.new, actor=me.actor)


@router.get("/me/tokens", operation_id="own_tokens")
def own_tokens(admin: Admin, me: SignedIn, limit: Limit = PAGE, cursor: Cursor = None) -> Page[TokenReply]:
    """Own tokens, newest first, without their texts."""
    found = admin.users.tokens(me.name, limit=limit + 1, before=read_number("tokens", cursor))
    more = found[limit - 1].id if len(found) > limit else None
    return Page(items=[TokenReply.of(token) for token in found[:limit]], next=write_cursor("tokens", more))


@router.post("/me/tokens", status_code=201, operation_id="create_own_token")
def create_own_token(body: NewTokenRequest, admin: Admin, me: SignedIn) -> NewTokenReply:
    """Create a token for a program; it may never do more than this request may."""
    role = me.role if body.role is None else me.role.limited_to(body.role)
    return NewTokenReply.of(admin.create_token(me.name, days=body.days, label=body.label, role=role, actor=me.actor))


@router.delete("/me/tokens/{token_id}", status_code=204, operation_id="revoke_own_token")
def revoke_own_token(token_id: int, admin: Admin, me: SignedIn) -> None:
    """End an own token."""
    admin.users.revoke(token_id, actor=me.actor, user=me.name)


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else "unknown"
