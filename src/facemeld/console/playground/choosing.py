"""Choosing the template: an activity, and one of its materials by its picture."""

from __future__ import annotations

from collections.abc import Mapping

from nicegui.elements.mixins.text_element import TextElement

from facemeld.console.desk import Desk
from facemeld.console.house import House
from facemeld.console.parts.faces import picture_address
from facemeld.console.parts.fields import choice
from facemeld.console.parts.paging import COUNTED, Paged, Part
from facemeld.console.parts.pieces import badge, empty, link, tag
from facemeld.console.parts.states import status_text, status_tone
from facemeld.console.playground.bench import Bench
from facemeld.services.administration import Activity, Material
from facemeld.services.errors import ActivityNotFound
from facemeld.services.signin import Act

MOST_ACTIVITIES = 200
_THUMBNAILS = 8


async def choosing(bench: Bench) -> None:
    """Draw the part."""
    desk = bench.desk
    wanted, activities = await desk.run(Act.READ, lambda house: _look(desk, house))
    if not activities:
        with empty("campaign", desk.texts("playground.no_activity"), desk.texts("playground.no_activity_advice")):
            link(desk.texts("playground.to_activities"), desk.url("/activities"), "fm-button fm-primary")
        return
    here = wanted.activity_id if wanted is not None else _asked(desk, activities)
    bench.activity = activities[here]
    chooser = choice(
        desk.texts("playground.activity"),
        here,
        {name: f"{one.name} · {name}" for name, one in activities.items()},
        hint=desk.texts("playground.some_activities", count=MOST_ACTIVITIES) if len(activities) >= MOST_ACTIVITIES else "",
    )
    gallery = _Gallery(bench)

    async def change() -> None:
        bench.activity = activities[chooser.value]
        await gallery.paged.load()
        if gallery.shown:
            await gallery.pick(gallery.shown[0])
        else:
            await bench.choose(None)

    chooser.on_change(change)
    await gallery.paged.load()
    if wanted is not None or gallery.shown:
        await gallery.pick(wanted or gallery.shown[0])


def _look(desk: Desk, house: House) -> tuple[Material | None, Mapping[str, Activity]]:
    """The material that the page's address names, and the activities that there are, the newest first."""
    admin = house.administration
    named = desk.query.get("material")
    material = admin.materials.get(None, named) if named else None
    page = admin.activities.activities(None, limit=MOST_ACTIVITIES, newest=True)
    found = {one.id: one for one in page.items if not one.disabled}
    asked = material.activity_id if material is not None else desk.query.get("activity")
    if asked and asked not in found:
        found = {asked: admin.activities.get(None, asked), **found}
    return material, found


def _asked(desk: Desk, activities: Mapping[str, Activity]) -> str:
    asked = desk.query.get("activity")
    if asked and asked not in activities:
        raise ActivityNotFound(f"the activity must be an existing one, got {asked[:40]!r}")
    return asked or next(iter(activities))


class _Gallery:
    """The materials of the activity by their pictures, page by page."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._buttons: dict[str, TextElement] = {}
        self.shown: list[Material] = []
        self.paged: Paged[Material] = Paged(bench.desk, self._fetch, self._draw, size=_THUMBNAILS)

    async def pick(self, material: Material) -> None:
        """Take a material."""
        await self._bench.choose(material)
        self._mark()

    async def _fetch(self, after: int | None, limit: int) -> Part[Material]:
        activity = self._bench.activity
        named = activity.id if activity is not None else None
        page = await self._bench.desk.run(
            Act.READ,
            lambda house: house.administration.materials.materials(None, named, limit=limit, after=after, newest=True, counted=COUNTED + 1),
        )
        return Part(page.items, page.total, page.next)

    def _draw(self, part: Part[Material]) -> None:
        desk = self._bench.desk
        self._buttons = {}
        self.shown = list(part.items)
        if not part.items:
            with empty("add_photo_alternate", desk.texts("playground.no_material"), desk.texts("playground.no_material_advice")):
                activity = self._bench.activity
                if activity is not None:
                    link(desk.texts("playground.to_activity"), desk.url(f"/activities/{activity.id}"), "fm-button fm-primary")
            return
        with tag("ul", classes="fm-choices", aria_label=desk.texts("playground.materials")):
            for material in part.items:
                with tag("li"):
                    self._thumbnail(material)
        self._mark()

    def _thumbnail(self, material: Material) -> None:
        desk = self._bench.desk
        name = desk.texts("playground.material_name", name=material.name, faces=len(material.faces))
        status = "" if material.status.usable else status_text(desk, material.status)
        if status:  # what is to be seen on the button must be in its name
            name = f"{name}, {status}"
        made = tag("button", classes="fm-choice", type="button", aria_label=name, title=name)

        async def pick() -> None:
            await self.pick(material)

        made.on("click", lambda _: pick(), args=[])
        with made:
            tag("img", src=picture_address(desk, material, "thumbnail"), alt="", loading="lazy")
            if status:
                badge(status, status_tone(material.status))
        self._buttons[material.id] = made

    def _mark(self) -> None:
        chosen = self._bench.draft.model_id
        for name, button in self._buttons.items():
            button.props["aria-pressed"] = "true" if name == chosen else "false"
