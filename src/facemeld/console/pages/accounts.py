"""Customers' accounts with their credit, rates and networks, and their access keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from facemeld.accounts.rates import ACTION_NAMES
from facemeld.accounts.types import UNLIMITED, AccessKey, AccountInvalid, AccountState, Package
from facemeld.console.context import Context
from facemeld.console.parts.calls import account_address
from facemeld.console.parts.dialogs import confirm, dialog, dialog_buttons, show_once, toast
from facemeld.console.parts.fields import Field, choice, moment_field, read_moment, switch, text_field
from facemeld.console.parts.shell import Page
from facemeld.console.parts.tables import Cell, Column, Row, Slice, Table, badge_cell, button_cell, id_cell, link_cell, time_cell
from facemeld.console.parts.widgets import Handler, Tone, badge, button, fact, link, moment, section, tag
from facemeld.upkeep.administration import AccountView, account_change, checked_actions
from facemeld.users.signin import Act

_CLOSED = frozenset({AccountState.FROZEN, AccountState.STOP_USING, AccountState.ARREARS, AccountState.NOT_EXIST})
_EVERY_ACTION = "every"
_LIFETIMES = (15, 60, 240, 720, 2160)
"""Lifetimes of temporary keys to choose from, in minutes."""

_MOST_SUGGESTIONS = 500


async def build_accounts(context: Context) -> None:
    """Draw the list of accounts."""
    texts = context.texts

    async def fetch(after: int | None, limit: int) -> Slice:
        page = await context.run(Act.READ, lambda cases: cases.administration.account_page(after, limit))
        return Slice([_account_row(context, view) for view in page.items], page.next, page.total)

    columns = [
        Column(name, texts(f"accounts.{name}"), "end" if name == "left" else "start") for name in ("name", "state", "left", "created")
    ]
    with section(texts("accounts.all"), wide=True):
        tag("p", texts("accounts.hint"), "fm-hint")
        if context.may(Act.ACCOUNTS):
            with tag("div", classes="fm-row"):

                async def create() -> None:
                    _create_account(context)

                button(texts("accounts.create"), create, kind="primary", symbol="add")
        await Table(context, texts("accounts.title"), columns, fetch, none=texts("accounts.none")).load()


def _state_tone(state: AccountState) -> Tone:
    return "good" if state is AccountState.NORMAL else "bad" if state in _CLOSED else "warn"


def _left_text(context: Context, view: AccountView) -> str:
    return context.texts("accounts.unlimited") if view.calls_left is None else f"{view.calls_left:,}"


def _account_row(context: Context, view: AccountView) -> Row:
    account = view.account
    return Row(
        account.name,
        {
            "name": link_cell(account.name, account_address(context, account.name)),
            "state": badge_cell(context.texts(f"accounts.state_{account.state.value}"), _state_tone(account.state)),
            "left": _left_text(context, view),
            "created": time_cell(account.created_at),
        },
    )


def _create_account(context: Context) -> None:
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


async def build_account(context: Context) -> None:
    """Draw an account with its packages of calls."""
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
            with fact(texts("accounts.state")):
                badge(texts(f"accounts.state_{account.state.value}"), _state_tone(account.state))
            with fact(texts("accounts.left")):
                tag("span", _left_text(context, view))
                if view.calls_under_way:
                    tag("span", texts("account.under_way", count=view.calls_under_way), "fm-hint")
            fact(texts("account.rates"), _rates(account.rates) or texts("account.rates_default"))
            fact(texts("account.allowed"), ", ".join(str(network) for network in account.allowed) or texts("account.anywhere"))
            fact(texts("account.denied"), ", ".join(str(network) for network in account.denied) or texts("account.nowhere"))
            with fact(texts("accounts.created")):
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
            hint = texts("account.networks_hint")
            allowed = text_field(texts("account.allowed"), ", ".join(map(str, account.allowed)), longest=2000, hint=hint)
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
    """Return the rates in ``text``, and ``default`` for the present rates that it no longer names.

    Raises:
        AccountInvalid: A part does not have the form ``NAME=CALLS``.
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
        return Slice([_package_row(context, package, now) for package in found])

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


