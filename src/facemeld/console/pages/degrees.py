"""A material's degrees, and what they do to a photo that is dropped on the page."""

from __future__ import annotations

from nicegui.elements.mixins.text_element import TextElement

from facemeld.console.context import Context
from facemeld.console.files import Upload
from facemeld.console.pages.activities import degree_sliders
from facemeld.console.parts.fields import DropZone, Field, Latest, switch, text_field
from facemeld.console.parts.materials import Faces
from facemeld.console.parts.widgets import button, tag, toast
from facemeld.fusing.service import Permit, PreviewRequest
from facemeld.materials.types import Activity, Material
from facemeld.users.signin import Act

LONGEST_REFERENCE = 128


async def draw_degrees(context: Context, material: Material, activity: Activity, faces: Faces) -> None:
    """Draw sliders and preview, or for those who may not change anything, the numbers."""
    if context.may(Act.EDIT):
        _Degrees(context, material, activity, faces).draw(
            await context.run(Act.READ, lambda cases: cases.previews.needs_consent(activity.id))
        )
        return
    texts = context.texts
    own = material.shape_degree is not None or material.feature_degree is not None
    tag("p", texts("degrees.own" if own else "degrees.inherited"), "fm-hint")
    with tag("dl", classes="fm-facts"):
        for name, value in zip(("shape", "features"), _held(material, activity), strict=True):
            tag("dt", texts(f"activity.{name}"))
            tag("dd", str(value))


def _held(material: Material, activity: Activity) -> tuple[int, int]:
    """The degrees that calls get which name none."""
    shape, features = material.shape_degree, material.feature_degree
    return activity.shape_degree if shape is None else shape, activity.feature_degree if features is None else features


class _Degrees:
    """Sliders on one side, preview on the other; the photo stays in the memory of the open page."""

    def __init__(self, context: Context, material: Material, activity: Activity, faces: Faces) -> None:
        self._context = context
        self._material = material
        self._activity = activity
        self._faces = faces
        self._photo: bytes | None = None
        self._permit: Permit | None = None
        self._ticket: str | None = None
        self._shown: TextElement | None = None
        self._refresh = Latest(self._preview)
        faces.on_pick(self._refresh)
        context.client.on_delete(self._forget)

    def draw(self, needs_consent: bool) -> None:
        texts, material = self._context.texts, self._material
        own = material.shape_degree is not None or material.feature_degree is not None
        with tag("div", classes="fm-degrees"):
            self._own = switch(texts("degrees.own_switch"), own, hint=texts("degrees.own_hint"))
            self._shape, self._features = degree_sliders(self._context, *_held(material, self._activity))
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
                self._consent = text_field(texts("degrees.consent"), longest=LONGEST_REFERENCE, required=True, hint=hint)
            self._picture = tag("div", classes="fm-preview-picture")
            self._picture.set_visibility(False)
            DropZone(
                self._context,
                self._take,
                label=texts("degrees.drop"),
                hint=texts("degrees.drop_hint"),
                max_bytes=self._context.cases.previews.largest_photo,
            )

    async def _move(self) -> None:
        """Whoever moves a slider wants degrees of this material's own."""
        if not self._own.value:
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
            # What cannot be fused once would fail again at every touch of a slider.
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
        address = context.url(f"/temporary/{self._ticket}")
        image = self._image()
        image.props["src"] = address
        if old is not None:
            context.cases.temporary_files.drop(old)

    def _image(self) -> TextElement:
        if self._shown is None:
            self._picture.set_visibility(True)
            with self._picture:
                self._shown = tag("img", alt=self._context.texts("degrees.preview"))
        return self._shown

    def _forget(self) -> None:
        self._photo = None
        if self._ticket is not None:
            self._context.cases.temporary_files.drop(self._ticket)
            self._ticket = None
