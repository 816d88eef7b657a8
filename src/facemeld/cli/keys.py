"""``facemeld key``: access keys of accounts."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, TypeAlias

import typer

from facemeld.accounts import parse_actions
from facemeld.cli.common import DEFAULT_ACCOUNT, AccountOption, DataOption, JsonOption, actor, application, moment, show, show_table
from facemeld.services.policies import check_actions

EVERYTHING = "all"
AllowOption: TypeAlias = Annotated[
    str, typer.Option("--allow", metavar="ACTIONS", help="Actions, comma separated, that the key may call; all for every one.")
]

app = typer.Typer(help="Access keys of accounts.", no_args_is_help=True)


@app.command("create")
def create(
    account: AccountOption = DEFAULT_ACCOUNT,
    allow: AllowOption = EVERYTHING,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a key, and its account when it is new; the secret is shown now and never again."""
    actions = _actions(allow)
    with application(data) as opened:
        opened.accounts.ensure(account, actor=actor())
        key = opened.accounts.create_key(account, actor=actor(), actions=actions)
    value = {"SecretId": key.secret_id, "SecretKey": key.secret_key}
    show(
        value,
        as_json,
        f"SecretId   {key.secret_id}\nSecretKey  {key.secret_key}\nThe SecretKey is not stored in readable form: keep it now.",
    )


@app.command("list")
def list_keys(
    account: Annotated[str | None, typer.Option("--account", metavar="NAME", help="Only this account's keys.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List keys, without their secrets."""
    with application(data) as opened:
        keys = opened.accounts.keys(account)
    rows = [
        {
            "SecretId": key.secret_id,
            "Account": key.account_name,
            "Kind": key.kind.value,
            "Enabled": key.enabled,
            "Allow": EVERYTHING if key.actions is None else ",".join(sorted(key.actions)),
            "CreateTime": moment(key.created_at),
            "LastUseTime": None if key.last_used_at is None else moment(key.last_used_at),
            "ExpireTime": None if key.expires_at is None else moment(key.expires_at),
        }
        for key in keys
    ]
    show_table(rows, as_json, "No keys yet: create one with `facemeld key create`.")


@app.command("set")
def set_key(secret_id: str, allow: AllowOption, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Change which actions a key may call."""
    actions = _actions(allow)
    with application(data) as opened:
        key = opened.accounts.set_key_actions(secret_id, actions, actor=actor())
    allowed = EVERYTHING if key.actions is None else ",".join(sorted(key.actions))
    show({"SecretId": key.secret_id, "Allow": allowed}, as_json, f"{key.secret_id} may now call {allowed}")


@app.command("temporary")
def temporary(
    parent: Annotated[str, typer.Option("--for", metavar="SECRETID", help="The key that it stands for.")],
    minutes: Annotated[int, typer.Option("--minutes", min=1, max=2160, help="How long it may be used.")] = 60,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a key for a while, with the permissions of another; calls must carry its token as X-TC-Token."""
    with application(data) as opened:
        key = opened.accounts.create_temporary_key(parent, timedelta(minutes=minutes), actor=actor())
    value = {
        "TmpSecretId": key.secret_id,
        "TmpSecretKey": key.secret_key,
        "Token": key.token,
        "ExpiredTime": int(key.expires_at.timestamp()),
    }
    show(value, as_json, "\n".join(f"{name:<12}  {text}" for name, text in value.items()))


@app.command("disable")
def disable(secret_id: str, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Disable a key: from now on calls with it are refused."""
    _switch(secret_id, False, data, as_json)


@app.command("enable")
def enable(secret_id: str, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Enable a disabled key again."""
    _switch(secret_id, True, data, as_json)


def _actions(text: str) -> frozenset[str] | None:
    return None if text == EVERYTHING else check_actions(parse_actions(text))


def _switch(secret_id: str, enabled: bool, data: DataOption, as_json: bool) -> None:
    with application(data) as opened:
        key = opened.accounts.set_key_enabled(secret_id, enabled, actor=actor())
    show({"SecretId": key.secret_id, "Enabled": key.enabled}, as_json, f"{key.secret_id} is now {'enabled' if key.enabled else 'disabled'}")
