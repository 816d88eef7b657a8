"""One material: its picture with the faces, its degrees with a preview, its facts and its history."""

from __future__ import annotations

from nicegui.elements.mixins.text_element import TextElement

from facemeld.console.context import Context, UseCases
from facemeld.console.files import Upload
from facemeld.console.pages.activities import degree_sliders
from facemeld.console.parts.dialogs import Undoable, dialog, dialog_buttons, toast
from facemeld.console.parts.fields import DropZone, Field, Latest, switch, text_field
from facemeld.console.parts.materials import GROUPS, Faces, draw_history, status_badge
from facemeld.console.parts.shell import Page
from facemeld.console.parts.widgets import badge, button, empty, fact, id_chip, moment, path_links, section, size_text, tag
from facemeld.fusing.service import Permit, PreviewRequest
from facemeld.materials.service import choices
from facemeld.materials.types import Activity, Material
from facemeld.users.signin import Act

_LONGEST_NAME, _LONGEST_REASON, _LONGEST_REFERENCE = 255, 1000, 128
_HISTORY = 30


async def build_material(context: Context) -> None:
    """Draw a material."""
    texts, name = context.texts, context.parameters["material"]
    material, activity = await context.run(Act.READ, lambda cases: _read(cases, name))
    path_links(context, (texts("activities.title"), "/activities"), (activity.name, f"/activities/{activity.id}"))
    whole = tag("div", classes="fm-stack")
    gone = _gone(context, activity)
    with whole:
        _head(context, material, whole, gone)
        _state(context, material)
        with tag("div", classes="fm-main-and-side"):
            faces = Faces(context, material)
            with tag("div", classes="fm-stack"):
                with tag("section", classes="fm-card fm-picture-card", aria_label=texts("material.picture")):
                    faces.draw_picture()
                with section(texts("material.degrees")):
                    await _draw_degrees(context, material, activity, faces)
            with tag("div", classes="fm-stack fm-side"):
                with section(texts("material.faces")) as area:
                    area.classes("fm-faces-card")
                    faces.draw_list()
                with section(texts("material.facts")):
                    _material_facts(context, material)
                if context.may(Act.DECIDE):
                    with section(texts("history.title")):
                        await _history(context, material)


def _read(cases: UseCases, name: str) -> tuple[Material, Activity]:
    material = cases.administration.materials.get(None, name)
    return material, cases.administration.activities.get(None, material.activity_id)


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
    """Draw a notice that explains the status, with the buttons for what can be done about it."""
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


def _material_facts(context: Context, material: Material) -> None:
    texts = context.texts
    kind = "JPEG" if material.format == "jpeg" else material.format.upper()
    with tag("dl", classes="fm-facts"):
        fact(texts("material.size"), f"{material.width} × {material.height} px")
        fact(texts("material.file"), f"{kind}, {size_text(material.size)}")
        with fact(texts("material.changed")):
            moment(context, material.updated_at)
        with fact("SHA-256"):
            tag("code", material.sha256, "fm-digest")
        with fact(texts("material.incoming")):
            if not material.incoming:
                tag("span", texts("material.no_incoming"), "fm-hint")
            for mark in material.incoming:
                badge(mark["kind"], "warn")
                tag("span", mark["detail"], "fm-hint")


async def _rename(context: Context, material: Material) -> None:
    texts = context.texts
    with dialog(context, texts("material.rename")) as opened:
        name = text_field(texts("material.name"), material.name, longest=_LONGEST_NAME, required=True)

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
        dialog_buttons(context, opened, texts("material.save"), save)


async def _appeal(context: Context, material: Material) -> None:
    texts = context.texts
    with dialog(context, texts("material.appeal")) as opened:
        tag("p", texts("material.appeal_once"), "fm-hint")
        reason = text_field(texts("material.appeal_reason"), longest=_LONGEST_REASON, rows=4, required=True)

        async def send() -> None:
            text = reason.value.strip()
            if not text:
                reason.complain(texts("material.reason_missing"))
                return
            await context.run(Act.EDIT, lambda cases: cases.administration.appeal(material.id, text, actor=context.actor))
            _reopen(context, material)

        reason.on_enter(send)
        dialog_buttons(context, opened, texts("material.appeal_send"), send)


async def _replace(context: Context, material: Material) -> None:
    texts, largest = context.texts, context.cases.settings.materials.max_mb
    with dialog(context, texts("material.replace"), wide=True) as opened:
        tag("p", texts("material.replace_effect"))
        approve = switch(texts("material.approve_at_once"))

        async def take(upload: Upload) -> str | None:
            at_once = approve.value
            if at_once:
                await context.run(Act.DECIDE, lambda _: None)  # refuses users who may not decide
            name = upload.name.strip()[:_LONGEST_NAME] or material.name
            await context.call(
                Act.EDIT,
                lambda cases: cases.administration.importing.replace(material.id, upload.data, name, approve=at_once, actor=context.actor),
            )
            _reopen(context, material)
            return texts("material.replaced")

        DropZone(context, take, label=texts("material.drop"), hint=texts("activity.drop_hint", megabytes=largest), max_bytes=largest << 20)
        dialog_buttons(context, opened)


def _gone(context: Context, activity: Activity) -> TextElement:
    """Draw the hidden notice that replaces the page's content when the material is deleted."""
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


async def _history(context: Context, material: Material) -> None:
    entries = await context.run(Act.DECIDE, lambda cases: cases.administration.audit.entries(subject=material.id, limit=_HISTORY))
    draw_history(context, entries)


