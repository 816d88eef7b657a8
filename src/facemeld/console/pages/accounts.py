"""Customers' accounts: their states, credit, rates and networks; owners change them here."""

from __future__ import annotations

from collections.abc import Mapping

from facemeld.accounts.rates import ACTION_NAMES
from facemeld.accounts.types import UNLIMITED, AccountInvalid, AccountState
from facemeld.console.context import Context
from facemeld.console.pages.page import Page
from facemeld.console.parts.calls import account_address
from facemeld.console.parts.fields import choice, moment_field, read_moment, switch, text_field
from facemeld.console.parts.tables import Column, Row, Slice, Table, badge_cell, link_cell, time_cell
from facemeld.console.parts.widgets import Tone, badge, button, dialog, dialog_buttons, link, moment, section, tag, toast
from facemeld.upkeep.administration import AccountView, account_change, checked_actions
from facemeld.users.signin import Act


async def build_accounts(context: Context) -> None:
    """Draw the page."""
    texts = context.texts

    async def fetch(after: int | None, limit: int) -> Slice:
        page = await context.run(Act.READ, lambda cases: cases.administration.account_page(after, limit))
        return Slice([_row(context, view) for view in page.items], page.next, page.total)

    columns = [
        Column("name", texts("accounts.name")),
        Column("state", texts("accounts.state")),
        Column("left", texts("accounts.left"), "end"),
        Column("created", texts("accounts.created")),
    ]
    with section(texts("accounts.all"), wide=True):
        tag("p", texts("accounts.hint"), "fm-hint")
        if context.may(Act.ACCOUNTS):
            with tag("div", classes="fm-row"):

                async def create() -> None:
                    _create(context)

                button(texts("accounts.create"), create, kind="primary", symbol="add")
        await Table(context, texts("accounts.title"), columns, fetch, none=texts("accounts.none")).load()


def state_tone(state: AccountState) -> Tone:
    """What the colour of a state says."""
    return "good" if state is AccountState.NORMAL else "bad" if state in _CLOSED else "warn"


_CLOSED = frozenset({AccountState.FROZEN, AccountState.STOP_USING, AccountState.ARREARS, AccountState.NOT_EXIST})


def left_text(context: Context, view: AccountView) -> str:
    """How many calls an account has left."""
    return context.texts("accounts.unlimited") if view.calls_left is None else f"{view.calls_left:,}"


def _row(context: Context, view: AccountView) -> Row:
    account = view.account
    return Row(
        account.name,
        {
            "name": link_cell(account.name, account_address(context, account.name)),
            "state": badge_cell(context.texts(f"accounts.state_{account.state.value}"), state_tone(account.state)),
            "left": left_text(context, view),
            "created": time_cell(account.created_at),
        },
    )


def _create(context: Context) -> None:
    texts = context.texts
    with dialog(context, texts("accounts.create")) as opened:
        name = text_field(texts("accounts.name"), longest=64, hint=texts("accounts.name_hint"), required=True)

        async def create() -> None:
            made = await context.run(
                Act.ACCOUNTS, lambda cases: cases.administration.accounts.create(name.value.strip(), actor=context.actor)
            )
            context.go(account_address(context, made.name))

        name.on_enter(create)
        dialog_buttons(context, opened, texts("accounts.create"), create)


ACCOUNTS = Page("accounts", "/accounts", Act.READ, build_accounts, icon="group_work")


_EVERY = "every"


async def build_account(context: Context) -> None:
    """Draw the page."""
    name = context.parameters["account"]
    view = await context.run(Act.READ, lambda cases: cases.administration.account(name))
    tag("h1", context.texts("account.heading", name=name))
    _facts(context, view)
    if context.may(Act.ACCOUNTS):
        _change(context, view)
    await _packages(context, view)


def _facts(context: Context, view: AccountView) -> None:
    texts, account = context.texts, view.account
    with section(texts("account.facts"), wide=True):
        with tag("dl", classes="fm-facts"):
            tag("dt", texts("accounts.state"))
            with tag("dd"):
                badge(texts(f"accounts.state_{account.state.value}"), state_tone(account.state))
            tag("dt", texts("accounts.left"))
            with tag("dd"):
                tag("span", left_text(context, view))
                if view.calls_under_way:
                    tag("span", texts("account.under_way", count=view.calls_under_way), "fm-hint")
            tag("dt", texts("account.rates"))
            tag("dd", _rates(account.rates) or texts("account.rates_default"))
            tag("dt", texts("account.allowed"))
            tag("dd", ", ".join(str(one) for one in account.allowed) or texts("account.anywhere"))
            tag("dt", texts("account.denied"))
            tag("dd", ", ".join(str(one) for one in account.denied) or texts("account.nowhere"))
            tag("dt", texts("accounts.created"))
            with tag("dd"):
                moment(context, account.created_at)
        with tag("div", classes="fm-row"):
            link(texts("account.keys"), context.url("/keys", account=account.name))
            link(texts("account.calls"), context.url("/requests", account=account.name))
            if context.may(Act.AUDIT):
                link(texts("account.audit"), context.url("/audit", subject=f"account:{account.name}"))


