"""``facemeld key``: access keys of accounts."""

from __future__ import annotations

from typing import Annotated

import typer

from facemeld.cli.common import DEFAULT_ACCOUNT, AccountOption, DataOption, JsonOption, actor, application, moment, show, show_table

app = typer.Typer(help="Access keys of accounts.", no_args_is_help=True)


@app.command("create")
def create(account: AccountOption = DEFAULT_ACCOUNT, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Create a key, and its account when it is new; the secret is shown now and never again."""
    with application(data) as opened:
        opened.accounts.ensure(account, actor=actor())
        key = opened.accounts.create_key(account, actor=actor())
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
            "Enabled": key.enabled,
            "CreateTime": moment(key.created_at),
        }
        for key in keys
    ]
    show_table(rows, as_json, "No keys yet: create one with `facemeld key create`.")


@app.command("disable")
def disable(secret_id: str, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Disable a key: from now on calls with it are refused."""
    _switch(secret_id, False, data, as_json)


@app.command("enable")
def enable(secret_id: str, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Enable a disabled key again."""
    _switch(secret_id, True, data, as_json)


def _switch(secret_id: str, enabled: bool, data: DataOption, as_json: bool) -> None:
    with application(data) as opened:
        key = opened.accounts.set_key_enabled(secret_id, enabled, actor=actor())
    show({"SecretId": key.secret_id, "Enabled": key.enabled}, as_json, f"{key.secret_id} is now {'enabled' if key.enabled else 'disabled'}")