MATERIAL = Page("material", "/materials/{material}", Act.READ, build_material, heading=False, parent="activities")


async def _draw_degrees(context: Context, material: Material, activity: Activity, faces: Faces) -> None:
    """Draw sliders and preview, or only the numbers for users who may not edit."""
    if context.may(Act.EDIT):
        _DegreeEditor(context, material, activity, faces).draw(
            await context.run(Act.READ, lambda cases: cases.previews.needs_consent(activity.id))
        )
        return
    texts = context.texts
    own = material.shape_degree is not None or material.feature_degree is not None
    tag("p", texts("degrees.own" if own else "degrees.inherited"), "fm-hint")
    with tag("dl", classes="fm-facts"):
        for name, value in zip(("shape", "features"), _effective_degrees(material, activity), strict=True):
            fact(texts(f"activity.{name}"), str(value))


def _effective_degrees(material: Material, activity: Activity) -> tuple[int, int]:
    """Return the degrees for calls that name none."""
    shape, features = material.shape_degree, material.feature_degree
    return activity.shape_degree if shape is None else shape, activity.feature_degree if features is None else features


class _DegreeEditor:
    """Sliders with a preview; the photo stays in memory while the page is open."""

    def __init__(self, context: Context, material: Material, activity: Activity, faces: Faces) -> None:
        self._context = context
        self._material = material
        self._activity = activity
        self._faces = faces
        self._photo: bytes | None = None
        self._permit: Permit | None = None
        self._ticket: str | None = None
        self._image: TextElement | None = None
        self._refresh = Latest(self._preview)
        faces.on_pick(self._refresh)
        context.client.on_delete(self._forget)

    def draw(self, needs_consent: bool) -> None:
        texts, material = self._context.texts, self._material
        own = material.shape_degree is not None or material.feature_degree is not None
        with tag("div", classes="fm-degrees"):
            self._own = switch(texts("degrees.own_switch"), own, hint=texts("degrees.own_hint"))
            self._shape, self._features = degree_sliders(self._context, *_effective_degrees(material, self._activity))
            for field in (self._shape, self._features):
                field.on_change(self._move)
            self._own.on_change(self._switch)
            with tag("div", classes="fm-actions"):
                button(texts("degrees.save"), self._save, kind="primary")
            if material.faces:
                self._draw_preview(needs_consent)

    def _draw_preview(self, needs_consent: bool) -> None:
        texts = self._context.texts
        with tag("div", classes="fm-preview"):
            self._consent: Field[str] | None = None
            if needs_consent:
                hint = texts("degrees.consent_hint")
                self._consent = text_field(texts("degrees.consent"), longest=_LONGEST_REFERENCE, required=True, hint=hint)
            self._picture = tag("div", classes="fm-preview-picture")
            self._picture.set_visibility(False)
            largest, hint = self._context.cases.previews.largest_photo, texts("degrees.drop_hint")
            DropZone(self._context, self._take, label=texts("degrees.drop"), hint=hint, max_bytes=largest)

    async def _move(self) -> None:
        if not self._own.value:  # moving a slider gives the material its own degrees
            self._own.show(True)
        await self._refresh()

    async def _switch(self) -> None:
        if not self._own.value:
            self._shape.show(self._activity.shape_degree)
            self._features.show(self._activity.feature_degree)
        await self._refresh()

    async def _save(self) -> None:
        context, own = self._context, self._own.value
        degrees = (self._shape.value, self._features.value) if own else (None, None)
        await context.run(
            Act.EDIT,
            lambda cases: cases.administration.materials.change(
                None, self._material.id, actor=context.actor, inherit_degrees=not own, shape_degree=degrees[0], feature_degree=degrees[1]
            ),
        )
        toast(context, context.texts("degrees.saved"))

    async def _take(self, upload: Upload) -> str | None:
        context = self._context
        reference = self._consent.value.strip() or None if self._consent is not None else None
        self._permit = await context.run(Act.EDIT, lambda cases: cases.previews.begin(self._material.id, reference, actor=context.actor))
        self._photo = upload.data
        try:
            await self._refresh()
        except Exception:
            # A photo that cannot be fused would fail again with every move of a slider.
            self._photo = None
            raise
        return context.texts("degrees.taken")

    async def _preview(self) -> None:
        photo, permit = self._photo, self._permit
        if photo is None or permit is None:
            return
        context = self._context
        request = PreviewRequest(
            material=self._material.id,
            photo=photo,
            face=self._faces.picked,
            shape=self._shape.value,
            features=self._features.value,
            language=context.texts.tag,
        )
        self._picture.props["aria-busy"] = "true"
        try:
            made = await context.call(Act.EDIT, lambda cases: cases.previews.fuse(request, permit))
        finally:
            self._picture.props["aria-busy"] = "false"
        self._show(made.data)

    def _show(self, data: bytes) -> None:
        context, old = self._context, self._ticket
        if context.client.is_deleted:
            return
        self._ticket = context.cases.temporary_files.put(context.principal, data)
        if self._image is None:
            self._picture.set_visibility(True)
            with self._picture:
                self._image = tag("img", alt=context.texts("degrees.preview"))
        self._image.props["src"] = context.url(f"/temporary/{self._ticket}")
        if old is not None:
            context.cases.temporary_files.drop(old)

    def _forget(self) -> None:
        self._photo = None
        if self._ticket is not None:
            self._context.cases.temporary_files.drop(self._ticket)
            self._ticket = None
