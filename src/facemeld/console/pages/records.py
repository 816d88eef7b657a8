"""The audit log, and the settings with their sources; both read-only."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import groupby

from nicegui.elements.mixins.text_element import TextElement

from facemeld.console.context import Context
from facemeld.console.pages.page import Page
from facemeld.console.parts.fields import moment_field, read_moment, switch, text_field
from facemeld.console.parts.tables import Cell, Column, Row, Slice, Table, time_cell
from facemeld.console.parts.widgets import Tone, badge, button, id_chip, link, section, tag
from facemeld.console.texts import settings_in_chinese
from facemeld.db.audit import AuditEntry, AuditVerdict
from facemeld.upkeep.administration import Administration, SettingView, Source
from facemeld.users.signin import Act

_HASH = re.compile(r"[0-9a-f]{64}")
_SHOWN = 12
"""Digits of a hash that tell it from others."""

_FIELDS = ("actor", "act", "subject", "since", "until")


async def build_audit(context: Context) -> None:
    """Draw the page."""
    _chain(context)
    await _list(context)


async def _list(context: Context) -> None:
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
        return Slice([_row(one) for one in found[:limit]], found[limit - 1].id if len(found) > limit else None)

    columns = [
        Column("at", texts("audit.when")),
        Column("actor", texts("audit.actor")),
        Column("act", texts("audit.act")),
        Column("subject", texts("audit.subject")),
        Column("detail", texts("audit.detail")),
    ]
    with section(texts("audit.acts"), wide=True):
        _filters(context)
        table = Table(context, texts("audit.acts"), columns, fetch, none=texts("audit.none"))
        table.classes("fm-wrap")
        await table.load()


def _filters(context: Context) -> None:
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
            if any(query.get(name) for name in _FIELDS):
                link(texts("audit.clear"), context.url("/audit"))


def _row(entry: AuditEntry) -> Row:
    detail = ", ".join(f"{name}: {_value(value)}" for name, value in entry.detail.items() if value not in ("", None))
    cells: dict[str, Cell | str] = {
        "at": time_cell(entry.at),
        "actor": entry.actor,
        "act": entry.act,
        "subject": entry.subject,
        "detail": detail,
    }
    return Row(str(entry.id), cells)


def _value(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"{text[:_SHOWN]}…" if _HASH.fullmatch(text) else text


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
        tag("dt", texts("audit.verdict"))
        with tag("dd"):
            badge(texts("audit.sound") if verdict.sound else texts("audit.broken"), "good" if verdict.sound else "bad")
            if not verdict.sound:
                tag("span", texts("audit.bad", number=verdict.bad) if verdict.bad is not None else "", "fm-strong")
                tag("span", verdict.fault)
        tag("dt", texts("audit.entries"))
        tag("dd", f"{verdict.entries:,}")
        tag("dt", texts("audit.head"))
        with tag("dd"):
            id_chip(context, verdict.head.hash)


AUDIT = Page("audit", "/audit", Act.AUDIT, build_audit, icon="history_edu")


_TONES: dict[Source, Tone] = {Source.ENVIRONMENT: "info", Source.COMMAND: "warn"}


async def build_settings(context: Context) -> None:
    """Draw the page."""
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
    for group, members in groupby(sorted(views, key=lambda view: _order(views, view)), key=lambda view: view.group):
        with section(texts.group("settings").get(_key(group), group), wide=True) as card:
            drawn = [(view, _draw(context, view)) for view in members]
        rows += drawn
        cards.append((card, [row for _, row in drawn]))


def _order(views: Sequence[SettingView], view: SettingView) -> int:
    """Groups stand where their first setting stands."""
    return next(number for number, one in enumerate(views) if one.group == view.group)


def _key(group: str) -> str:
    return "group_" + "".join(letter if letter.isalnum() else "_" for letter in group.lower())


def _draw(context: Context, view: SettingView) -> TextElement:
    texts = context.texts
    with tag("div", classes="fm-setting") as row:
        with tag("div", classes="fm-setting-head"):
            with tag("div", classes="fm-row"):
                tag("code", view.variable, "fm-strong")
                if view.source is not Source.DEFAULT:
                    badge(texts(f"settings.source_{view.source.value}"), _TONES[view.source])
            tag("code", view.value or texts("settings.empty"), "fm-setting-value" if view.value else "fm-setting-value fm-hint")
        tag("p", _description(context, view), "fm-hint")
    return row


def _description(context: Context, view: SettingView) -> str:
    return settings_in_chinese()[view.name] if context.texts.language == "zh" else view.description


SETTINGS = Page("settings", "/settings", Act.SETTINGS, build_settings, icon="tune")
