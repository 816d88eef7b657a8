"""What the operator set, where each value comes from; to be read, not to be changed here."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from nicegui.elements.mixins.text_element import TextElement

from facemeld.console.desk import Desk
from facemeld.console.pages.page import Page
from facemeld.console.parts.fields import switch, text_field
from facemeld.console.parts.pieces import Tone, badge, section, tag
from facemeld.console.texts import settings_in_chinese
from facemeld.services.administration import SettingView, Source
from facemeld.services.signin import Act

_TONES: dict[Source, Tone] = {Source.ENVIRONMENT: "info", Source.COMMAND: "warn"}


async def build(desk: Desk) -> None:
    """Draw the page."""
    texts = desk.texts
    views = await desk.run(Act.SETTINGS, lambda house: house.administration.configuration())
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
            found = text in f"{view.variable} {_description(desk, view)}".lower()
            row.set_visibility(found and (view.source is not Source.DEFAULT or not changed.value))
        for card, own in cards:
            card.set_visibility(any(row.visible for row in own))
        nothing.set_visibility(not any(row.visible for _, row in rows))

    wanted.on_change(show)
    changed.on_change(show)
    for group, members in groupby(sorted(views, key=lambda view: _order(views, view)), key=lambda view: view.group):
        with section(texts.group("settings").get(_key(group), group), wide=True) as card:
            drawn = [(view, _draw(desk, view)) for view in members]
        rows += drawn
        cards.append((card, [row for _, row in drawn]))


def _order(views: Sequence[SettingView], view: SettingView) -> int:
    """Groups stand where their first setting stands."""
    return next(number for number, one in enumerate(views) if one.group == view.group)


def _key(group: str) -> str:
    return "group_" + "".join(letter if letter.isalnum() else "_" for letter in group.lower())


def _draw(desk: Desk, view: SettingView) -> TextElement:
    texts = desk.texts
    with tag("div", classes="fm-setting") as row:
        with tag("div", classes="fm-setting-head"):
            with tag("div", classes="fm-row"):
                tag("code", view.variable, "fm-strong")
                if view.source is not Source.DEFAULT:
                    badge(texts(f"settings.source_{view.source.value}"), _TONES[view.source])
            tag("code", view.value or texts("settings.empty"), "fm-setting-value" if view.value else "fm-setting-value fm-hint")
        tag("p", _description(desk, view), "fm-hint")
    return row


def _description(desk: Desk, view: SettingView) -> str:
    return settings_in_chinese()[view.name] if desk.texts.language == "zh" else view.description


PAGE = Page("settings", "/settings", Act.SETTINGS, build, icon="tune")
