"""Administration: users, the audit log, and the settings with their sources."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import groupby

from nicegui.elements.mixins.text_element import TextElement

from facemeld.console.context import Context
from facemeld.console.parts.dialogs import confirm, dialog, dialog_buttons, show_once, toast
from facemeld.console.parts.fields import Field, choice, moment_field, read_moment, switch, text_field
from facemeld.console.parts.shell import Page
from facemeld.console.parts.tables import Column, Row, Slice, Table, badge_cell, button_cell, time_cell
from facemeld.console.parts.widgets import Handler, Tone, badge, button, fact, id_chip, link, section, tag
from facemeld.console.texts import settings_in_chinese
from facemeld.db.audit import AuditEntry, AuditVerdict
from facemeld.upkeep.administration import Administration, SettingView, Source
from facemeld.users.signin import Act
from facemeld.users.types import Role, User, generate_password

_ROLE_TONES: dict[Role, Tone] = {Role.OWNER: "warn", Role.OPERATOR: "info"}
_SOURCE_TONES: dict[Source, Tone] = {Source.ENVIRONMENT: "info", Source.COMMAND: "warn"}
_LONGEST_PASSWORD = 256
_HASH = re.compile(r"[0-9a-f]{64}")
_HASH_SHOWN = 12
"""Number of shown digits of a hash."""


async def build_users(context: Context) -> None:
    """Draw the users and their roles."""
    texts = context.texts
    known: dict[str, User] = {}

    async def fetch(after: int | None, limit: int) -> Slice:
        found = await context.run(Act.USERS, lambda cases: cases.administration.users.users(limit=limit + 1, after=after))
        known.update({user.name: user for user in found})
        return Slice([_user_row(context, user) for user in found[:limit]], found[limit - 1].id if len(found) > limit else None)

    columns = [*(Column(name, texts(f"users.{name}")) for name in ("name", "role", "state", "signed_in")), Column("acts", "")]
    with section(texts("users.all"), wide=True):
        with tag("dl", classes="fm-facts fm-close"):
            for role in Role:
                fact(texts(f"roles.{role.value}"), texts(f"roles.{role.value}_may"), "fm-hint")
        with tag("div", classes="fm-row"):

            async def create() -> None:
                _create_user(context, table.reload)

            button(texts("users.create"), create, kind="primary", symbol="person_add")
        table = Table(context, texts("users.title"), columns, fetch, none=texts("users.none"))

    async def act(name: str, key: str) -> None:
        await _act_on_user(context, name, known[key], table.reload)

    table.on_button(act)
    await table.load()


def _user_row(context: Context, user: User) -> Row:
    texts = context.texts
    return Row(
        user.name,
        {
            "name": user.name if user.name != context.principal.name else texts("users.you", name=user.name),
            "role": badge_cell(texts(f"roles.{user.role.value}"), _ROLE_TONES.get(user.role, "neutral")),
            "state": badge_cell(texts("users.disabled"), "bad") if user.disabled else badge_cell(texts("users.enabled"), "good"),
            "signed_in": time_cell(user.signed_in_at),
            "acts": button_cell(
                ("role", texts("users.change_role")),
                ("password", texts("users.change_password")),
                ("enable", texts("users.enable")) if user.disabled else ("disable", texts("users.disable")),
            ),
        },
    )


async def _act_on_user(context: Context, name: str, user: User, done: Handler) -> None:
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


def _create_user(context: Context, done: Handler) -> None:
    texts = context.texts
    with dialog(context, texts("users.create")) as opened:
        name = text_field(texts("users.name"), longest=64, hint=texts("users.name_hint"), required=True)
        role = _role_field(context, Role.VIEWER)
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


def _change_role(context: Context, user: User, done: Handler) -> None:
    texts = context.texts
    with dialog(context, texts("users.role_title", name=user.name)) as opened:
        role = _role_field(context, user.role)

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


def _role_field(context: Context, role: Role) -> Field[str]:
    return choice(context.texts("users.role"), role.value, {known.value: context.texts(f"roles.{known.value}") for known in Role})


def _password_field(context: Context) -> Field[str]:
    field = text_field(
        context.texts("users.password"), longest=_LONGEST_PASSWORD, kind="password", hint=context.texts("users.password_hint")
    )
    field.props["complete"] = "new-password"
    return field


USERS = Page("users", "/users", Act.USERS, build_users, icon="manage_accounts")


async def build_audit(context: Context) -> None:
    """Draw the audit log."""
    _chain(context)
    await _entry_list(context)


async def _entry_list(context: Context) -> None:
    texts, query = context.texts, context.query

    def read(admin: Administration, before: int | None, limit: int) -> Sequence[AuditEntry]:
        return admin.audit.entries(
            actor=query.get("actor") or None,
            act=query.get("act") or None,
            subject=query.get("subject") or None,
            since=read_moment(context, query.get("since", "")),
            until=read_moment(context, query.get("until", "")),
            before=before,
            limit=limit,
        )

    async def fetch(before: int | None, limit: int) -> Slice:
        found = await context.run(Act.AUDIT, lambda cases: read(cases.administration, before, limit + 1))
        return Slice([_entry_row(entry) for entry in found[:limit]], found[limit - 1].id if len(found) > limit else None)

    columns = [Column(name, texts(f"audit.{name}")) for name in ("when", "actor", "act", "subject", "detail")]
    with section(texts("audit.acts"), wide=True):
        _entry_filters(context)
        table = Table(context, texts("audit.acts"), columns, fetch, none=texts("audit.none"))
        table.classes("fm-wrap")
        await table.load()


def _entry_filters(context: Context) -> None:
    texts, query = context.texts, context.query
    with tag("div", classes="fm-filter", role="search", aria_label=texts("audit.filters")):
        fields = {
            "actor": text_field(texts("audit.actor"), query.get("actor", ""), longest=128, placeholder="user:owner"),
            "act": text_field(texts("audit.act"), query.get("act", ""), longest=64, placeholder="key.create"),
            "subject": text_field(texts("audit.subject"), query.get("subject", ""), longest=128, placeholder="mt_…"),
            "since": moment_field(texts("audit.since"), query.get("since", "")),
            "until": moment_field(texts("audit.until"), query.get("until", "")),
        }

        async def apply() -> None:
            wanted = {name: field.value.strip() for name, field in fields.items()}
            context.go(context.url("/audit", **{name: value for name, value in wanted.items() if value}))

        for field in fields.values():
            field.on_enter(apply)
        with tag("div", classes="fm-actions"):
            button(texts("audit.apply"), apply)
            if any(query.get(name) for name in fields):
                link(texts("audit.clear"), context.url("/audit"))


def _entry_row(entry: AuditEntry) -> Row:
    detail = ", ".join(f"{name}: {_value_text(value)}" for name, value in entry.detail.items() if value not in ("", None))
    when = time_cell(entry.at)
    return Row(str(entry.id), {"when": when, "actor": entry.actor, "act": entry.act, "subject": entry.subject, "detail": detail})


def _value_text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"{text[:_HASH_SHOWN]}…" if _HASH.fullmatch(text) else text


def _chain(context: Context) -> None:
    texts = context.texts
    with section(texts("audit.chain"), wide=True):
        tag("p", texts("audit.chain_hint"), "fm-hint")
        with tag("div", classes="fm-find"):
            anchor = text_field(texts("audit.anchor"), longest=64, hint=texts("audit.anchor_hint"))

            async def check() -> None:
                text = anchor.value.strip().lower()
                if text and not _HASH.fullmatch(text):
                    anchor.complain(texts("audit.no_hash"))
                    return
                verdict = await context.run(Act.AUDIT, lambda cases: cases.administration.audit.verify(text or None))
                area.clear()
                with area:
                    _verdict(context, verdict)

            anchor.on_enter(check)
            button(texts("audit.check"), check, kind="primary", symbol="verified")
        area = tag("div", role="status")


def _verdict(context: Context, verdict: AuditVerdict) -> None:
    texts = context.texts
    with tag("dl", classes="fm-facts"):
        with fact(texts("audit.verdict")):
            badge(texts("audit.sound") if verdict.sound else texts("audit.broken"), "good" if verdict.sound else "bad")
            if not verdict.sound:
                tag("span", texts("audit.bad", number=verdict.bad) if verdict.bad is not None else "", "fm-strong")
                tag("span", verdict.fault)
        fact(texts("audit.entries"), f"{verdict.entries:,}")
        with fact(texts("audit.head")):
            id_chip(context, verdict.head.hash)


AUDIT = Page("audit", "/audit", Act.AUDIT, build_audit, icon="history_edu")


async def build_settings(context: Context) -> None:
    """Draw the settings with their sources."""
    texts = context.texts
    views = await context.run(Act.SETTINGS, lambda cases: cases.administration.configuration())
    rows: list[tuple[SettingView, TextElement]] = []
    cards: list[tuple[TextElement, list[TextElement]]] = []
    with section(texts("settings.how"), wide=True):
        tag("p", texts("settings.hint"), "fm-hint")
        with tag("div", classes="fm-filter"):
            wanted = text_field(texts("settings.search"), longest=64, kind="search")
            changed = switch(texts("settings.changed"))
        nothing = tag("p", texts("settings.nothing"), "fm-hint", role="status")
        nothing.set_visibility(False)

    async def show() -> None:
        text = wanted.value.strip().lower()
        for view, row in rows:
            found = text in f"{view.variable} {_description(context, view)}".lower()
            row.set_visibility(found and (view.source is not Source.DEFAULT or not changed.value))
        for card, own in cards:
            card.set_visibility(any(row.visible for row in own))
        nothing.set_visibility(not any(row.visible for _, row in rows))

    wanted.on_change(show)
    changed.on_change(show)
    for group, members in groupby(sorted(views, key=lambda view: _group_order(views, view)), key=lambda view: view.group):
        with section(texts.group("settings").get(_group_key(group), group), wide=True) as card:
            drawn = [(view, _draw_setting(context, view)) for view in members]
        rows += drawn
        cards.append((card, [row for _, row in drawn]))


def _group_order(views: Sequence[SettingView], view: SettingView) -> int:
    """Return the position of the group's first setting."""
    return next(number for number, other in enumerate(views) if other.group == view.group)


def _group_key(group: str) -> str:
    return "group_" + "".join(letter if letter.isalnum() else "_" for letter in group.lower())


def _draw_setting(context: Context, view: SettingView) -> TextElement:
    texts = context.texts
    with tag("div", classes="fm-setting") as row:
        with tag("div", classes="fm-setting-head"):
            with tag("div", classes="fm-row"):
                tag("code", view.variable, "fm-strong")
                if view.source is not Source.DEFAULT:
                    badge(texts(f"settings.source_{view.source.value}"), _SOURCE_TONES[view.source])
            tag("code", view.value or texts("settings.empty"), "fm-setting-value" if view.value else "fm-setting-value fm-hint")
        tag("p", _description(context, view), "fm-hint")
    return row


def _description(context: Context, view: SettingView) -> str:
    return settings_in_chinese()[view.name] if context.texts.language == "zh" else view.description


SETTINGS = Page("settings", "/settings", Act.SETTINGS, build_settings, icon="tune")
