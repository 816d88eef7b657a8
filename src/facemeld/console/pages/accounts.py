"""Customers' accounts: their states, and the calls that they have left."""

from __future__ import annotations

from facemeld.console.desk import Desk
from facemeld.console.pages.page import Page
from facemeld.console.parts.addresses import account_address
from facemeld.console.parts.dialogs import dialog, dialog_buttons
from facemeld.console.parts.fields import text_field
from facemeld.console.parts.pieces import Tone, button, section, tag
from facemeld.console.parts.tables import Column, Row, Slice, Table, badge_cell, link_cell, time_cell
from facemeld.services.administration import AccountState, AccountView
from facemeld.services.signin import Act


async def build(desk: Desk) -> None:
    """Draw the page."""
    texts = desk.texts

    async def fetch(after: int | None, limit: int) -> Slice:
        page = await desk.run(Act.READ, lambda house: house.administration.account_page(after, limit))
        return Slice([_row(desk, view) for view in page.items], page.next, page.total)

    columns = [
        Column("name", texts("accounts.name")),
        Column("state", texts("accounts.state")),
        Column("left", texts("accounts.left"), "end"),
        Column("created", texts("accounts.created")),
    ]
    with section(texts("accounts.all"), wide=True):
        tag("p", texts("accounts.hint"), "fm-hint")
        if desk.may(Act.ACCOUNTS):
            with tag("div", classes="fm-row"):

                async def create() -> None:
                    _create(desk)

                button(texts("accounts.create"), create, kind="primary", symbol="add")
        await Table(desk, texts("accounts.title"), columns, fetch, none=texts("accounts.none")).load()


def state_tone(state: AccountState) -> Tone:
    """What the colour of a state says."""
    return "good" if state is AccountState.NORMAL else "bad" if state in _CLOSED else "warn"


_CLOSED = frozenset({AccountState.FROZEN, AccountState.STOP_USING, AccountState.ARREARS, AccountState.NOT_EXIST})


def left_text(desk: Desk, view: AccountView) -> str:
    """How many calls an account has left."""
    return desk.texts("accounts.unlimited") if view.calls_left is None else f"{view.calls_left:,}"


def _row(desk: Desk, view: AccountView) -> Row:
    account = view.account
    return Row(
        account.name,
        {
            "name": link_cell(account.name, account_address(desk, account.name)),
            "state": badge_cell(desk.texts(f"accounts.state_{account.state.value}"), state_tone(account.state)),
            "left": left_text(desk, view),
            "created": time_cell(account.created_at),
        },
    )


def _create(desk: Desk) -> None:
    texts = desk.texts
    with dialog(desk, texts("accounts.create")) as opened:
        name = text_field(texts("accounts.name"), longest=64, hint=texts("accounts.name_hint"), required=True)

        async def create() -> None:
            made = await desk.run(Act.ACCOUNTS, lambda house: house.administration.accounts.create(name.value.strip(), actor=desk.actor))
            desk.go(account_address(desk, made.name))

        name.on_enter(create)
        dialog_buttons(desk, opened, texts("accounts.create"), create)


PAGE = Page("accounts", "/accounts", Act.READ, build, icon="group_work")
