"""One material: its picture with the faces, their ids and what was noticed about them, its degrees, its history."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from facemeld.console.context import Desk
from facemeld.console.files import Upload
from facemeld.console.pages.degrees import draw_degrees
from facemeld.console.pages.page import Page
from facemeld.console.parts.fields import DropZone, switch, text_field
from facemeld.console.parts.materials import GROUPS, Faces, history, status_badge
from facemeld.console.parts.widgets import Undoable, badge, button, dialog, empty, id_chip, link, moment, section, size_text, tag
from facemeld.console.usecases import House
from facemeld.materials.service import choices
from facemeld.materials.types import Activity, Material
from facemeld.users.signin import Act

LONGEST_NAME, LONGEST_REASON = 255, 1000


@dataclass(frozen=True, slots=True)
class _Seen:
    material: Material
    activity: Activity


async def build(desk: Desk) -> None:
    """Draw the page."""
    texts, name = desk.texts, desk.parameters["material"]
    seen = await desk.run(Act.READ, lambda house: _read(house, name))
    with tag("nav", classes="fm-path", aria_label=texts("parts.path")):
        link(texts("activities.title"), desk.url("/activities"))
        link(seen.activity.name, desk.url(f"/activities/{seen.activity.id}"))
    whole = tag("div", classes="fm-stack")
    gone = _gone(desk, seen.activity)
    with whole:
        _head(desk, seen.material, whole, gone)
        _state(desk, seen.material)
        with tag("div", classes="fm-main-and-side"):
            faces = Faces(desk, seen.material)
            with tag("div", classes="fm-stack"):
                with tag("section", classes="fm-card fm-picture-card", aria_label=texts("material.picture")):
                    faces.draw_picture()
                with section(texts("material.degrees")):
                    await draw_degrees(desk, seen.material, seen.activity, faces)
            with tag("div", classes="fm-stack fm-side"):
                with section(texts("material.faces")) as area:
                    area.classes("fm-faces-card")
                    faces.draw_list()
                with section(texts("material.facts")):
                    _facts(desk, seen.material)
                if desk.may(Act.DECIDE):
                    with section(texts("history.title")):
                        await history(desk, seen.material.id)


def _read(house: House, name: str) -> _Seen:
    material = house.administration.materials.get(None, name)
    return _Seen(material, house.administration.activities.get(None, material.activity_id))


def _head(desk: Desk, material: Material, whole: TextElement, gone: TextElement) -> None:
    texts = desk.texts
    with tag("div", classes="fm-object-head"):
        with tag("div", classes="fm-object-title"):
            tag("h1", material.name)
            status_badge(desk, material.status)
        with tag("div", classes="fm-object-facts"):
            id_chip(desk, material.id)
            with tag("span", classes="fm-hint"):
                tag("span", texts("material.added"))
                moment(desk, material.created_at)
        if desk.may(Act.EDIT):
            with tag("div", classes="fm-actions"):
                button(texts("material.rename"), lambda: _rename(desk, material))
                button(texts("material.replace"), lambda: _replace(desk, material))
                button(texts("material.delete"), lambda: _delete(desk, material, whole, gone))


def _state(desk: Desk, material: Material) -> None:
    """What the material's status means, and what can be done about it."""
    texts = desk.texts
    group = next((name for name, statuses in GROUPS.items() if material.status in statuses), "")
    if group in {"", "usable"}:
        return
    with tag("div", classes="fm-notice fm-bad" if group == "refused" else "fm-notice"):
        with tag("div", classes="fm-notice-text"):
            tag("p", texts(f"material.{group}" if material.faces else "material.faceless"))
            if material.audit_result and group != "waiting":
                tag("p", material.audit_result, "fm-quote")
        possible = choices(material)
        with tag("div", classes="fm-actions"):
            if possible & {"approve", "reject"} and desk.may(Act.DECIDE):
                tag("a", texts("material.review"), "fm-button", href=desk.url("/review", queue=group, material=material.id))
            if "appeal" in possible and desk.may(Act.EDIT):
                button(texts("material.appeal"), lambda: _appeal(desk, material))


