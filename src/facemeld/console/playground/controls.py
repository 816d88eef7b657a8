"""Choosing a template, and the switches and sliders of FuseFace and FuseFaceUltra."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from nicegui.elements.mixins.text_element import TextElement

from facemeld.console.context import Context
from facemeld.console.parts.fields import Field, choice, slider, switch, text_field
from facemeld.console.parts.materials import picture_address, status_text, status_tone
from facemeld.console.parts.tables import COUNTED, Paged, Part
from facemeld.console.parts.widgets import badge, empty, link, tag
from facemeld.console.playground.draft import FIXED_TYPE, RADIOS, Action, Bench
from facemeld.console.usecases import UseCases
from facemeld.fusing.requests import MODEL_TYPES
from facemeld.materials.types import Activity, ActivityNotFound, Material
from facemeld.users.signin import Act

MOST_ACTIVITIES = 200
_THUMBNAILS = 8


async def choosing(bench: Bench) -> None:
    """Draw the part."""
    context = bench.context
    wanted, activities = await context.run(Act.READ, lambda cases: _look(context, cases))
    if not activities:
        with empty("campaign", context.texts("playground.no_activity"), context.texts("playground.no_activity_advice")):
            link(context.texts("playground.to_activities"), context.url("/activities"), "fm-button fm-primary")
        return
    here = wanted.activity_id if wanted is not None else _asked(context, activities)
    bench.activity = activities[here]
    chooser = choice(
        context.texts("playground.activity"),
        here,
        {name: f"{one.name} · {name}" for name, one in activities.items()},
        hint=context.texts("playground.some_activities", count=MOST_ACTIVITIES) if len(activities) >= MOST_ACTIVITIES else "",
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


def _look(context: Context, cases: UseCases) -> tuple[Material | None, Mapping[str, Activity]]:
    """The material that the page's address names, and the activities that there are, the newest first."""
    admin = cases.administration
    named = context.query.get("material")
    material = admin.materials.get(None, named) if named else None
    page = admin.activities.activities(None, limit=MOST_ACTIVITIES, newest=True)
    found = {one.id: one for one in page.items if not one.disabled}
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
    """The materials of the activity by their pictures, page by page."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._buttons: dict[str, TextElement] = {}
        self.shown: list[Material] = []
        self.paged: Paged[Material] = Paged(bench.context, self._fetch, self._draw, size=_THUMBNAILS)

    async def pick(self, material: Material) -> None:
        """Take a material."""
        await self._bench.choose(material)
        self._mark()

    async def _fetch(self, after: int | None, limit: int) -> Part[Material]:
        activity = self._bench.activity
        named = activity.id if activity is not None else None
        page = await self._bench.context.run(
            Act.READ,
            lambda cases: cases.administration.materials.materials(None, named, limit=limit, after=after, newest=True, counted=COUNTED + 1),
        )
        return Part(page.items, page.total, page.next)

    def _draw(self, part: Part[Material]) -> None:
        context = self._bench.context
        self._buttons = {}
        self.shown = list(part.items)
        if not part.items:
            with empty("add_photo_alternate", context.texts("playground.no_material"), context.texts("playground.no_material_advice")):
                activity = self._bench.activity
                if activity is not None:
                    link(context.texts("playground.to_activity"), context.url(f"/activities/{activity.id}"), "fm-button fm-primary")
            return
        with tag("ul", classes="fm-choices", aria_label=context.texts("playground.materials")):
            for material in part.items:
                with tag("li"):
                    self._thumbnail(material)
        self._mark()

    def _thumbnail(self, material: Material) -> None:
        context = self._bench.context
        name = context.texts("playground.material_name", name=material.name, faces=len(material.faces))
        status = "" if material.status.usable else status_text(context, material.status)
        if status:  # what is to be seen on the button must be in its name
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
        chosen = self._bench.draft.model_id
        for name, button in self._buttons.items():
            button.props["aria-pressed"] = "true" if name == chosen else "false"


_LONGEST_CONSENT = 128


def controls(bench: Bench) -> None:
    """Draw the part."""
    texts, draft = bench.context.texts, bench.draft
    with tag("div", classes="fm-fields"):
        action = choice(
            texts("playground.action"),
            draft.action,
            {"FuseFace": "FuseFace", "FuseFaceUltra": "FuseFaceUltra"},
            hint=texts("playground.fuseface_hint"),
        )
        with tag("div", classes="fm-fields") as own:
            _degrees(bench)
        with tag("div", classes="fm-fields") as ultra:
            _strengths(bench)
        ultra.set_visibility(False)
        _common(bench)

    async def act() -> None:
        draft.action = cast(Action, action.value)
        is_ultra = draft.action == "FuseFaceUltra"
        own.set_visibility(not is_ultra)
        ultra.set_visibility(is_ultra)
        action.props["hint"] = texts("playground.ultra_hint" if is_ultra else "playground.fuseface_hint")
        await bench.changed()

    action.on_change(act)


def _degrees(bench: Bench) -> None:
    texts, draft = bench.context.texts, bench.draft
    own = switch(texts("playground.own_degrees"), True, hint=texts("playground.own_degrees_hint"))
    ends = (texts("playground.user_end"), texts("playground.template_end"))
    shape = slider("FuseProfileDegree", 50, ends=ends, hint=texts("playground.shape_hint"))
    features = slider("FuseFaceDegree", 50, ends=ends, hint=texts("playground.features_hint"))

    async def read() -> None:
        draft.shape = None if own.value else shape.value
        draft.features = None if own.value else features.value
        for field in (shape, features):
            field.enable(not own.value)
        await bench.changed()

    async def reset() -> None:
        if own.value:
            for field, degree in zip((shape, features), bench.degrees(), strict=True):
                field.show(degree)

    for field in (shape, features):
        field.enable(False)
        field.on_change(read)
    own.on_change(read)
    bench.on_template(reset)


def _strengths(bench: Bench) -> None:
    texts, draft = bench.context.texts, bench.draft
    types = {str(number): texts(f"playground.type_{number}") for number in sorted(MODEL_TYPES)}
    kind = choice("SwapModelType", str(draft.model_type), types)
    sliders: dict[str, Field[int]] = {}
    for name, value in RADIOS.items():
        sliders[name] = slider(name, value, hint=texts(f"playground.{name.lower()}"))
    note = tag("p", texts("playground.fixed"), "fm-hint")
    note.set_visibility(False)

    async def read() -> None:
        draft.model_type = int(kind.value)
        fixed = draft.model_type == FIXED_TYPE
        note.set_visibility(fixed)
        for name, field in sliders.items():
            draft.radios[name] = field.value
            field.enable(not fixed)
        await bench.changed()

    kind.on_change(read)
    for field in sliders.values():
        field.on_change(read)


def _common(bench: Bench) -> None:
    texts, draft = bench.context.texts, bench.draft
    logo = switch("LogoAdd", draft.logo, hint=texts("playground.logo_hint"))
    kind = choice("RspImgType", draft.kind, {"url": texts("playground.url"), "base64": texts("playground.base64")})
    consent = text_field(texts("playground.consent"), longest=_LONGEST_CONSENT, hint=texts("playground.consent_hint"))

    def listen(field: Field[bool] | Field[str], keep: Callable[[], None]) -> None:
        async def changed() -> None:
            keep()
            await bench.changed()

        field.on_change(changed)

    def keep_logo() -> None:
        draft.logo = logo.value

    def keep_kind() -> None:
        draft.kind = "base64" if kind.value == "base64" else "url"

    def keep_consent() -> None:
        draft.consent = "".join(letter for letter in consent.value.strip() if " " <= letter <= "~")

    listen(logo, keep_logo)
    listen(kind, keep_kind)
    listen(consent, keep_consent)

    async def demand() -> None:
        needed = bench.activity is not None and bench.activity.consent_required
        consent.props["hint"] = texts("playground.consent_needed" if needed else "playground.consent_hint")

    bench.on_template(demand)
