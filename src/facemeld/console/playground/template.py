"""Choose a template, photos, and the template's face that each photo goes to."""

from __future__ import annotations

from collections.abc import Mapping

from nicegui.elements.mixins.text_element import TextElement

from facemeld.console.context import Context, UseCases
from facemeld.console.files import Upload
from facemeld.console.parts.fields import Camera, DropZone, Field, choice
from facemeld.console.parts.materials import picture_address, status_text, status_tone
from facemeld.console.parts.tables import COUNTED, Paged, Part
from facemeld.console.parts.widgets import badge, empty, icon, link, tag
from facemeld.console.playground.draft import Photo, Playground
from facemeld.errors import FacemeldError
from facemeld.materials.types import Activity, ActivityNotFound, Material, MaterialFace
from facemeld.media.containers import sniff
from facemeld.users.signin import Act

MOST_ACTIVITIES = 200
_THUMBNAILS = 8


async def choosing(playground: Playground) -> None:
    """Draw the choice of activity and material, and choose those in the page's address or the newest."""
    context = playground.context
    wanted, activities = await context.run(Act.READ, lambda cases: _look(context, cases))
    if not activities:
        with empty("campaign", context.texts("playground.no_activity"), context.texts("playground.no_activity_advice")):
            link(context.texts("playground.to_activities"), context.url("/activities"), "fm-button fm-primary")
        return
    here = wanted.activity_id if wanted is not None else _asked(context, activities)
    playground.activity = activities[here]
    chooser = choice(
        context.texts("playground.activity"),
        here,
        {id_: f"{activity.name} · {id_}" for id_, activity in activities.items()},
        hint=context.texts("playground.some_activities", count=MOST_ACTIVITIES) if len(activities) >= MOST_ACTIVITIES else "",
    )
    gallery = _Gallery(playground)

    async def change() -> None:
        playground.activity = activities[chooser.value]
        await gallery.paged.load()
        if gallery.shown:
            await gallery.pick(gallery.shown[0])
        else:
            await playground.choose(None)

    chooser.on_change(change)
    await gallery.paged.load()
    if wanted is not None or gallery.shown:
        await gallery.pick(wanted or gallery.shown[0])


def _look(context: Context, cases: UseCases) -> tuple[Material | None, Mapping[str, Activity]]:
    """Return the material that the page's address names, and the activities, the newest first."""
    admin = cases.administration
    named = context.query.get("material")
    material = admin.materials.get(None, named) if named else None
    page = admin.activities.activities(None, limit=MOST_ACTIVITIES, newest=True)
    found = {activity.id: activity for activity in page.items if not activity.disabled}
    asked = material.activity_id if material is not None else context.query.get("activity")
    if asked and asked not in found:
        found = {asked: admin.activities.get(None, asked), **found}
    return material, found


def _asked(context: Context, activities: Mapping[str, Activity]) -> str:
    asked = context.query.get("activity")
    if asked and asked not in activities:
        raise ActivityNotFound(f"the activity must be an existing one, got {asked[:40]!r}")
    return asked or next(iter(activities))


class _Gallery:
    """Thumbnails of the activity's materials, in pages."""

    def __init__(self, playground: Playground) -> None:
        self._playground = playground
        self._buttons: dict[str, TextElement] = {}
        self.shown: list[Material] = []
        self.paged: Paged[Material] = Paged(playground.context, self._fetch, self._draw, size=_THUMBNAILS)

    async def pick(self, material: Material) -> None:
        """Choose a material."""
        await self._playground.choose(material)
        self._mark()

    async def _fetch(self, after: int | None, limit: int) -> Part[Material]:
        activity = self._playground.activity
        named = activity.id if activity is not None else None
        page = await self._playground.context.run(
            Act.READ,
            lambda cases: cases.administration.materials.materials(None, named, limit=limit, after=after, newest=True, counted=COUNTED + 1),
        )
        return Part(page.items, page.total, page.next)

    def _draw(self, part: Part[Material]) -> None:
        context = self._playground.context
        self._buttons = {}
        self.shown = list(part.items)
        if not part.items:
            with empty("add_photo_alternate", context.texts("playground.no_material"), context.texts("playground.no_material_advice")):
                activity = self._playground.activity
                if activity is not None:
                    link(context.texts("playground.to_activity"), context.url(f"/activities/{activity.id}"), "fm-button fm-primary")
            return
        with tag("ul", classes="fm-choices", aria_label=context.texts("playground.materials")):
            for material in part.items:
                with tag("li"):
                    self._thumbnail(material)
        self._mark()

    def _thumbnail(self, material: Material) -> None:
        context = self._playground.context
        name = context.texts("playground.material_name", name=material.name, faces=len(material.faces))
        status = "" if material.status.usable else status_text(context, material.status)
        if status:  # the accessible name must contain the visible text
            name = f"{name}, {status}"
        made = tag("button", classes="fm-choice", type="button", aria_label=name, title=name)

        async def pick() -> None:
            await self.pick(material)

        made.on("click", lambda _: pick(), args=[])
        with made:
            tag("img", src=picture_address(context, material, "thumbnail"), alt="", loading="lazy")
            if status:
                badge(status, status_tone(material.status))
        self._buttons[material.id] = made

    def _mark(self) -> None:
        chosen = self._playground.draft.model_id
        for name, button in self._buttons.items():
            button.props["aria-pressed"] = "true" if name == chosen else "false"