def _package_row(context: Context, package: Package, now: datetime) -> Row:
    return Row(
        str(package.id),
        {
            "calls": f"{package.calls:,}",
            "remaining": f"{package.remaining(now):,}",
            "action": package.action or context.texts("account.every_action"),
            "expires": time_cell(package.expires_at) if package.expires_at else context.texts("account.never"),
            "created": time_cell(package.created_at),
        },
    )


def _add_package(context: Context, account: str, table: Table) -> None:
    texts = context.texts
    actions = {_EVERY_ACTION: texts("account.every_action"), **{name: name for name in sorted(ACTION_NAMES)}}
    with tag("div", classes="fm-filter"):
        calls = text_field(texts("account.package_calls"), longest=10, required=True)
        action = choice(texts("account.package_action"), _EVERY_ACTION, actions)
        ends = moment_field(texts("account.package_ends"), hint=texts("account.package_ends_hint"))

        async def add() -> None:
            if not calls.value.strip().isdecimal():
                calls.complain(texts("account.number_needed"))
                return
            number, named = int(calls.value), None if action.value == _EVERY_ACTION else action.value
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


async def build_keys(context: Context) -> None:
    """Draw the list of access keys."""
    texts = context.texts
    accounts = await context.run(Act.READ, lambda cases: list(cases.administration.accounts.names().values()))
    wanted = context.query.get("account")
    wanted = wanted if wanted in accounts else None
    known: dict[str, AccessKey] = {}

    async def fetch(after: str | None, limit: int) -> Slice:
        keys, more = await context.run(Act.READ, lambda cases: cases.administration.key_page(wanted, after, limit))
        known.update({key.secret_id: key for key in keys})
        return Slice([_key_row(context, key) for key in keys], more)

    columns = [*(Column(name, texts(f"keys.{name}")) for name in ("key", "account", "state", "actions", "used")), Column("acts", "")]
    with section(texts("keys.all") if wanted is None else texts("keys.of", account=wanted), wide=True):
        with tag("div", classes="fm-row"):
            if context.may(Act.KEYS):

                async def create() -> None:
                    _create_key(context, accounts, wanted, table.reload)

                button(texts("keys.create"), create, kind="primary", symbol="add")
            if wanted is not None:
                link(texts("keys.show_all"), context.url("/keys"))
        table = Table(context, texts("keys.title"), columns, fetch, none=texts("keys.none"))
        table.classes("fm-wrap")

    async def act(name: str, key: str) -> None:
        await _act_on_key(context, name, known[key], table.reload)

    table.on_button(act)
    await table.load()


def _key_row(context: Context, key: AccessKey) -> Row:
    texts = context.texts
    buttons: list[tuple[str, str]] = []
    if context.may(Act.KEYS):
        buttons.append(("disable", texts("keys.disable")) if key.enabled else ("enable", texts("keys.enable")))
        if key.parent_id is None:
            buttons.append(("permit", texts("keys.permit")))
            if key.enabled:
                buttons.append(("temporary", texts("keys.temporary")))
    return Row(
        key.secret_id,
        {
            "key": id_cell(key.secret_id),
            "account": link_cell(key.account_name, account_address(context, key.account_name)),
            "state": _key_state(context, key),
            "actions": texts("keys.like", parent=key.parent_id[:12] + "…") if key.parent_id else _action_names(context, key),
            "used": time_cell(key.last_used_at),
            "acts": button_cell(*buttons),
        },
    )


def _key_state(context: Context, key: AccessKey) -> Cell:
    texts = context.texts
    if not key.enabled:
        return badge_cell(texts("keys.disabled"), "bad")
    if key.expires_at is None:
        return badge_cell(texts("keys.enabled"), "good")
    if key.expires_at <= context.now():
        return badge_cell(texts("keys.ended"), "bad")
    return badge_cell(texts("keys.until", moment=_short_time(context, key.expires_at)), "info")


def _short_time(context: Context, at: datetime) -> str:
    return at.astimezone(context.zone).strftime("%m-%d %H:%M")


def _action_names(context: Context, key: AccessKey) -> str:
    return context.texts("keys.all_actions") if key.actions is None else ", ".join(sorted(key.actions))