def _facts(desk: Desk, material: Material) -> None:
    texts = desk.texts
    kind = "JPEG" if material.format == "jpeg" else material.format.upper()
    with tag("dl", classes="fm-facts"):
        tag("dt", texts("material.size"))
        tag("dd", f"{material.width} × {material.height} px")
        tag("dt", texts("material.file"))
        tag("dd", f"{kind}, {size_text(material.size)}")
        tag("dt", texts("material.changed"))
        with tag("dd"):
            moment(desk, material.updated_at)
        tag("dt", "SHA-256")
        with tag("dd"):
            tag("code", material.sha256, "fm-digest")
        tag("dt", texts("material.incoming"))
        with tag("dd"):
            if not material.incoming:
                tag("span", texts("material.no_incoming"), "fm-hint")
            for mark in material.incoming:
                badge(mark["kind"], "warn")
                tag("span", mark["detail"], "fm-hint")


async def _rename(desk: Desk, material: Material) -> None:
    texts = desk.texts
    with dialog(desk, texts("material.rename")) as opened:
        name = text_field(texts("material.name"), material.name, longest=LONGEST_NAME, required=True)

        async def save() -> None:
            wanted = name.value.strip()
            if not wanted or not wanted.isprintable():
                name.complain(texts("material.name_wrong"))
                return
            await desk.run(Act.EDIT, lambda house: house.administration.materials.change(None, material.id, actor=desk.actor, name=wanted))
            _reopen(desk, material)

        name.on_enter(save)
        _choose(desk, opened, texts("material.save"), save)


async def _appeal(desk: Desk, material: Material) -> None:
    texts = desk.texts
    with dialog(desk, texts("material.appeal")) as opened:
        tag("p", texts("material.appeal_once"), "fm-hint")
        reason = text_field(texts("material.appeal_reason"), longest=LONGEST_REASON, rows=4, required=True)

        async def send() -> None:
            text = reason.value.strip()
            if not text:
                reason.complain(texts("material.reason_missing"))
                return
            await desk.run(Act.EDIT, lambda house: house.administration.appeal(material.id, text, actor=desk.actor))
            _reopen(desk, material)

        reason.on_enter(send)
        _choose(desk, opened, texts("material.appeal_send"), send)


async def _replace(desk: Desk, material: Material) -> None:
    texts, largest = desk.texts, desk.house.settings.materials.max_mb
    with dialog(desk, texts("material.replace"), wide=True) as opened:
        tag("p", texts("material.replace_effect"))
        approve = switch(texts("material.approve_at_once"))

        async def take(upload: Upload) -> str | None:
            at_once = approve.value
            if at_once:
                await desk.run(Act.DECIDE, lambda _: None)
            name = upload.name.strip()[:LONGEST_NAME] or material.name
            await desk.call(
                Act.EDIT,
                lambda house: house.administration.importing.replace(material.id, upload.data, name, approve=at_once, actor=desk.actor),
            )
            _reopen(desk, material)
            return texts("material.replaced")

        DropZone(desk, take, label=texts("material.drop"), hint=texts("activity.drop_hint", megabytes=largest), max_bytes=largest << 20)
        with tag("div", classes="fm-actions"):
            button(texts("parts.cancel"), _closing(opened))


def _gone(desk: Desk, activity: Activity) -> TextElement:
    """What stands in the place of everything when the material is deleted."""
    texts = desk.texts
    area = tag("section", classes="fm-card")
    with area, empty("delete", texts("material.deleted"), texts("material.deleted_advice")):
        tag("a", texts("material.back"), "fm-button", href=desk.url(f"/activities/{activity.id}"))
    area.set_visibility(False)
    return area


async def _delete(desk: Desk, material: Material, whole: TextElement, gone: TextElement) -> None:
    def show(there: bool) -> None:
        whole.set_visibility(there)
        gone.set_visibility(not there)

    async def act() -> None:
        await desk.run(Act.EDIT, lambda house: house.administration.materials.delete(None, material.id, actor=desk.actor))

    async def undone() -> None:
        show(True)

    show(False)
    Undoable(desk, desk.texts("material.deleted_note"), act, undone)


def _reopen(desk: Desk, material: Material) -> None:
    desk.go(desk.url(f"/materials/{material.id}"))


def _choose(desk: Desk, opened: ui.dialog, action: str, act: Callable[[], Awaitable[None]]) -> None:
    with tag("div", classes="fm-actions"):
        button(desk.texts("parts.cancel"), _closing(opened))
        button(action, act, kind="primary")


def _closing(opened: ui.dialog) -> Callable[[], Awaitable[None]]:
    async def close() -> None:
        opened.close()

    return close


PAGE = Page("material", "/materials/{material}", Act.READ, build, heading=False, parent="activities")
