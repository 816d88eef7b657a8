"""Access keys: made (the secret is shown once), allowed some actions, disabled, and stood for by temporary ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from facemeld.accounts.rates import ACTION_NAMES
from facemeld.accounts.types import AccessKey
from facemeld.console.context import Context
from facemeld.console.pages.page import Page
from facemeld.console.parts.calls import account_address
from facemeld.console.parts.fields import Field, choice, switch, text_field
from facemeld.console.parts.tables import Cell, Column, Row, Slice, Table, badge_cell, button_cell, id_cell, link_cell, time_cell
from facemeld.console.parts.widgets import button, confirm, dialog, dialog_buttons, link, section, show_once, tag, toast
from facemeld.upkeep.administration import checked_actions
from facemeld.users.signin import Act

_MINUTES = (15, 60, 240, 720, 2160)
_MOST_ACCOUNTS = 500


async def build(context: Context) -> None:
    """Draw the page."""
    texts = context.texts
    accounts = await context.run(Act.READ, lambda cases: list(cases.administration.accounts.names().values()))
    wanted = context.query.get("account")
    wanted = wanted if wanted in accounts else None
    known: dict[str, AccessKey] = {}

    async def fetch(after: str | None, limit: int) -> Slice:
        keys, more = await context.run(Act.READ, lambda cases: cases.administration.key_page(wanted, after, limit))
        known.update({key.secret_id: key for key in keys})
        return Slice([_row(context, key) for key in keys], more)

    columns = [
        Column("key", texts("keys.key")),
        Column("account", texts("keys.account")),
        Column("state", texts("keys.state")),
        Column("actions", texts("keys.actions")),
        Column("used", texts("keys.used")),
        Column("acts", ""),
    ]
    with section(texts("keys.all") if wanted is None else texts("keys.of", account=wanted), wide=True):
        with tag("div", classes="fm-row"):
            if context.may(Act.KEYS):

                async def create() -> None:
                    _create(context, accounts, wanted, table.reload)

                button(texts("keys.create"), create, kind="primary", symbol="add")
            if wanted is not None:
                link(texts("keys.show_all"), context.url("/keys"))
        table = Table(context, texts("keys.title"), columns, fetch, none=texts("keys.none"))
        table.classes("fm-wrap")

    async def act(name: str, key: str) -> None:
        await _act(context, name, known[key], table.reload)

    table.on_button(act)
    await table.load()


def _row(context: Context, key: AccessKey) -> Row:
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
            "state": _state(context, key),
            "actions": texts("keys.like", parent=key.parent_id[:12] + "…") if key.parent_id else _actions(context, key),
            "used": time_cell(key.last_used_at),
            "acts": button_cell(*buttons),
        },
    )


def _state(context: Context, key: AccessKey) -> Cell:
    texts = context.texts
    if not key.enabled:
        return badge_cell(texts("keys.disabled"), "bad")
    if key.expires_at is None:
        return badge_cell(texts("keys.enabled"), "good")
    if key.expires_at <= context.now():
        return badge_cell(texts("keys.ended"), "bad")
    return badge_cell(texts("keys.until", moment=_short(context, key.expires_at)), "info")


def _short(context: Context, at: datetime) -> str:
    return at.astimezone(context.zone).strftime("%m-%d %H:%M")


def _actions(context: Context, key: AccessKey) -> str:
    return context.texts("keys.all_actions") if key.actions is None else ", ".join(sorted(key.actions))


async def _act(context: Context, name: str, key: AccessKey, done: Callable[[], Awaitable[None]]) -> None:
    texts = context.texts
    match name:
        case "enable":
            await context.run(
                Act.KEYS, lambda cases: cases.administration.accounts.set_key_enabled(key.secret_id, True, actor=context.actor)
            )
            await done()
        case "disable":
            if await confirm(
                context, texts("keys.disable_title"), texts("keys.disable_text", secret_id=key.secret_id), texts("keys.disable")
            ):
                await context.run(
                    Act.KEYS, lambda cases: cases.administration.accounts.set_key_enabled(key.secret_id, False, actor=context.actor)
                )
                toast(context, texts("keys.was_disabled"))
                await done()
        case "permit":
            _permit(context, key, done)
        case "temporary":
            _make_temporary(context, key, done)


class _Permissions:
    """Switches for the actions that a key may call."""

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
        """The only actions; None for all."""
        return None if self._all.value else frozenset(name for name, field in self._some.items() if field.value)


def _create(context: Context, accounts: Sequence[str], wanted: str | None, done: Callable[[], Awaitable[None]]) -> None:
    texts = context.texts
    with dialog(context, texts("keys.create")) as opened:
        owner = text_field(
            texts("keys.account"),
            wanted or (accounts[0] if accounts else ""),
            longest=64,
            hint=texts("keys.account_hint"),
            suggestions=accounts[:_MOST_ACCOUNTS],
            required=True,
        )
        allowed = _Permissions(context, None)

        async def create() -> None:
            name, actions = owner.value.strip(), allowed.value
            if name not in accounts:
                owner.complain(texts("keys.no_account"))
                return
            key = await context.run(
                Act.KEYS,
                lambda cases: cases.administration.accounts.create_key(name, actor=context.actor, actions=_checked(actions)),
            )
            opened.close()
            show_once(context, texts("keys.created"), {"SecretId": key.secret_id, "SecretKey": key.secret_key})
            await done()

        dialog_buttons(context, opened, texts("keys.create"), create)


def _permit(context: Context, key: AccessKey, done: Callable[[], Awaitable[None]]) -> None:
    texts = context.texts
    with dialog(context, texts("keys.permit_title")) as opened:
        tag("code", key.secret_id, "fm-break")
        allowed = _Permissions(context, key.actions)

        async def save() -> None:
            actions = allowed.value
            await context.run(
                Act.KEYS,
                lambda cases: cases.administration.accounts.set_key_actions(key.secret_id, _checked(actions), actor=context.actor),
            )
            opened.close()
            toast(context, texts("keys.permitted"))
            await done()

        dialog_buttons(context, opened, texts("keys.save"), save)


def _make_temporary(context: Context, key: AccessKey, done: Callable[[], Awaitable[None]]) -> None:
    texts = context.texts
    with dialog(context, texts("keys.temporary_title")) as opened:
        tag("p", texts("keys.temporary_text"), "fm-hint")
        tag("code", key.secret_id, "fm-break")
        life = choice(texts("keys.life"), "60", {str(minutes): _life(context, minutes) for minutes in _MINUTES})

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
            show_once(context, texts("keys.temporary_made", moment=_short(context, made.expires_at)), values)
            await done()

        dialog_buttons(context, opened, texts("keys.create"), create)


def _life(context: Context, minutes: int) -> str:
    return context.texts("keys.minutes", count=minutes) if minutes < 60 else context.texts("keys.hours", count=minutes // 60)


def _checked(actions: frozenset[str] | None) -> frozenset[str] | None:
    return checked_actions(None if actions is None else sorted(actions))


PAGE = Page("keys", "/keys", Act.READ, build, icon="vpn_key")
