"""Customers' accounts and their access keys."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from facemeld.admin.access import PAGE, AccountKeeper, Admin, Cursor, KeyKeeper, Limit, Reader
from facemeld.admin.cursors import read_number, read_text, write_cursor
from facemeld.admin.models import (
    AccountChangeRequest,
    AccountReply,
    KeyChangeRequest,
    KeyReply,
    NewAccountRequest,
    NewKeyReply,
    NewKeyRequest,
    NewPackageRequest,
    NewTemporaryKeyReply,
    NewTemporaryKeyRequest,
    Page,
)
from facemeld.upkeep.administration import account_change, checked_actions

router = APIRouter(tags=["accounts"])


@router.get("/accounts", operation_id="accounts")
def list_accounts(admin: Admin, _: Reader, limit: Limit = PAGE, cursor: Cursor = None) -> Page[AccountReply]:
    """Accounts in the order of their creation."""
    page = admin.account_page(read_number("accounts", cursor), limit)
    return Page(items=[AccountReply.of(view) for view in page.items], next=write_cursor("accounts", page.next), total=page.total)


@router.post("/accounts", status_code=201, operation_id="create_account")
def create_account(body: NewAccountRequest, admin: Admin, me: AccountKeeper) -> AccountReply:
    """Create an account, whose calls are not counted until it gets a balance or a package."""
    return AccountReply.of(admin.account(admin.accounts.create(body.name, actor=me.actor).name))


@router.get("/accounts/{name}", operation_id="account")
def get_account(name: str, admin: Admin, _: Reader) -> AccountReply:
    """One account with its credit."""
    return AccountReply.of(admin.account(name))


@router.patch("/accounts/{name}", operation_id="change_account")
def change_account(name: str, body: AccountChangeRequest, admin: Admin, me: AccountKeeper) -> AccountReply:
    """Change state, credit, rates and address lists; the next call already follows it."""
    admin.accounts.change(name, account_change(**dict(body)), actor=me.actor)
    return AccountReply.of(admin.account(name))


@router.post("/accounts/{name}/packages", status_code=201, operation_id="add_package")
def add_package(name: str, body: NewPackageRequest, admin: Admin, me: AccountKeeper) -> AccountReply:
    """Give an account calls in advance; from now on its calls are counted."""
    action = None if body.action is None else min(checked_actions([body.action]) or ())
    admin.accounts.add_package(name, body.calls, actor=me.actor, action=action, expires_at=body.expires_at)
    return AccountReply.of(admin.account(name))


@router.get("/keys", operation_id="keys")
def list_keys(
    admin: Admin,
    _: Reader,
    account: Annotated[str | None, Query(description="Only this account's keys.")] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Page[KeyReply]:
    """Access keys by SecretId, without their secrets."""
    keys, more = admin.key_page(account, read_text("keys", cursor), limit)
    return Page(items=[KeyReply.of(key) for key in keys], next=write_cursor("keys", more))


@router.post("/accounts/{name}/keys", status_code=201, operation_id="create_key")
def create_key(name: str, body: NewKeyRequest, admin: Admin, me: KeyKeeper) -> NewKeyReply:
    """Create an access key; its secret is shown now and never again."""
    key = admin.accounts.create_key(name, actor=me.actor, actions=checked_actions(body.actions))
    return NewKeyReply(secret_id=key.secret_id, secret_key=key.secret_key)


@router.patch("/keys/{secret_id}", operation_id="change_key")
def change_key(secret_id: str, body: KeyChangeRequest, admin: Admin, me: KeyKeeper) -> KeyReply:
    """Disable or enable a key, change which actions it may call; the next call already follows it."""
    return KeyReply.of(
        admin.change_key(secret_id, enabled=body.enabled, actions=body.actions, all_actions=body.all_actions, actor=me.actor)
    )


@router.post("/keys/{secret_id}/temporary", status_code=201, operation_id="create_temporary_key")
def create_temporary_key(secret_id: str, body: NewTemporaryKeyRequest, admin: Admin, me: KeyKeeper) -> NewTemporaryKeyReply:
    """Create a key that acts on behalf of this one for a while; its secret and token are shown now and never again."""
    key = admin.accounts.create_temporary_key(secret_id, timedelta(minutes=body.minutes), actor=me.actor)
    return NewTemporaryKeyReply(secret_id=key.secret_id, secret_key=key.secret_key, token=key.token, expires_at=key.expires_at)
