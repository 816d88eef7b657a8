"""``facemeld account`` and ``facemeld key``: accounts with their credit, rates and address lists, and their access keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeAlias

import typer

from facemeld.accounts.rates import check_actions
from facemeld.accounts.types import Account, AccountState, Package, parse_actions
from facemeld.app.composition import Application
from facemeld.cli.common import DEFAULT_ACCOUNT, AccountOption, DataOption, JsonOption, actor, application, moment, show, show_table
from facemeld.upkeep.administration import account_change

accounts = typer.Typer(help="Manage accounts: state, credit, rates and address lists.", no_args_is_help=True)
packages = typer.Typer(help="Manage prepaid calls.", no_args_is_help=True)
accounts.add_typer(packages, name="package")
keys = typer.Typer(help="Manage the access keys of accounts.", no_args_is_help=True)

ANYWHERE = "any"
NO_NETWORKS = "none"
ALL_ACTIONS = "all"
_DAY = "%Y-%m-%d"
_MOMENT = "%Y-%m-%dT%H:%M:%S"
BalanceOption: TypeAlias = Annotated[
    str | None, typer.Option("--balance", metavar="CALLS", help="Number of calls left besides packages, or unlimited.")
]
AutoOpenOption: TypeAlias = Annotated[
    bool | None,
    typer.Option("--auto-open/--no-auto-open", help="Answer calls without credit with BalanceInsufficient instead of InArrears."),
]
AllowOption: TypeAlias = Annotated[
    str, typer.Option("--allow", metavar="ACTIONS", help="Comma-separated actions that the key may call, or all.")
]
RateOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--rate",
        metavar="NAME=CALLS",
        help="Calls per second; NAME is an action, account, global or address, CALLS a number, unlimited or default. Repeatable.",
    ),
]


@accounts.command("create")
def create_account(
    name: str,
    balance: BalanceOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create an account. Its calls are unlimited unless it has a balance or a package."""
    change = account_change(balance=_balance(balance))
    with application(data) as opened:
        opened.accounts.create(name, actor=actor())
        if change.balance is not None:
            opened.accounts.change(name, change, actor=actor())
        value = _value(opened, opened.accounts.get(name))
    show(value, as_json, _text(value))


