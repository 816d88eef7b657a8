"""Users of the console and the admin API: created, given roles and passwords, disabled; for owners."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from facemeld.console.context import Desk
from facemeld.console.pages.page import Page
from facemeld.console.parts.fields import Field, choice, text_field
from facemeld.console.parts.tables import Column, Row, Slice, Table, badge_cell, button_cell, time_cell
from facemeld.console.parts.widgets import Tone, button, confirm, dialog, dialog_buttons, section, show_once, tag, toast
from facemeld.users.passwords import generate_password
from facemeld.users.signin import Act
from facemeld.users.types import Role, User

_TONES: dict[Role, Tone] = {Role.OWNER: "warn", Role.OPERATOR: "info"}
_LONGEST_PASSWORD = 256

Done = Callable[[], Awaitable[None]]


async def build(desk: Desk) -> None:
    """Draw the page."""
    texts = desk.texts
    known: dict[str, User] = {}

    async def fetch(after: int | None, limit: int) -> Slice:
        found = await desk.run(Act.USERS, lambda house: house.administration.users.users(limit=limit + 1, after=after))
        known.update({user.name: user for user in found})
        return Slice([_row(desk, user) for user in found[:limit]], found[limit - 1].id if len(found) > limit else None)

    columns = [
        Column("name", texts("users.name")),
        Column("role", texts("users.role")),
        Column("state", texts("users.state")),
        Column("signed_in", texts("users.signed_in")),
        Column("acts", ""),
    ]
    with section(texts("users.all"), wide=True):
        with tag("dl", classes="fm-facts fm-close"):
            for role in Role:
                tag("dt", texts(f"roles.{role.value}"))
                tag("dd", texts(f"roles.{role.value}_may"), "fm-hint")
        with tag("div", classes="fm-row"):

            async def create() -> None:
                _create(desk, table.reload)

            button(texts("users.create"), create, kind="primary", symbol="person_add")
        table = Table(desk, texts("users.title"), columns, fetch, none=texts("users.none"))

    async def act(name: str, key: str) -> None:
        await _act(desk, name, known[key], table.reload)

    table.on_button(act)
    await table.load()


def _row(desk: Desk, user: User) -> Row:
    texts = desk.texts
    return Row(
        user.name,
        {
            "name": user.name if user.name != desk.principal.name else texts("users.you", name=user.name),
            "role": badge_cell(texts(f"roles.{user.role.value}"), _TONES.get(user.role, "neutral")),
            "state": badge_cell(texts("users.disabled"), "bad") if user.disabled else badge_cell(texts("users.enabled"), "good"),
            "signed_in": time_cell(user.signed_in_at),
            "acts": button_cell(
                ("role", texts("users.change_role")),
                ("password", texts("users.change_password")),
                ("enable", texts("users.enable")) if user.disabled else ("disable", texts("users.disable")),
            ),
        },
    )


async def _act(desk: Desk, name: str, user: User, done: Done) -> None:
    texts = desk.texts
    match name:
        case "role":
            _change_role(desk, user, done)
        case "password":
            _change_password(desk, user)
        case "enable":
            await desk.run(Act.USERS, lambda house: house.administration.users.change(user.name, disabled=False, actor=desk.actor))
            await done()
        case "disable":
            if await confirm(desk, texts("users.disable_title", name=user.name), texts("users.disable_text"), texts("users.disable")):
                await desk.run(Act.USERS, lambda house: house.administration.users.change(user.name, disabled=True, actor=desk.actor))
                toast(desk, texts("users.was_disabled", name=user.name))
                await done()


def _create(desk: Desk, done: Done) -> None:
    texts = desk.texts
    with dialog(desk, texts("users.create")) as opened:
        name = text_field(texts("users.name"), longest=64, hint=texts("users.name_hint"), required=True)
        role = choice(texts("users.role"), Role.VIEWER.value, {one.value: texts(f"roles.{one.value}") for one in Role})
        password = _password_field(desk)

        async def create() -> None:
            wanted, given = name.value.strip(), password.value
            chosen = given or generate_password()
            await desk.run(Act.USERS, lambda house: house.administration.users.create(wanted, chosen, Role(role.value), actor=desk.actor))
            opened.close()
            if given:
                toast(desk, texts("users.created", name=wanted))
            else:
                show_once(desk, texts("users.created", name=wanted), {texts("users.name"): wanted, texts("users.password"): chosen})
            await done()

        dialog_buttons(desk, opened, texts("users.create"), create)


def _change_role(desk: Desk, user: User, done: Done) -> None:
    texts = desk.texts
    with dialog(desk, texts("users.role_title", name=user.name)) as opened:
        role = choice(texts("users.role"), user.role.value, {one.value: texts(f"roles.{one.value}") for one in Role})

        async def save() -> None:
            await desk.run(Act.USERS, lambda house: house.administration.users.change(user.name, role=Role(role.value), actor=desk.actor))
            opened.close()
            toast(desk, texts("users.role_changed", name=user.name))
            await done()

        dialog_buttons(desk, opened, texts("users.save"), save)


def _change_password(desk: Desk, user: User) -> None:
    texts = desk.texts
    with dialog(desk, texts("users.password_title", name=user.name)) as opened:
        tag("p", texts("users.password_text"), "fm-hint")
        password = _password_field(desk)

        async def save() -> None:
            given = password.value
            chosen = given or generate_password()
            await desk.run(Act.USERS, lambda house: house.administration.users.change(user.name, password=chosen, actor=desk.actor))
            opened.close()
            if given:
                toast(desk, texts("users.password_changed", name=user.name))
            else:
                values = {texts("users.name"): user.name, texts("users.password"): chosen}
                show_once(desk, texts("users.password_changed", name=user.name), values)

        dialog_buttons(desk, opened, texts("users.save"), save)


def _password_field(desk: Desk) -> Field[str]:
    field = text_field(desk.texts("users.password"), longest=_LONGEST_PASSWORD, kind="password", hint=desk.texts("users.password_hint"))
    field.props["complete"] = "new-password"
    return field


PAGE = Page("users", "/users", Act.USERS, build, icon="manage_accounts")