async def _act_on_key(context: Context, name: str, key: AccessKey, done: Handler) -> None:
    texts = context.texts

    async def set_enabled(on: bool) -> None:
        await context.run(Act.KEYS, lambda cases: cases.administration.accounts.set_key_enabled(key.secret_id, on, actor=context.actor))
        await done()

    match name:
        case "enable":
            await set_enabled(True)
        case "disable":
            text = texts("keys.disable_text", secret_id=key.secret_id)
            if await confirm(context, texts("keys.disable_title"), text, texts("keys.disable")):
                await set_enabled(False)
                toast(context, texts("keys.was_disabled"))
        case "permit":
            _permit(context, key, done)
        case "temporary":
            _create_temporary(context, key, done)


class _Permissions:
    """Switches for the actions that a key may call; ``value`` is None for all actions."""

    def __init__(self, context: Context, allowed: frozenset[str] | None) -> None:
        texts = context.texts
        self._all = switch(texts("keys.all_actions"), allowed is None, hint=texts("keys.all_hint"))
        self._some: dict[str, Field[bool]] = {}
        area = tag("div", classes="fm-switches", role="group", aria_label=texts("keys.actions"))
        with area:
            for name in sorted(ACTION_NAMES):
                self._some[name] = switch(name, allowed is None or name in allowed)
        area.set_visibility(allowed is not None)

        async def show() -> None:
            area.set_visibility(not self._all.value)

        self._all.on_change(show)

    @property
    def value(self) -> frozenset[str] | None:
        return None if self._all.value else frozenset(name for name, field in self._some.items() if field.value)


def _create_key(context: Context, accounts: Sequence[str], wanted: str | None, done: Handler) -> None:
    texts = context.texts
    with dialog(context, texts("keys.create")) as opened:
        first, hint, known = wanted or next(iter(accounts), ""), texts("keys.account_hint"), accounts[:_MOST_SUGGESTIONS]
        owner = text_field(texts("keys.account"), first, longest=64, hint=hint, suggestions=known, required=True)
        allowed = _Permissions(context, None)

        async def create() -> None:
            name, actions = owner.value.strip(), allowed.value
            if name not in accounts:
                owner.complain(texts("keys.no_account"))
                return
            key = await context.run(
                Act.KEYS,
                lambda cases: cases.administration.accounts.create_key(name, actor=context.actor, actions=_checked_actions(actions)),
            )
            opened.close()
            show_once(context, texts("keys.created"), {"SecretId": key.secret_id, "SecretKey": key.secret_key})
            await done()

        dialog_buttons(context, opened, texts("keys.create"), create)


def _permit(context: Context, key: AccessKey, done: Handler) -> None:
    texts = context.texts
    with dialog(context, texts("keys.permit_title")) as opened:
        tag("code", key.secret_id, "fm-break")
        allowed = _Permissions(context, key.actions)

        async def save() -> None:
            actions = allowed.value
            await context.run(
                Act.KEYS,
                lambda cases: cases.administration.accounts.set_key_actions(key.secret_id, _checked_actions(actions), actor=context.actor),
            )
            opened.close()
            toast(context, texts("keys.permitted"))
            await done()

        dialog_buttons(context, opened, texts("keys.save"), save)


def _create_temporary(context: Context, key: AccessKey, done: Handler) -> None:
    texts = context.texts
    with dialog(context, texts("keys.temporary_title")) as opened:
        tag("p", texts("keys.temporary_text"), "fm-hint")
        tag("code", key.secret_id, "fm-break")
        life = choice(texts("keys.life"), "60", {str(minutes): _lifetime_text(context, minutes) for minutes in _LIFETIMES})

        async def create() -> None:
            minutes = int(life.value)
            made = await context.run(
                Act.KEYS,
                lambda cases: cases.administration.accounts.create_temporary_key(
                    key.secret_id, timedelta(minutes=minutes), actor=context.actor
                ),
            )
            opened.close()
            values = {"TmpSecretId": made.secret_id, "TmpSecretKey": made.secret_key, "Token": made.token}
            show_once(context, texts("keys.temporary_made", moment=_short_time(context, made.expires_at)), values)
            await done()

        dialog_buttons(context, opened, texts("keys.create"), create)


def _lifetime_text(context: Context, minutes: int) -> str:
    return context.texts("keys.minutes", count=minutes) if minutes < 60 else context.texts("keys.hours", count=minutes // 60)


def _checked_actions(actions: frozenset[str] | None) -> frozenset[str] | None:
    return checked_actions(None if actions is None else sorted(actions))


KEYS = Page("keys", "/keys", Act.READ, build_keys, icon="vpn_key")
