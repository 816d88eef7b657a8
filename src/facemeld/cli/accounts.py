"""``facemeld account``: accounts, their states, credit, rates and address lists."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeAlias

import typer

from facemeld.accounts import UNLIMITED, Account, AccountChange, AccountState, Package
from facemeld.accounts.errors import AccountInvalid
from facemeld.accounts.policy import Network, RateChange, parse_networks, parse_rate
from facemeld.app import Application
from facemeld.cli.common import DataOption, JsonOption, actor, application, moment, show, show_table
from facemeld.services.policies import check_actions, check_rates

app = typer.Typer(help="Accounts: states, credit, rates and address lists.", no_args_is_help=True)
packages = typer.Typer(help="Calls that accounts have in advance.", no_args_is_help=True)
app.add_typer(packages, name="package")

ANYWHERE = "any"
NOBODY = "none"
_DAY = "%Y-%m-%d"
_MOMENT = "%Y-%m-%dT%H:%M:%S"
BalanceOption: TypeAlias = Annotated[
    str | None, typer.Option("--balance", metavar="CALLS", help="Calls left besides packages, or unlimited.")
]
AutoOpenOption: TypeAlias = Annotated[
    bool | None,
    typer.Option("--auto-open/--no-auto-open", help="Answer calls without credit with BalanceInsufficient instead of InArrears."),
]
RateOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--rate", metavar="NAME=CALLS", help="Calls a second of an action, or of account, global, address; or unlimited, default."
    ),
]


@app.command("create")
def create(
    name: str,
    balance: BalanceOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create an account; its calls are not counted unless it gets a balance or a package."""
    change = AccountChange(balance=_balance(balance))
    with application(data) as opened:
        opened.accounts.create(name, actor=actor())
        if change.balance is not None:
            opened.accounts.change(name, change, actor=actor())
        value = _value(opened, opened.accounts.get(name))
    show(value, as_json, _text(value))


@app.command("list")
def list_accounts(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List accounts."""
    with application(data) as opened:
        rows = [_summary(opened, account) for account in opened.accounts.accounts()]
    show_table(rows, as_json, "No accounts yet: create one with `facemeld account create NAME`.")


@app.command("show")
def show_account(name: str, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show everything about an account."""
    with application(data) as opened:
        value = _value(opened, opened.accounts.get(name))
    show(value, as_json, _text(value))


@app.command("set")
def set_account(
    name: str,
    state: Annotated[AccountState | None, typer.Option("--state", help="Whether the account may use the service.")] = None,
    balance: BalanceOption = None,
    auto_open: AutoOpenOption = None,
    rate: RateOption = None,
    allow_ip: Annotated[
        list[str] | None, typer.Option("--allow-ip", metavar="NETWORK", help="Only addresses that may call; any for all.")
    ] = None,
    deny_ip: Annotated[
        list[str] | None, typer.Option("--deny-ip", metavar="NETWORK", help="Addresses that may not call; none for an empty list.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change an account; the next call already follows it. Address lists are replaced, rates are changed one by one."""
    change = AccountChange(
        state=state,
        balance=_balance(balance),
        auto_open=auto_open,
        rates=_rates(rate or ()),
        allowed=_networks(allow_ip, ANYWHERE),
        denied=_networks(deny_ip, NOBODY),
    )
    with application(data) as opened:
        value = _value(opened, opened.accounts.change(name, change, actor=actor()))
    show(value, as_json, _text(value))


@packages.command("add")
def add_package(
    name: str,
    calls: Annotated[int, typer.Option("--calls", help="How many calls.")],
    action: Annotated[str | None, typer.Option("--action", help="Only calls of this action.")] = None,
    expires: Annotated[
        datetime | None,
        typer.Option("--expires", metavar="DATE", formats=[_DAY, _MOMENT], help="Moment in UTC from which it is worth nothing."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give an account calls in advance; from now on its calls are counted."""
    if action is not None:
        check_actions([action])
    end = None if expires is None else expires.replace(tzinfo=UTC)
    with application(data) as opened:
        package = opened.accounts.add_package(name, calls, actor=actor(), action=action, expires_at=end)
    value = _package(package)
    show(value, as_json, f"Package {package.id} of {calls} calls added to {name}")


@packages.command("list")
def list_packages(name: str, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the packages of an account, also those that are used up."""
    with application(data) as opened:
        rows = [_package(package) for package in opened.accounts.packages(name)]
    show_table(rows, as_json, "No packages yet: add one with `facemeld account package add NAME --calls NUMBER`.")


def _balance(text: str | None) -> Any:
    if text is None or text == UNLIMITED:
        return text
    if not text.lstrip("-").isdecimal():
        raise AccountInvalid(f"the balance must be a number of calls or unlimited, got {text!r}")
    return int(text)


def _rates(texts: Iterable[str]) -> dict[str, RateChange]:
    changes: dict[str, RateChange] = {}
    for text in texts:
        name, _, value = (part.strip() for part in text.partition("="))
        changes[name] = parse_rate(name, value)
    check_rates(changes)
    return changes


def _networks(texts: list[str] | None, empty: str) -> tuple[Network, ...] | None:
    if not texts:
        return None
    return () if texts == [empty] else parse_networks(",".join(texts))


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
    """Calls of any kind that are still paid for; None for an account that is not counted."""
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
        "Denied": ", ".join(value["DenyIps"]) or NOBODY,
    }
    return "\n".join(f"{name:<8} {text}" for name, text in lines.items())
