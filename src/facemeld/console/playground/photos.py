"""The users' photos, dropped or taken with the camera, and which face of the template each goes to."""

from __future__ import annotations

from nicegui.elements.mixins.text_element import TextElement

from facemeld.console.files import Upload, kind_of
from facemeld.console.parts.fields import Camera, DropZone, Field, choice
from facemeld.console.parts.materials import picture_address
from facemeld.console.parts.widgets import icon, tag
from facemeld.console.playground.draft import Bench, Photo
from facemeld.errors import FacemeldError
from facemeld.materials.types import Material, MaterialFace

MOST_PHOTOS = 6


class TooManyDropped(FacemeldError):
    """A call takes no more photos."""


class NoPicture(FacemeldError):
    """A file is no JPEG or PNG."""


class Template:
    """The template with a box around each face; a box is pressed to send the chosen photo there.

    Args:
        bench: The playground.

    Attributes:
        photos: The photos, as soon as they are drawn.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.photos: Photos | None = None
        self._labels: dict[int, tuple[TextElement, TextElement]] = {}
        self._area = tag("div", classes="fm-try-template")
        bench.on_template(self._draw)
        bench.on_change(self._show)

    async def _draw(self) -> None:
        self._labels = {}
        self._area.clear()
        material = self._bench.material
        if material is None:
            return
        with self._area:
            self._picture(material)
            tag("p", self._bench.context.texts("playground.faces_hint" if material.faces else "playground.no_faces"), "fm-hint")

    def _picture(self, material: Material) -> None:
        context = self._bench.context
        with tag("div", classes="fm-faces").style(f"--ratio: {material.width / material.height:.4f}"):
            tag("img", src=picture_address(context, material), alt=context.texts("playground.template", name=material.name))
            for face in self._bench.draft.faces:
                self._box(face, material)

    def _box(self, face: MaterialFace, material: Material) -> None:
        box = face.box
        made = tag("button", classes="fm-face-box", type="button")
        left, top = box.x / material.width, box.y / material.height
        width, height = box.width / material.width, box.height / material.height
        made.style(f"left: {left:.4%}; top: {top:.4%}; width: {width:.4%}; height: {height:.4%}")

        async def press() -> None:
            if self.photos is not None:
                await self.photos.send_to(face.number)

        made.on("click", lambda _: press(), args=[])
        side = "fm-face-label fm-face-end" if left + width / 2 > 0.5 else "fm-face-label"
        with made, tag("span", classes=side):
            tag("span", self._bench.context.texts("faces.face"), "fm-hidden")
            tag("span", str(face.number), "fm-face-number")
            label = tag("span", "", "fm-face-photo")
        self._labels[face.number] = (made, label)

    async def _show(self) -> None:
        texts, draft = self._bench.context.texts, self._bench.draft
        photos = {photo.face: number for number, photo in enumerate(draft.photos, 1)}
        for face, (button, label) in self._labels.items():
            number = photos.get(face)
            label.text = texts("playground.no_photo") if number is None else texts("playground.photo", number=number)
            label.classes(add="fm-hidden" if number is None else "", remove="" if number is None else "fm-hidden")
            button.classes(add="fm-picked" if number else "", remove="" if number else "fm-picked")


class Photos:
    """The photos with where they go; one of them is chosen, and a face that is pressed takes it.

    Args:
        bench: The playground.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._chosen: Photo | None = None
        self._lines: dict[Photo, tuple[TextElement, Field[str]]] = {}
        context, settings = bench.context, bench.context.cases.settings
        # Base64 makes three bytes four letters; the larger of the two actions' limits, so that the API can refuse what the other refuses.
        limit = max(settings.photos.base64_mb, settings.photos.ultra_base64_mb) * (1 << 20) * 3 // 4
        self._list = tag("ul", classes="fm-photos", aria_label=context.texts("playground.photos"))
        DropZone(
            context,
            self._take,
            label=context.texts("playground.drop"),
            hint=context.texts("playground.drop_hint", megabytes=limit >> 20),
            max_bytes=limit,
            many=True,
            lanes=1,
        )
        Camera(context, self._take, max_bytes=limit)
        bench.on_template(self._draw)
        context.client.on_delete(self._forget)

    async def send_to(self, face: int) -> None:
        """Let the chosen photo go to a face."""
        if self._chosen is not None:
            await self._assign(self._chosen, face)

    async def _take(self, upload: Upload) -> str | None:
        context, draft = self._bench.context, self._bench.draft
        if kind_of(upload.data) not in {"image/jpeg", "image/png"}:
            raise NoPicture("a photo must be a JPEG or PNG, got another file")
        if len(draft.photos) >= MOST_PHOTOS:
            raise TooManyDropped(f"a call takes {MOST_PHOTOS} photos at most")
        photo = Photo(
            draft.file_name(upload.name), upload.data, context.cases.temporary_files.put(context.principal, upload.data), draft.first_free()
        )
        draft.photos.append(photo)
        self._chosen = photo
        await self._draw()
        await self._bench.changed()
        return None

    async def _assign(self, photo: Photo, face: int) -> None:
        self._bench.draft.assign(photo, face)
        await self._bench.changed()
        self._show()

    async def _remove(self, photo: Photo) -> None:
        draft = self._bench.draft
        draft.photos.remove(photo)
        self._bench.context.cases.temporary_files.drop(photo.ticket)
        if self._chosen is photo:
            self._chosen = draft.photos[-1] if draft.photos else None
        await self._draw()
        await self._bench.changed()

    async def _draw(self) -> None:
        self._lines = {}
        self._list.clear()
        with self._list:
            for number, photo in enumerate(self._bench.draft.photos, 1):
                with tag("li"):
                    self._line(number, photo)
        self._show()

    def _line(self, number: int, photo: Photo) -> None:
        context = self._bench.context
        texts = context.texts
        pick = tag("button", classes="fm-photo", type="button", aria_label=texts("playground.choose_photo", number=number))

        async def choose() -> None:
            self._chosen = photo
            self._show()

        pick.on("click", lambda _: choose(), args=[])
        with pick:
            tag("img", src=context.url(f"/temporary/{photo.ticket}"), alt="")
        faces = {"0": texts("playground.any_face")}
        faces |= {str(face.number): texts("playground.face", number=face.number) for face in self._bench.draft.faces}
        goes = choice(texts("playground.goes_to", number=number), str(photo.face), faces)

        async def send() -> None:
            self._chosen = photo
            await self._assign(photo, int(goes.value))

        goes.on_change(send)
        remove = tag("button", classes="fm-icon-button", type="button", aria_label=texts("playground.remove", number=number))
        remove.on("click", lambda _: self._remove(photo), args=[])
        with remove:
            icon("delete")
        self._lines[photo] = (pick, goes)

    def _show(self) -> None:
        for photo, (pick, goes) in self._lines.items():
            pick.props["aria-pressed"] = "true" if photo is self._chosen else "false"
            if goes.value != str(photo.face):
                goes.show(str(photo.face))

    def _forget(self) -> None:
        for photo in self._bench.draft.photos:
            self._bench.context.cases.temporary_files.drop(photo.ticket)
