"""One activity: its materials as a grid that pictures are dropped on, and its settings."""

from __future__ import annotations

from collections.abc import Mapping

from nicegui.elements.mixins.text_element import TextElement

from facemeld.console.context import Context
from facemeld.console.files import Upload
from facemeld.console.pages.activities import ActivityForm
from facemeld.console.pages.page import Page
from facemeld.console.parts.fields import DropZone, switch
from facemeld.console.parts.materials import GROUPS, activity_state, picture_address, status_badge, status_text
from facemeld.console.parts.tables import COUNTED, Paged, Part
from facemeld.console.parts.widgets import badge, button, confirm, empty, icon, id_chip, link, moment, section, tag, toast
from facemeld.console.usecases import UseCases
from facemeld.materials.types import Activity, Material, MaterialStatus
from facemeld.users.signin import Act

SIZE = 24
SETTINGS = "settings"
LONGEST_FILE_NAME = 255


async def build(context: Context) -> None:
    """Draw the page."""
    name = context.parameters["activity"]
    activity, account = await context.run(Act.READ, lambda cases: _read(cases, name))
    with tag("nav", classes="fm-path", aria_label=context.texts("parts.path")):
        link(context.texts("activities.title"), context.url("/activities"))
    _Head(context, activity, account)
    settings = context.query.get("view") == SETTINGS
    with tag("nav", classes="fm-views", aria_label=context.texts("activity.views")):
        for view, here in ((None, not settings), (SETTINGS, settings)):
            made = link(context.texts(f"activity.{view or 'materials'}"), context.url(f"/activities/{activity.id}", view=view), "fm-view")
            if here:
                made.props["aria-current"] = "page"
    if settings:
        with section(context.texts("activity.settings")) as area:
            area.classes("fm-narrow")
            _settings(context, activity)
    else:
        with tag("section", classes="fm-card", aria_label=context.texts("activity.materials")):
            await _Materials(context, activity).draw()


def _read(cases: UseCases, name: str) -> tuple[Activity, str]:
    activity = cases.administration.activities.get(None, name)
    return activity, cases.administration.accounts.names().get(activity.account_id, "")


class _Head:
    """Name, id, state, and what changes the state."""

    def __init__(self, context: Context, activity: Activity, account: str) -> None:
        self._context = context
        self._activity = activity
        self._account = account
        self._area = tag("div", classes="fm-object-head")
        self._draw()

    def _draw(self) -> None:
        texts, activity = self._context.texts, self._activity
        self._area.clear()
        with self._area:
            with tag("div", classes="fm-object-title"):
                tag("h1", activity.name)
                badge(*activity_state(self._context, activity))
            with tag("div", classes="fm-object-facts"):
                id_chip(self._context, activity.id)
                tag("span", texts("activity.account", name=self._account), "fm-hint")
                with tag("span", classes="fm-hint"):
                    tag("span", texts("activity.created"))
                    moment(self._context, activity.created_at)
            if self._context.may(Act.EDIT):
                with tag("div", classes="fm-actions"):
                    if activity.disabled:
                        button(texts("activity.enable"), lambda: self._change(disabled=False), kind="primary")
                    else:
                        publish = "activity.unpublish" if activity.published else "activity.publish"
                        button(texts(publish), lambda: self._change(published=not activity.published))
                        button(texts("activity.disable"), self._disable)

    async def _disable(self) -> None:
        texts = self._context.texts
        if await confirm(self._context, texts("activity.disable_question"), texts("activity.disable_effect"), texts("activity.disable")):
            await self._change(disabled=True)

    async def _change(self, *, published: bool | None = None, disabled: bool | None = None) -> None:
        context = self._context

        def change(cases: UseCases) -> Activity:
            return cases.administration.activities.change(
                None, self._activity.id, actor=context.actor, published=published, disabled=disabled
            )

        self._activity = await context.run(Act.EDIT, change)
        self._draw()
        toast(context, context.texts("activity.state_now", state=activity_state(context, self._activity)[0]))


def _settings(context: Context, activity: Activity) -> None:
    texts = context.texts
    if not context.may(Act.EDIT):
        _settings_read(context, activity)
        return
    form = ActivityForm(context, activity)
    with tag("div", classes="fm-fields"):
        form.draw_names()
        form.draw_rules()

    async def save() -> None:
        if form.check():
            values = form.values()
            await context.run(
                Act.EDIT, lambda cases: cases.administration.activities.change(None, activity.id, actor=context.actor, **values)
            )
            toast(context, texts("activity.saved"))

    with tag("div", classes="fm-actions"):
        button(texts("activity.save"), save, kind="primary")


