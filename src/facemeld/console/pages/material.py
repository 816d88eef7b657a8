"""One material: its picture with the faces, their ids and what was noticed about them, its degrees, its history."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from facemeld.console.context import Context
from facemeld.console.files import Upload
from facemeld.console.pages.degrees import draw_degrees
from facemeld.console.pages.page import Page
from facemeld.console.parts.fields import DropZone, switch, text_field
from facemeld.console.parts.materials import GROUPS, Faces, history, status_badge
from facemeld.console.parts.widgets import Undoable, badge, button, dialog, empty, id_chip, link, moment, section, size_text, tag
from facemeld.console.usecases import UseCases
from facemeld.materials.service import choices
from facemeld.materials.types import Activity, Material
from facemeld.users.signin import Act

LONGEST_NAME, LONGEST_REASON = 255, 1000


@dataclass(frozen=True, slots=True)
class _Seen:
    material: Material
    activity: Activity


async def build(context: Context) -> None:
    """Draw the page."""
    texts, name = context.texts, context.parameters["material"]
    seen = await context.run(Act.READ, lambda cases: _read(cases, name))
    with tag("nav", classes="fm-path", aria_label=texts("parts.path")):
        link(texts("activities.title"), context.url("/activities"))
        link(seen.activity.name, context.url(f"/activities/{seen.activity.id}"))
    whole = tag("div", classes="fm-stack")
    gone = _gone(context, seen.activity)
    with whole:
        _head(context, seen.material, whole, gone)
        _state(context, seen.material)
        with tag("div", classes="fm-main-and-side"):
            faces = Faces(context, seen.material)
            with tag("div", classes="fm-stack"):
                with tag("section", classes="fm-card fm-picture-card", aria_label=texts("material.picture")):
                    faces.draw_picture()
                with section(texts("material.degrees")):
                    await draw_degrees(context, seen.material, seen.activity, faces)
            with tag("div", classes="fm-stack fm-side"):
                with section(texts("material.faces")) as area:
                    area.classes("fm-faces-card")
                    faces.draw_list()
                with section(texts("material.facts")):
                    _facts(context, seen.material)
                if context.may(Act.DECIDE):
                    with section(texts("history.title")):
                        await history(context, seen.material.id)


def _read(cases: UseCases, name: str) -> _Seen:
    material = cases.administration.materials.get(None, name)
    return _Seen(material, cases.administration.activities.get(None, material.activity_id))


def _head(context: Context, material: Material, whole: TextElement, gone: TextElement) -> None:
    texts = context.texts
    with tag("div", classes="fm-object-head"):
        with tag("div", classes="fm-object-title"):
            tag("h1", material.name)
            status_badge(context, material.status)
        with tag("div", classes="fm-object-facts"):
            id_chip(context, material.id)
            with tag("span", classes="fm-hint"):
                tag("span", texts("material.added"))
                moment(context, material.created_at)
        if context.may(Act.EDIT):
            with tag("div", classes="fm-actions"):
                button(texts("material.rename"), lambda: _rename(context, material))
                button(texts("material.replace"), lambda: _replace(context, material))
                button(texts("material.delete"), lambda: _delete(context, material, whole, gone))


def _state(context: Context, material: Material) -> None:
    """What the material's status means, and what can be done about it."""
    texts = context.texts
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
            if possible & {"approve", "reject"} and context.may(Act.DECIDE):
                tag("a", texts("material.review"), "fm-button", href=context.url("/review", queue=group, material=material.id))
            if "appeal" in possible and context.may(Act.EDIT):
                button(texts("material.appeal"), lambda: _appeal(context, material))


def _facts(context: Context, material: Material) -> None:
    texts = context.texts
    kind = "JPEG" if material.format == "jpeg" else material.format.upper()
    with tag("dl", classes="fm-facts"):
        tag("dt", texts("material.size"))
        tag("dd", f"{material.width} × {material.height} px")
        tag("dt", texts("material.file"))
        tag("dd", f"{kind}, {size_text(material.size)}")
        tag("dt", texts("material.changed"))
        with tag("dd"):
            moment(context, material.updated_at)
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