def _rates(rates: Mapping[str, int | None]) -> str:
    return ", ".join(f"{name}={UNLIMITED if rate is None else rate}" for name, rate in sorted(rates.items()))


def _change(context: Context, view: AccountView) -> None:
    texts, account = context.texts, view.account
    states = {state.value: texts(f"accounts.state_{state.value}") for state in AccountState}
    balance_now = UNLIMITED if account.balance is None else str(account.balance)
    with section(texts("account.change"), wide=True), tag("div", classes="fm-fields"):
        with tag("div", classes="fm-pair"):
            state = choice(texts("accounts.state"), account.state.value, states)
            balance = text_field(texts("account.balance"), balance_now, longest=16, hint=texts("account.balance_hint"))
        rates = text_field(texts("account.rates"), _rates(account.rates), longest=1000, hint=texts("account.rates_hint"))
        with tag("div", classes="fm-pair"):
            allowed = text_field(
                texts("account.allowed"), ", ".join(map(str, account.allowed)), longest=2000, hint=texts("account.networks_hint")
            )
            denied = text_field(texts("account.denied"), ", ".join(map(str, account.denied)), longest=2000)
        opens = switch(texts("account.auto_open"), account.auto_open, hint=texts("account.auto_open_hint"))

        async def save() -> None:
            change = account_change(
                state=AccountState(state.value) if state.value != account.state.value else None,
                balance=_balance(balance.value) if balance.value.strip() != balance_now else None,
                auto_open=opens.value if opens.value != account.auto_open else None,
                rates=_rate_changes(account.rates, rates.value),
                allow_ips=[allowed.value],
                deny_ips=[denied.value],
            )
            await context.run(Act.ACCOUNTS, lambda cases: cases.administration.accounts.change(account.name, change, actor=context.actor))
            context.go(account_address(context, account.name))

        with tag("div", classes="fm-actions"):
            button(texts("account.save"), save, kind="primary")


def _balance(text: str) -> int | str:
    text = text.strip()
    return int(text) if text.isdecimal() and len(text) < 16 else text


def _rate_changes(present: Mapping[str, int | None], text: str) -> dict[str, int | str]:
    """The rates that stand in a text, and ``default`` for those that do not stand there any more.

    Raises:
        AccountInvalid: a part is not of the form ``NAME=CALLS``.
    """
    wanted: dict[str, int | str] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, separator, value = (piece.strip() for piece in part.partition("="))
        if not separator:
            raise AccountInvalid(f"a rate must have the form NAME=CALLS, got {part!r}")
        wanted[name] = value
    return {**{name: "default" for name in present if name not in wanted}, **wanted}


async def _packages(context: Context, view: AccountView) -> None:
    texts, account = context.texts, view.account

    async def fetch(_: object, __: int) -> Slice:
        now = context.now()
        found = await context.run(Act.READ, lambda cases: cases.administration.account(account.name).packages)
        return Slice(
            [
                Row(
                    str(one.id),
                    {
                        "calls": f"{one.calls:,}",
                        "remaining": f"{one.remaining(now):,}",
                        "action": one.action or texts("account.every_action"),
                        "expires": time_cell(one.expires_at) if one.expires_at else texts("account.never"),
                        "created": time_cell(one.created_at),
                    },
                )
                for one in found
            ]
        )

    columns = [
        Column("calls", texts("account.package_calls"), "end"),
        Column("remaining", texts("account.package_left"), "end"),
        Column("action", texts("account.package_action")),
        Column("expires", texts("account.package_ends")),
        Column("created", texts("accounts.created")),
    ]
    with section(texts("account.packages"), wide=True):
        tag("p", texts("account.packages_hint"), "fm-hint")
        table = Table(context, texts("account.packages"), columns, fetch, none=texts("account.no_packages"))
        await table.load()
        if context.may(Act.ACCOUNTS):
            _add_package(context, account.name, table)


def _add_package(context: Context, account: str, table: Table) -> None:
    texts = context.texts
    actions = {_EVERY: texts("account.every_action"), **{name: name for name in sorted(ACTION_NAMES)}}
    with tag("div", classes="fm-filter"):
        calls = text_field(texts("account.package_calls"), longest=10, required=True)
        action = choice(texts("account.package_action"), _EVERY, actions)
        ends = moment_field(texts("account.package_ends"), hint=texts("account.package_ends_hint"))

        async def add() -> None:
            if not calls.value.strip().isdecimal():
                calls.complain(texts("account.number_needed"))
                return
            number, named = int(calls.value), None if action.value == _EVERY else action.value
            expires = read_moment(context, ends.value)
            checked_actions(None if named is None else [named])
            await context.run(
                Act.ACCOUNTS,
                lambda cases: cases.administration.accounts.add_package(
                    account, number, actor=context.actor, action=named, expires_at=expires
                ),
            )
            calls.show("")
            toast(context, texts("account.package_added"))
            await table.load()

        with tag("div", classes="fm-actions"):
            button(texts("account.package_add"), add)


ACCOUNT = Page("account", "/accounts/{account}", Act.READ, build_account, heading=False, parent="accounts")