@accounts.command("list")
def list_accounts(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List accounts."""
    with application(data) as opened:
        rows = [_summary(opened, account) for account in opened.accounts.accounts()]
    show_table(rows, as_json, "No accounts yet: create one with `facemeld account create NAME`.")


@accounts.command("show")
def show_account(name: str, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show the details of an account."""
    with application(data) as opened:
        value = _value(opened, opened.accounts.get(name))
    show(value, as_json, _text(value))


@accounts.command("set")
def set_account(
    name: str,
    state: Annotated[
        AccountState | None, typer.Option("--state", help="State that decides whether the account may use the service.")
    ] = None,
    balance: BalanceOption = None,
    auto_open: AutoOpenOption = None,
    rate: RateOption = None,
    allow_ip: Annotated[
        list[str] | None, typer.Option("--allow-ip", metavar="NETWORK", help="Allow only these addresses; any allows all. Repeatable.")
    ] = None,
    deny_ip: Annotated[
        list[str] | None, typer.Option("--deny-ip", metavar="NETWORK", help="Deny these addresses; none empties the list. Repeatable.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change an account with immediate effect. Address lists are replaced; rates are changed one by one."""
    change = account_change(
        state=state,
        balance=_balance(balance),
        auto_open=auto_open,
        rates={name.strip(): value.strip() for name, _, value in (text.partition("=") for text in rate or ())},
        allow_ips=_addresses(allow_ip, ANYWHERE),
        deny_ips=_addresses(deny_ip, NO_NETWORKS),
    )
    with application(data) as opened:
        value = _value(opened, opened.accounts.change(name, change, actor=actor()))
    show(value, as_json, _text(value))


@packages.command("add")
def add_package(
    name: str,
    calls: Annotated[int, typer.Option("--calls", help="Number of calls.")],
    action: Annotated[str | None, typer.Option("--action", help="Limit the package to calls of this action.")] = None,
    expires: Annotated[
        datetime | None,
        typer.Option("--expires", metavar="DATE", formats=[_DAY, _MOMENT], help="Time in UTC at which the package expires."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add prepaid calls to an account. From now on, its calls are counted."""
    if action is not None:
        check_actions([action])
    end = None if expires is None else expires.replace(tzinfo=UTC)
    with application(data) as opened:
        package = opened.accounts.add_package(name, calls, actor=actor(), action=action, expires_at=end)
    value = _package(package)
    show(value, as_json, f"Package {package.id} of {calls} calls added to {name}")


@packages.command("list")
def list_packages(name: str, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the packages of an account, including used-up ones."""
    with application(data) as opened:
        rows = [_package(package) for package in opened.accounts.packages(name)]
    show_table(rows, as_json, "No packages yet: add one with `facemeld account package add NAME --calls NUMBER`.")


@keys.command("create")
def create_key(
    account: AccountOption = DEFAULT_ACCOUNT,
    allow: AllowOption = ALL_ACTIONS,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a key, and its account if it does not exist. The secret is shown only once."""
    actions = _parse_allow(allow)
    with application(data) as opened:
        opened.accounts.ensure(account, actor=actor())
        key = opened.accounts.create_key(account, actor=actor(), actions=actions)
    value = {"SecretId": key.secret_id, "SecretKey": key.secret_key}
    show(
        value,
        as_json,
        f"SecretId   {key.secret_id}\nSecretKey  {key.secret_key}\nSave the SecretKey now: it cannot be shown again.",
    )


@keys.command("list")
def list_keys(
    account: Annotated[str | None, typer.Option("--account", metavar="NAME", help="List only the keys of this account.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List keys, without their secrets."""
    with application(data) as opened:
        found = opened.accounts.keys(account)
    rows = [
        {
            "SecretId": key.secret_id,
            "Account": key.account_name,
            "Kind": key.kind.value,
            "Enabled": key.enabled,
            "Allow": ALL_ACTIONS if key.actions is None else ",".join(sorted(key.actions)),
            "CreateTime": moment(key.created_at),
            "LastUseTime": None if key.last_used_at is None else moment(key.last_used_at),
            "ExpireTime": None if key.expires_at is None else moment(key.expires_at),
        }
        for key in found
    ]
    show_table(rows, as_json, "No keys yet: create one with `facemeld key create`.")


@keys.command("set")
def set_key(secret_id: str, allow: AllowOption, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Change the actions that a key may call."""
    actions = _parse_allow(allow)
    with application(data) as opened:
        key = opened.accounts.set_key_actions(secret_id, actions, actor=actor())
    allowed = ALL_ACTIONS if key.actions is None else ",".join(sorted(key.actions))
    show({"SecretId": key.secret_id, "Allow": allowed}, as_json, f"{key.secret_id} may now call {allowed}")


@keys.command("temporary")
def create_temporary_key(
    parent: Annotated[str, typer.Option("--for", metavar="SECRETID", help="Key whose permissions the temporary key gets.")],
    minutes: Annotated[int, typer.Option("--minutes", min=1, max=2160, help="Lifetime in minutes.")] = 60,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a temporary key with the permissions of another key. Calls must send its token in the header X-TC-Token."""
    with application(data) as opened:
        key = opened.accounts.create_temporary_key(parent, timedelta(minutes=minutes), actor=actor())
    value = {
        "TmpSecretId": key.secret_id,
        "TmpSecretKey": key.secret_key,
        "Token": key.token,
        "ExpiredTime": int(key.expires_at.timestamp()),
    }
    show(value, as_json, "\n".join(f"{name:<12}  {text}" for name, text in value.items()))


@keys.command("disable")
def disable_key(secret_id: str, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Disable a key; calls with it are rejected."""
    _switch_key(secret_id, False, data, as_json)


@keys.command("enable")
def enable_key(secret_id: str, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Enable a disabled key."""
    _switch_key(secret_id, True, data, as_json)


def _balance(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.lstrip("-").isdecimal() else text


def _addresses(texts: list[str] | None, empty: str) -> list[str] | None:
    return [] if texts == [empty] else texts or None


def _summary(opened: Application, account: Account) -> dict[str, Any]:
    left = _calls_left(opened, account)
    return {
        "Account": account.name,
        "State": account.state.value,
        "Balance": account.balance,
        "CallsLeft": left,
        "UsedUp": left == 0,
        "CreateTime": moment(account.created_at),
    }


def _calls_left(opened: Application, account: Account) -> int | None:
    """Return the number of calls left, of all actions together; None if calls are not counted."""
    if account.balance is None:
        return None
    now = datetime.now(UTC)
    return max(account.balance, 0) + sum(package.remaining(now) for package in opened.accounts.packages(account.name))


def _value(opened: Application, account: Account) -> dict[str, Any]:
    return {
        **_summary(opened, account),
        "CallsUnderWay": opened.charges.reserved(account.id),
        "AutoOpen": account.auto_open,
        "Rates": dict(account.rates),
        "AllowIps": [str(network) for network in account.allowed],
        "DenyIps": [str(network) for network in account.denied],
        "Packages": [_package(package) for package in opened.accounts.packages(account.name)],
    }


def _package(package: Package) -> dict[str, Any]:
    return {
        "PackageId": package.id,
        "Action": package.action,
        "Calls": package.calls,
        "Used": package.used,
        "ExpireTime": None if package.expires_at is None else moment(package.expires_at),
        "CreateTime": moment(package.created_at),
    }


def _text(value: dict[str, Any]) -> str:
    left = "unlimited" if value["CallsLeft"] is None else f"{value['CallsLeft']} left, {value['CallsUnderWay']} under way"
    rates = ", ".join(f"{name} {'unlimited' if rate is None else rate}" for name, rate in value["Rates"].items())
    lines = {
        "Account": value["Account"],
        "State": value["State"] + (" (credit used up)" if value["UsedUp"] else ""),
        "Calls": left,
        "Rates": rates or "as in the settings",
        "Allowed": ", ".join(value["AllowIps"]) or ANYWHERE,
        "Denied": ", ".join(value["DenyIps"]) or NO_NETWORKS,
    }
    return "\n".join(f"{name:<8} {text}" for name, text in lines.items())


def _parse_allow(text: str) -> frozenset[str] | None:
    return None if text == ALL_ACTIONS else check_actions(parse_actions(text))


def _switch_key(secret_id: str, enabled: bool, data: DataOption, as_json: bool) -> None:
    with application(data) as opened:
        key = opened.accounts.set_key_enabled(secret_id, enabled, actor=actor())
    show({"SecretId": key.secret_id, "Enabled": key.enabled}, as_json, f"{key.secret_id} is now {'enabled' if key.enabled else 'disabled'}")
