"""Sessions and users with their tokens, customers' accounts and their access keys."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request

from facemeld.admin import access, models
from facemeld.admin.access import PAGE, AccountKeeper, Admin, Cursor, KeyKeeper, Limit, Page, Reader, SignedIn, UserKeeper
from facemeld.upkeep.administration import account_change, checked_actions
from facemeld.users.signin import NEEDED_ROLES

session = APIRouter(tags=["session"])
users = APIRouter(prefix="/users", tags=["users"])
accounts = APIRouter(tags=["accounts"])
ROUTERS = (session, users, accounts)


@session.post("/login", response_model=models.LoginReply, operation_id="login")
def login(body: models.LoginRequest, request: Request, admin: Admin) -> object:
    """Exchange name and password for a bearer token. Too many attempts get status 429."""
    user, token = admin.signing_in.sign_in(body.name, body.password, _address(request))
    return {"token": token.text, "expires_at": token.expires_at, "user": user}


@session.post("/logout", status_code=204, operation_id="logout")
def logout(admin: Admin, me: SignedIn) -> None:
    """Revoke the token of this request."""
    admin.users.revoke(me.token_id, actor=me.actor)


@session.get("/me", operation_id="me")
def who(me: SignedIn) -> models.MeReply:
    """Return the user and role of the token."""
    return models.MeReply(name=me.name, role=me.role, acts=[act.value for act, role in NEEDED_ROLES.items() if me.role.allows(role)])


@session.post("/me/password", status_code=204, operation_id="change_password")
def change_password(body: models.PasswordRequest, request: Request, admin: Admin, me: SignedIn) -> None:
    """Change your own password; all your sessions end."""
    admin.signing_in.check(me.name, body.current, _address(request))
    admin.users.change(me.name, password=body.new, actor=me.actor)


@session.get("/me/tokens", response_model=Page[models.TokenReply], operation_id="own_tokens")
def own_tokens(admin: Admin, me: SignedIn, limit: Limit = PAGE, cursor: Cursor = None) -> object:
    """List your own tokens, newest first, without their texts."""
    return _tokens(admin, me.name, limit, cursor)


@session.post("/me/tokens", response_model=models.NewTokenReply, status_code=201, operation_id="create_own_token")
def create_own_token(body: models.NewTokenRequest, admin: Admin, me: SignedIn) -> object:
    """Create a token for a program; its role is limited to the role of this request."""
    role = me.role if body.role is None else me.role.limited_to(body.role)
    return admin.create_token(me.name, days=body.days, label=body.label, role=role, actor=me.actor)


@session.delete("/me/tokens/{token_id}", status_code=204, operation_id="revoke_own_token")
def revoke_own_token(token_id: int, admin: Admin, me: SignedIn) -> None:
    """Revoke one of your own tokens."""
    admin.users.revoke(token_id, actor=me.actor, user=me.name)


@users.get("", response_model=Page[models.UserReply], operation_id="users")
def list_users(admin: Admin, _: UserKeeper, limit: Limit = PAGE, cursor: Cursor = None) -> object:
    """List users in order of creation."""
    found = admin.users.users(limit=limit + 1, after=access.read_number("users", cursor))
    return access.cut("users", found, limit, lambda user: user.id)


@users.post("", response_model=models.UserReply, status_code=201, operation_id="create_user")
def create_user(body: models.NewUserRequest, admin: Admin, me: UserKeeper) -> object:
    """Create a user."""
    return admin.users.create(body.name, body.password, body.role, actor=me.actor)


@users.get("/{name}", response_model=models.UserReply, operation_id="user")
def get_user(name: str, admin: Admin, _: UserKeeper) -> object:
    """Return a user."""
    return admin.users.get(name)


@users.patch("/{name}", response_model=models.UserReply, operation_id="change_user")
def change_user(name: str, body: models.UserChangeRequest, admin: Admin, me: UserKeeper) -> object:
    """Change a user's role or password, disable or enable the user. At least one enabled owner must remain."""
    return admin.users.change(name, role=body.role, disabled=body.disabled, password=body.password, actor=me.actor)


@users.get("/{name}/tokens", response_model=Page[models.TokenReply], operation_id="tokens")
def list_tokens(name: str, admin: Admin, _: UserKeeper, limit: Limit = PAGE, cursor: Cursor = None) -> object:
    """List a user's tokens, newest first, without their texts."""
    return _tokens(admin, name, limit, cursor)


