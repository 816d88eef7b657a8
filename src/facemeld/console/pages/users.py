"""Users of the console and the admin API: created, given roles and passwords, disabled; for owners."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from facemeld.console.context import Context
from facemeld.console.pages.page import Page
from facemeld.console.parts.fields import Field, choice, text_field
from facemeld.console.parts.tables import Column, Row, Slice, Table, badge_cell, button_cell, time_cell
from facemeld.console.parts.widgets import Tone, button, confirm, dialog, dialog_buttons, section, show_once, tag, toast
from facemeld.users.signin import Act
from facemeld.users.types import Role, User, generate_password

_TONES: dict[Role, Tone] = {Role.OWNER: "warn", Role.OPERATOR: "info"}
_LONGEST_PASSWORD = 256

Done = Callable[[], Awaitable[None]]


async def build(context: Context) -> None:
    """Draw the page."""
    texts = context.texts
    known: dict[str, User] = {}

    async def fetch(after: int | None, limit: int) -> Slice:
        found = await context.run(Act.USERS, lambda cases: cases.administration.users.users(limit=limit + 1, after=after))
        known.update({user.name: user for user in found})
        return Slice([_row(context, user) for user in found[:limit]], found[limit - 1].id if len(found) > limit else None)

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
                _create(context, table.reload)

            button(texts("users.create"), create, kind="primary", symbol="person_add")
        table = Table(context, texts("users.title"), columns, fetch, none=texts("users.none"))

    async def act(name: str, key: str) -> None:
        await _act(context, name, known[key], table.reload)

    table.on_button(act)
    await table.load()


def _row(context: Context, user: User) -> Row:
    texts = context.texts
    return Row(
        user.name,
        {
            "name": user.name if user.name != context.principal.name else texts("users.you", name=user.name),
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


async def _act(context: Context, name: str, user: User, done: Done) -> None:
    texts = context.texts
    match name:
        case "role":
            _change_role(context, user, done)
        case "password":
            _change_password(context, user)
        case "enable":
            await context.run(Act.USERS, lambda cases: cases.administration.users.change(user.name, disabled=False, actor=context.actor))
            await done()
        case "disable":
            if await confirm(context, texts("users.disable_title", name=user.name), texts("users.disable_text"), texts("users.disable")):
                await context.run(Act.USERS, lambda cases: cases.administration.users.change(user.name, disabled=True, actor=context.actor))
                toast(context, texts("users.was_disabled", name=user.name))
                await done()


def _create(context: Context, done: Done) -> None:
    texts = context.texts
    with dialog(context, texts("users.create")) as opened:
        name = text_field(texts("users.name"), longest=64, hint=texts("users.name_hint"), required=True)
        role = choice(texts("users.role"), Role.VIEWER.value, {one.value: texts(f"roles.{one.value}") for one in Role})
        password = _password_field(context)

        async def create() -> None:
            wanted, given = name.value.strip(), password.value
            chosen = given or generate_password()
            await context.run(
                Act.USERS, lambda cases: cases.administration.users.create(wanted, chosen, Role(role.value), actor=context.actor)
            )
            opened.close()
            if given:
                toast(context, texts("users.created", name=wanted))
            else:
                show_once(context, texts("users.created", name=wanted), {texts("users.name"): wanted, texts("users.password"): chosen})
            await done()

        dialog_buttons(context, opened, texts("users.create"), create)


def _change_role(context: Context, user: User, done: Done) -> None:
    texts = context.texts
    with dialog(context, texts("users.role_title", name=user.name)) as opened:
        role = choice(texts("users.role"), user.role.value, {one.value: texts(f"roles.{one.value}") for one in Role})

        async def save() -> None:
            await context.run(
                Act.USERS, lambda cases: cases.administration.users.change(user.name, role=Role(role.value), actor=context.actor)
            )
            opened.close()
            toast(context, texts("users.role_changed", name=user.name))
            await done()

        dialog_buttons(context, opened, texts("users.save"), save)


def _change_password(context: Context, user: User) -> None:
    texts = context.texts
    with dialog(context, texts("users.password_title", name=user.name)) as opened:
        tag("p", texts("users.password_text"), "fm-hint")
        password = _password_field(context)

        async def save() -> None:
            given = password.value
            chosen = given or generate_password()
            await context.run(Act.USERS, lambda cases: cases.administration.users.change(user.name, password=chosen, actor=context.actor))
            opened.close()
            if given:
                toast(context, texts("users.password_changed", name=user.name))
            else:
                values = {texts("users.name"): user.name, texts("users.password"): chosen}
                show_once(context, texts("users.password_changed", name=user.name), values)

        dialog_buttons(context, opened, texts("users.save"), save)


def _password_field(context: Context) -> Field[str]:
    field = text_field(
        context.texts("users.password"), longest=_LONGEST_PASSWORD, kind="password", hint=context.texts("users.password_hint")
    )
    field.props["complete"] = "new-password"
    return field


PAGE = Page("users", "/users", Act.USERS, build, icon="manage_accounts")