def _settings_read(context: Context, activity: Activity) -> None:
    texts = context.texts
    facts = {
        "description": activity.description or "–",
        "shape": str(activity.shape_degree),
        "features": str(activity.feature_degree),
        "consent": texts("activity.yes" if activity.consent_required else "activity.no"),
        "rate": activity.rate.partition("/")[0] or texts("activity.rate_default"),
    }
    with tag("dl", classes="fm-facts"):
        for name, value in facts.items():
            tag("dt", texts(f"activity.{name}"))
            tag("dd", value)


class _Materials:
    """The grid with what is dropped on it and what it is filtered by."""

    def __init__(self, context: Context, activity: Activity) -> None:
        self._context = context
        self._activity = activity
        asked = context.query.get("status", "")
        self._group = asked if asked in GROUPS else ""

    async def draw(self) -> None:
        context, texts = self._context, self._context.texts
        if context.may(Act.EDIT):
            largest = context.cases.settings.materials.max_mb
            zone = DropZone(
                context,
                self._take,
                label=texts("activity.drop"),
                hint=texts("activity.drop_hint", megabytes=largest),
                max_bytes=largest << 20,
                many=True,
            )
            self._approve = switch(texts("activity.approve_at_once"), hint=texts("activity.approve_at_once_hint"))
            zone.on_done(self._reload)
        self._filters = tag("nav", classes="fm-tabs", aria_label=texts("activity.filter"))
        self._grid = Paged(context, self._fetch, self._draw_grid, size=SIZE)
        await self._reload()

    async def _reload(self) -> None:
        counts = await self._context.run(
            Act.READ, lambda cases: cases.administration.materials.counts([self._activity.id]).get(self._activity.id, {})
        )
        self._filters.clear()
        with self._filters:
            self._tabs(counts)
        await self._grid.load()

    def _tabs(self, counts: Mapping[MaterialStatus, int]) -> None:
        groups: dict[str, frozenset[MaterialStatus]] = {"": frozenset(counts), **GROUPS}
        for name, group in groups.items():
            count = sum(counts.get(status, 0) for status in group)
            if name and not count and name != self._group:
                continue
            address = self._context.url(f"/activities/{self._activity.id}", status=name or None)
            with tag("a", classes="fm-tab", href=address, aria_current="page" if name == self._group else None):
                tag("span", self._context.texts(f"status.group_{name or 'all'}"))
                tag("span", f"{count:,}", "fm-tab-count")

    async def _fetch(self, after: int | None, limit: int) -> Part[Material]:
        wanted = GROUPS.get(self._group)
        page = await self._context.run(
            Act.READ,
            lambda cases: cases.administration.materials.materials(
                None, self._activity.id, limit=limit, after=after, status=wanted, newest=True, counted=COUNTED + 1
            ),
        )
        return Part(page.items, page.total, page.next)

    def _draw_grid(self, part: Part[Material]) -> None:
        texts = self._context.texts
        if not part.items:
            name = "none_here" if self._group else "none" if self._context.may(Act.EDIT) else "none_for_you"
            empty("photo_library", texts(f"activity.{name}"), texts(f"activity.{name}_advice"))
            return
        with tag("ul", classes="fm-grid"):
            for material in part.items:
                self._card(material)

    def _card(self, material: Material) -> None:
        context, texts = self._context, self._context.texts
        with tag("li", classes="fm-tile"):
            with tag("a", classes="fm-tile-link", href=context.url(f"/materials/{material.id}")):
                tag("img", classes="fm-tile-picture", src=picture_address(context, material, "thumbnail"), alt="", loading="lazy")
                tag("span", material.name, "fm-tile-name")
            with tag("div", classes="fm-tile-facts"):
                status_badge(context, material.status)
                if material.faces:
                    tag("span", texts.count("activity.faces", len(material.faces)), "fm-hint")
                if material.findings:
                    _warnings(context, material)
            id_chip(context, material.id)

    async def _take(self, upload: Upload) -> str:
        context, texts, approve = self._context, self._context.texts, self._approve.value
        name = upload.name.strip()[:LONGEST_FILE_NAME] or texts("activity.nameless")
        if approve:
            await context.run(Act.DECIDE, lambda _: None)
        material = await context.call(
            Act.EDIT,
            lambda cases: cases.administration.importing.add(self._activity.id, upload.data, name, approve=approve, actor=context.actor),
        )
        said = [status_text(context, material.status), texts.count("activity.faces", len(material.faces))]
        if material.findings:
            said.append(texts.count("activity.warnings", len(material.findings)))
        return " · ".join(said)


def _warnings(context: Context, material: Material) -> TextElement:
    failed = any(finding.failure for finding in material.findings)
    made = tag("span", classes="fm-tile-warnings fm-bad" if failed else "fm-tile-warnings")
    with made:
        icon("warning")
        tag("span", context.texts("status.warning"), "fm-hidden")
        tag("span", str(len(material.findings)))
    return made


PAGE = Page("activity", "/activities/{activity}", Act.READ, build, heading=False, parent="activities")