async def _rename(context: Context, material: Material) -> None:
    texts = context.texts
    with dialog(context, texts("material.rename")) as opened:
        name = text_field(texts("material.name"), material.name, longest=LONGEST_NAME, required=True)

        async def save() -> None:
            wanted = name.value.strip()
            if not wanted or not wanted.isprintable():
                name.complain(texts("material.name_wrong"))
                return
            await context.run(
                Act.EDIT, lambda cases: cases.administration.materials.change(None, material.id, actor=context.actor, name=wanted)
            )
            _reopen(context, material)

        name.on_enter(save)
        _choose(context, opened, texts("material.save"), save)


async def _appeal(context: Context, material: Material) -> None:
    texts = context.texts
    with dialog(context, texts("material.appeal")) as opened:
        tag("p", texts("material.appeal_once"), "fm-hint")
        reason = text_field(texts("material.appeal_reason"), longest=LONGEST_REASON, rows=4, required=True)

        async def send() -> None:
            text = reason.value.strip()
            if not text:
                reason.complain(texts("material.reason_missing"))
                return
            await context.run(Act.EDIT, lambda cases: cases.administration.appeal(material.id, text, actor=context.actor))
            _reopen(context, material)

        reason.on_enter(send)
        _choose(context, opened, texts("material.appeal_send"), send)


async def _replace(context: Context, material: Material) -> None:
    texts, largest = context.texts, context.cases.settings.materials.max_mb
    with dialog(context, texts("material.replace"), wide=True) as opened:
        tag("p", texts("material.replace_effect"))
        approve = switch(texts("material.approve_at_once"))

        async def take(upload: Upload) -> str | None:
            at_once = approve.value
            if at_once:
                await context.run(Act.DECIDE, lambda _: None)
            name = upload.name.strip()[:LONGEST_NAME] or material.name
            await context.call(
                Act.EDIT,
                lambda cases: cases.administration.importing.replace(material.id, upload.data, name, approve=at_once, actor=context.actor),
            )
            _reopen(context, material)
            return texts("material.replaced")

        DropZone(context, take, label=texts("material.drop"), hint=texts("activity.drop_hint", megabytes=largest), max_bytes=largest << 20)
        with tag("div", classes="fm-actions"):
            button(texts("parts.cancel"), _closing(opened))


def _gone(context: Context, activity: Activity) -> TextElement:
    """What stands in the place of everything when the material is deleted."""
    texts = context.texts
    area = tag("section", classes="fm-card")
    with area, empty("delete", texts("material.deleted"), texts("material.deleted_advice")):
        tag("a", texts("material.back"), "fm-button", href=context.url(f"/activities/{activity.id}"))
    area.set_visibility(False)
    return area


async def _delete(context: Context, material: Material, whole: TextElement, gone: TextElement) -> None:
    def show(there: bool) -> None:
        whole.set_visibility(there)
        gone.set_visibility(not there)

    async def act() -> None:
        await context.run(Act.EDIT, lambda cases: cases.administration.materials.delete(None, material.id, actor=context.actor))

    async def undone() -> None:
        show(True)

    show(False)
    Undoable(context, context.texts("material.deleted_note"), act, undone)


def _reopen(context: Context, material: Material) -> None:
    context.go(context.url(f"/materials/{material.id}"))


def _choose(context: Context, opened: ui.dialog, action: str, act: Callable[[], Awaitable[None]]) -> None:
    with tag("div", classes="fm-actions"):
        button(context.texts("parts.cancel"), _closing(opened))
        button(action, act, kind="primary")


def _closing(opened: ui.dialog) -> Callable[[], Awaitable[None]]:
    async def close() -> None:
        opened.close()

    return close


PAGE = Page("material", "/materials/{material}", Act.READ, build, heading=False, parent="activities")
