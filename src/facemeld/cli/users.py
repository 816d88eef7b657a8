"""``facemeld user``: the people who administer the service, and their tokens."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Annotated

import typer

from facemeld.cli.common import DataOption, JsonOption, actor, application, moment, show, show_table
from facemeld.users.types import Role, TokenKind, User, generate_password

users = typer.Typer(help="Manage the users of the admin API and the console.", no_args_is_help=True)
tokens = typer.Typer(help="Manage bearer tokens, with which programs act for a user.", no_args_is_help=True)
users.add_typer(tokens, name="token")

_PAGE = 500


def _value(user: User) -> dict[str, str | bool | None]:
    signed_in = None if user.signed_in_at is None else moment(user.signed_in_at)
    return {
        "Name": user.name,
        "Role": user.role.value,
        "Disabled": user.disabled,
        "CreateTime": moment(user.created_at),
        "SignInTime": signed_in,
    }


def _password(generate: bool) -> tuple[str, bool]:
    """Return a password, and whether it was generated; without a terminal to ask at, it always is."""
    if generate or not sys.stdin.isatty():
        return generate_password(), True
    return typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True), False


GenerateOption = Annotated[bool, typer.Option("--generate", help="Generate a password instead of asking for it.")]


@users.command("create")
def create(
    name: str,
    role: Annotated[Role, typer.Option("--role", help="Role, which decides what the user may do.")] = Role.VIEWER,
    generate: GenerateOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a user. Asks for a password; without a terminal, generates one and prints it."""
    password, generated = _password(generate)
    with application(data) as opened:
        user = opened.users.create(name, password, role, actor=actor())
    _show(user, password if generated else None, as_json, f"{user.name} is created as {user.role.value}")


@users.command("list")
def list_users(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List users."""
    rows: list[dict[str, str | bool | None]] = []
    with application(data) as opened:
        after: int | None = None
        while page := opened.users.users(limit=_PAGE, after=after):
            rows.extend(_value(user) for user in page)
            after = page[-1].id
    show_table(rows, as_json, "No users yet: create one with `facemeld user create NAME --role owner`.")


@users.command("role")
def set_role(name: str, role: Role, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Change the role of a user with immediate effect."""
    with application(data) as opened:
        user = opened.users.change(name, role=role, actor=actor())
    show(_value(user), as_json, f"{user.name} is now {user.role.value}")


@users.command("disable")
def disable(name: str, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Disable a user; password and tokens are rejected."""
    with application(data) as opened:
        user = opened.users.change(name, disabled=True, actor=actor())
    show(_value(user), as_json, f"{user.name} is now disabled")


@users.command("enable")
def enable(name: str, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Enable a disabled user."""
    with application(data) as opened:
        user = opened.users.change(name, disabled=False, actor=actor())
    show(_value(user), as_json, f"{user.name} is now enabled")


@users.command("password")
def set_password(name: str, generate: GenerateOption = False, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Change the password of a user and end all sessions. Asks for it; without a terminal, generates and prints it."""
    password, generated = _password(generate)
    with application(data) as opened:
        user = opened.users.change(name, password=password, actor=actor())
    _show(user, password if generated else None, as_json, f"{user.name} has a new password")


@tokens.command("create")
def create_token(
    name: str,
    days: Annotated[float, typer.Option("--days", help="Days until the token expires, at most 366.")] = 90,
    role: Annotated[Role | None, typer.Option("--role", help="Limit the token to this role. Default: role of the user.")] = None,
    label: Annotated[str, typer.Option("--label", help="Description of the token.")] = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a bearer token. It is shown only once."""
    with application(data) as opened:
        token = opened.users.create_token(name, life=timedelta(days=days), kind=TokenKind.PROGRAM, label=label, role=role, actor=actor())
    value = {"TokenId": token.id, "Token": token.text, "ExpireTime": moment(token.expires_at)}
    text = f"Token   {token.text}\nExpires {value['ExpireTime']}\nSave the token now: it cannot be shown again."
    show(value, as_json, text)


@tokens.command("list")
def list_tokens(name: str, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the tokens of a user, including expired and revoked ones, newest first."""
    with application(data) as opened:
        found = opened.users.tokens(name, limit=_PAGE)
    rows = [
        {
            "TokenId": token.id,
            "Kind": token.kind.value,
            "Label": token.label,
            "Role": token.role.value,
            "CreateTime": moment(token.created_at),
            "ExpireTime": moment(token.expires_at),
            "Revoked": token.revoked_at is not None,
        }
        for token in found
    ]
    show_table(rows, as_json, f"No tokens yet: create one with `facemeld user token create {name}`.")


@tokens.command("revoke")
def revoke_token(token_id: int, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Revoke a token."""
    with application(data) as opened:
        opened.users.revoke(token_id, actor=actor())
    show({"TokenId": token_id, "Revoked": True}, as_json, f"Token {token_id} is revoked")


def _show(user: User, password: str | None, as_json: bool, text: str) -> None:
    value = _value(user)
    if password is not None:
        value["Password"] = password
        text += f"\nPassword  {password}\nSave the password now: it cannot be shown again."
    show(value, as_json, text)