MOST_PHOTOS = 6


class TooManyDropped(FacemeldError):
    """A call takes at most six photos."""


class NoPicture(FacemeldError):
    """A file is not a JPEG or PNG."""


class Template:
    """The template with a button around each face, which assigns the chosen photo to it; ``photos`` is set once they are drawn."""

    def __init__(self, playground: Playground) -> None:
        self._playground = playground
        self.photos: Photos | None = None
        self._labels: dict[int, tuple[TextElement, TextElement]] = {}
        self._area = tag("div", classes="fm-try-template")
        playground.on_template(self._draw)
        playground.on_change(self._show)

    async def _draw(self) -> None:
        self._labels = {}
        self._area.clear()
        material = self._playground.material
        if material is None:
            return
        with self._area:
            self._picture(material)
            tag("p", self._playground.context.texts("playground.faces_hint" if material.faces else "playground.no_faces"), "fm-hint")

    def _picture(self, material: Material) -> None:
        context = self._playground.context
        with tag("div", classes="fm-faces").style(f"--ratio: {material.width / material.height:.4f}"):
            tag("img", src=picture_address(context, material), alt=context.texts("playground.template", name=material.name))
            for face in self._playground.draft.faces:
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
            tag("span", self._playground.context.texts("faces.face"), "fm-hidden")
            tag("span", str(face.number), "fm-face-number")
            label = tag("span", "", "fm-face-photo")
        self._labels[face.number] = (made, label)

    async def _show(self) -> None:
        texts, draft = self._playground.context.texts, self._playground.draft
        photos = {photo.face: number for number, photo in enumerate(draft.photos, 1)}
        for face, (button, label) in self._labels.items():
            number = photos.get(face)
            label.text = texts("playground.no_photo") if number is None else texts("playground.photo", number=number)
            label.classes(add="fm-hidden" if number is None else "", remove="" if number is None else "fm-hidden")
            button.classes(add="fm-picked" if number else "", remove="" if number else "fm-picked")


class Photos:
    """The list of photos, dropped or taken with the camera; the chosen photo goes to the face that is pressed."""

    def __init__(self, playground: Playground) -> None:
        self._playground = playground
        self._chosen: Photo | None = None
        self._lines: dict[Photo, tuple[TextElement, Field[str]]] = {}
        context, settings = playground.context, playground.context.cases.settings
        # Three bytes are four letters in base64. The larger of the two limits applies here; the API enforces its own for each action.
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
        playground.on_template(self._draw)
        context.client.on_delete(self._forget)

    async def send_to(self, face: int) -> None:
        """Assign the chosen photo to a face."""
        if self._chosen is not None:
            await self._assign(self._chosen, face)

    async def _take(self, upload: Upload) -> str | None:
        context, draft = self._playground.context, self._playground.draft
        if sniff(upload.data) not in {"jpeg", "png"}:
            raise NoPicture("a photo must be a JPEG or PNG, got another file")
        if len(draft.photos) >= MOST_PHOTOS:
            raise TooManyDropped(f"a call takes {MOST_PHOTOS} photos at most")
        photo = Photo(
            draft.file_name(upload.name), upload.data, context.cases.temporary_files.put(context.principal, upload.data), draft.first_free()
        )
        draft.photos.append(photo)
        self._chosen = photo
        await self._draw()
        await self._playground.changed()
        return None

    async def _assign(self, photo: Photo, face: int) -> None:
        self._playground.draft.assign(photo, face)
        await self._playground.changed()
        self._show()

    async def _remove(self, photo: Photo) -> None:
        draft = self._playground.draft
        draft.photos.remove(photo)
        self._playground.context.cases.temporary_files.drop(photo.ticket)
        if self._chosen is photo:
            self._chosen = draft.photos[-1] if draft.photos else None
        await self._draw()
        await self._playground.changed()

    async def _draw(self) -> None:
        self._lines = {}
        self._list.clear()
        with self._list:
            for number, photo in enumerate(self._playground.draft.photos, 1):
                with tag("li"):
                    self._line(number, photo)
        self._show()

    def _line(self, number: int, photo: Photo) -> None:
        context = self._playground.context
        texts = context.texts
        pick = tag("button", classes="fm-photo", type="button", aria_label=texts("playground.choose_photo", number=number))

        async def choose() -> None:
            self._chosen = photo
            self._show()

        pick.on("click", lambda _: choose(), args=[])
        with pick:
            tag("img", src=context.url(f"/temporary/{photo.ticket}"), alt="")
        faces = {"0": texts("playground.any_face")}
        faces |= {str(face.number): texts("playground.face", number=face.number) for face in self._playground.draft.faces}
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
        for photo in self._playground.draft.photos:
            self._playground.context.cases.temporary_files.drop(photo.ticket)
