"""Users and their tokens."""

from __future__ import annotations

from fastapi import APIRouter

from facemeld.admin.access import PAGE, Admin, Cursor, Limit, UserKeeper
from facemeld.admin.cursors import read_number, write_cursor
from facemeld.admin.models import NewTokenReply, NewTokenRequest, NewUserRequest, Page, TokenReply, UserChangeRequest, UserReply

router = APIRouter(prefix="/users", tags=["users"])


@router.get("", operation_id="users")
def list_users(admin: Admin, _: UserKeeper, limit: Limit = PAGE, cursor: Cursor = None) -> Page[UserReply]:
    """Users in the order of their creation."""
    found = admin.users.users(limit=limit + 1, after=read_number("users", cursor))
    more = found[limit - 1].id if len(found) > limit else None
    return Page(items=[UserReply.of(user) for user in found[:limit]], next=write_cursor("users", more))


@router.post("", status_code=201, operation_id="create_user")
def create_user(body: NewUserRequest, admin: Admin, me: UserKeeper) -> UserReply:
    """Create a user."""
    return UserReply.of(admin.users.create(body.name, body.password, body.role, actor=me.actor))


@router.get("/{name}", operation_id="user")
def get_user(name: str, admin: Admin, _: UserKeeper) -> UserReply:
    """One user."""
    return UserReply.of(admin.users.get(name))


@router.patch("/{name}", operation_id="change_user")
def change_user(name: str, body: UserChangeRequest, admin: Admin, me: UserKeeper) -> UserReply:
    """Change role or password, disable or enable; an enabled owner is always left."""
    return UserReply.of(admin.users.change(name, role=body.role, disabled=body.disabled, password=body.password, actor=me.actor))


@router.get("/{name}/tokens", operation_id="tokens")
def list_tokens(name: str, admin: Admin, _: UserKeeper, limit: Limit = PAGE, cursor: Cursor = None) -> Page[TokenReply]:
    """Tokens of a user, newest first, without their texts."""
    found = admin.users.tokens(name, limit=limit + 1, before=read_number("tokens", cursor))
    more = found[limit - 1].id if len(found) > limit else None
    return Page(items=[TokenReply.of(token) for token in found[:limit]], next=write_cursor("tokens", more))


@router.post("/{name}/tokens", status_code=201, operation_id="create_token")
def create_token(name: str, body: NewTokenRequest, admin: Admin, me: UserKeeper) -> NewTokenReply:
    """Create a token for a program that acts as this user."""
    return NewTokenReply.of(admin.create_token(name, days=body.days, label=body.label, role=body.role, actor=me.actor))


@router.delete("/{name}/tokens/{token_id}", status_code=204, operation_id="revoke_token")
def revoke_token(name: str, token_id: int, admin: Admin, me: UserKeeper) -> None:
    """End a token of a user."""
    admin.users.revoke(token_id, actor=me.actor, user=name)