@users.post("/{name}/tokens", response_model=models.NewTokenReply, status_code=201, operation_id="create_token")
def create_token(name: str, body: models.NewTokenRequest, admin: Admin, me: UserKeeper) -> object:
    """Create a token for a program that acts as this user."""
    return admin.create_token(name, days=body.days, label=body.label, role=body.role, actor=me.actor)


@users.delete("/{name}/tokens/{token_id}", status_code=204, operation_id="revoke_token")
def revoke_token(name: str, token_id: int, admin: Admin, me: UserKeeper) -> None:
    """Revoke a user's token."""
    admin.users.revoke(token_id, actor=me.actor, user=name)


@accounts.get("/accounts", response_model=Page[models.AccountReply], operation_id="accounts")
def list_accounts(admin: Admin, _: Reader, limit: Limit = PAGE, cursor: Cursor = None) -> object:
    """List accounts in order of creation."""
    found = admin.account_page(access.read_number("accounts", cursor), limit)
    return Page(items=found.items, next=access.write_cursor("accounts", found.next), total=found.total)


@accounts.post("/accounts", response_model=models.AccountReply, status_code=201, operation_id="create_account")
def create_account(body: models.NewAccountRequest, admin: Admin, me: AccountKeeper) -> object:
    """Create an account. Its calls are not counted until it gets a balance or a package."""
    return admin.account(admin.accounts.create(body.name, actor=me.actor).name)


@accounts.get("/accounts/{name}", response_model=models.AccountReply, operation_id="account")
def get_account(name: str, admin: Admin, _: Reader) -> object:
    """Return an account with its credit."""
    return admin.account(name)


@accounts.patch("/accounts/{name}", response_model=models.AccountReply, operation_id="change_account")
def change_account(name: str, body: models.AccountChangeRequest, admin: Admin, me: AccountKeeper) -> object:
    """Change an account's state, credit, rates and address lists. The change takes effect with the next call."""
    admin.accounts.change(name, account_change(**dict(body)), actor=me.actor)
    return admin.account(name)


@accounts.post("/accounts/{name}/packages", response_model=models.AccountReply, status_code=201, operation_id="add_package")
def add_package(name: str, body: models.NewPackageRequest, admin: Admin, me: AccountKeeper) -> object:
    """Add a package of prepaid calls to an account, whose calls are counted from now on."""
    action = None if body.action is None else min(checked_actions([body.action]) or ())
    admin.accounts.add_package(name, body.calls, actor=me.actor, action=action, expires_at=body.expires_at)
    return admin.account(name)


@accounts.get("/keys", response_model=Page[models.KeyReply], operation_id="keys")
def list_keys(
    admin: Admin,
    _: Reader,
    account: Annotated[str | None, Query(description="Only this account's keys.")] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> object:
    """List access keys in order of SecretId, without their secrets."""
    keys, more = admin.key_page(account, access.read_text("keys", cursor), limit)
    return Page(items=keys, next=access.write_cursor("keys", more))


@accounts.post("/accounts/{name}/keys", response_model=models.NewKeyReply, status_code=201, operation_id="create_key")
def create_key(name: str, body: models.NewKeyRequest, admin: Admin, me: KeyKeeper) -> object:
    """Create an access key; its secret is shown only once."""
    return admin.accounts.create_key(name, actor=me.actor, actions=checked_actions(body.actions))


@accounts.patch("/keys/{secret_id}", response_model=models.KeyReply, operation_id="change_key")
def change_key(secret_id: str, body: models.KeyChangeRequest, admin: Admin, me: KeyKeeper) -> object:
    """Disable or enable a key, or change the actions that it may call. The change takes effect with the next call."""
    return admin.change_key(secret_id, enabled=body.enabled, actions=body.actions, all_actions=body.all_actions, actor=me.actor)


@accounts.post(
    "/keys/{secret_id}/temporary", response_model=models.NewTemporaryKeyReply, status_code=201, operation_id="create_temporary_key"
)
def create_temporary_key(secret_id: str, body: models.NewTemporaryKeyRequest, admin: Admin, me: KeyKeeper) -> object:
    """Create a temporary key that acts on behalf of this key; its secret and token are shown only once."""
    return admin.accounts.create_temporary_key(secret_id, timedelta(minutes=body.minutes), actor=me.actor)


def _tokens(admin: Admin, name: str, limit: int, cursor: str | None) -> object:
    found = admin.users.tokens(name, limit=limit + 1, before=access.read_number("tokens", cursor))
    return access.cut("tokens", found, limit, lambda token: token.id)


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else "unknown"
