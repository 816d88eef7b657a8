"""Activities: the list, the form for a new one, and the page of one activity with its materials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict, get_args

from nicegui.elements.mixins.text_element import TextElement

from facemeld.console.context import Context, UseCases
from facemeld.console.files import Upload
from facemeld.console.parts.dialogs import confirm, toast
from facemeld.console.parts.fields import DropZone, Field, Latest, choice, slider, switch, text_field
from facemeld.console.parts.materials import GROUPS, activity_state, picture_address, status_badge, status_text
from facemeld.console.parts.shell import Page
from facemeld.console.parts.tables import COUNTED, Column, Paged, Part, Row, Slice, Table, badge_cell, id_cell, link_cell, time_cell
from facemeld.console.parts.widgets import badge, button, empty, fact, icon, id_chip, link, moment, path_links, section, tag
from facemeld.materials.types import Activity, ActivityState, Material, MaterialStatus
from facemeld.users.signin import Act

_LONGEST_NAME, _LONGEST_TEXT, _LONGEST_SEARCH, _LONGEST_FILE_NAME = 32, 1000, 64, 255
_LARGEST_RATE = 999_999
_DEFAULT_DEGREE = 50
_STATES: tuple[ActivityState, ...] = get_args(ActivityState)
_FIRST_ACCOUNT = "default"
"""Name of the account that is created with the first activity of a new installation."""

_GRID_SIZE = 24
_SETTINGS = "settings"


class _Values(TypedDict):
    """The form's values as the use cases take them."""

    name: str
    description: str
    shape_degree: int
    feature_degree: int
    consent_required: bool
    rate: str


class _ActivityForm:
    """The fields of an activity, or of a new one; the page draws them in two parts."""

    def __init__(self, context: Context, activity: Activity | None = None) -> None:
        self._context = context
        self._activity = activity

    def draw_names(self) -> None:
        """Draw name and description."""
        texts, activity = self._context.texts, self._activity
        name, description = (activity.name, activity.description) if activity else ("", "")
        hint = texts("activity.description_hint")
        self._name = text_field(texts("activity.name"), name, longest=_LONGEST_NAME, required=True)
        self._description = text_field(texts("activity.description"), description, longest=_LONGEST_TEXT, rows=3, hint=hint)

    def draw_rules(self) -> None:
        """Draw degrees, consent and rate."""
        texts, activity = self._context.texts, self._activity
        with tag("fieldset", classes="fm-group"):
            tag("legend", texts("activity.degrees"))
            tag("p", texts("activity.degrees_hint"), "fm-hint")
            degrees = (activity.shape_degree, activity.feature_degree) if activity else (_DEFAULT_DEGREE, _DEFAULT_DEGREE)
            self._shape, self._features = degree_sliders(self._context, *degrees)
        consent = activity.consent_required if activity else False
        self._consent = switch(texts("activity.consent"), consent, hint=texts("activity.consent_hint"))
        rate = activity.rate.partition("/")[0] if activity else ""
        self._rate = text_field(texts("activity.rate"), rate, longest=6, hint=texts("activity.rate_hint"))

    def check(self) -> bool:
        """Return whether the values can be saved; show errors at the fields that cannot."""
        texts, name, rate = self._context.texts, self._name.value.strip(), self._rate.value.strip()
        fine = True
        if not name or not name.isprintable():
            self._name.complain(texts("activity.name_wrong"))
            self._name.focus()
            fine = False
        if rate and not (rate.isascii() and rate.isdecimal() and 1 <= int(rate) <= _LARGEST_RATE):
            self._rate.complain(texts("activity.rate_wrong"))
            fine = False
        return fine

    def values(self) -> _Values:
        """Return the values of a form that ``check`` accepted."""
        rate = self._rate.value.strip()
        return _Values(
            name=self._name.value.strip(),
            description=self._description.value.strip(),
            shape_degree=self._shape.value,
            feature_degree=self._features.value,
            consent_required=self._consent.value,
            rate=f"{int(rate)}/second" if rate else "",
        )


def degree_sliders(context: Context, shape: int, features: int) -> tuple[Field[int], Field[int]]:
    """Draw the sliders for the two degrees."""
    texts = context.texts
    ends = texts("activity.like_user"), texts("activity.like_template")
    return (
        slider(texts("activity.shape"), shape, ends=ends, hint=texts("activity.shape_hint")),
        slider(texts("activity.features"), features, ends=ends, hint=texts("activity.features_hint")),
    )


@dataclass(frozen=True, slots=True)
class _Found:
    items: tuple[Activity, ...]
    total: int
    next: int | None
    counts: Mapping[str, Mapping[MaterialStatus, int]]


async def build_activities(context: Context) -> None:
    """Draw the list of activities."""
    texts = context.texts
    with tag("div", classes="fm-page-head"):
        tag("h1", texts("activities.title"))
        if context.may(Act.EDIT):
            with tag("a", classes="fm-button fm-primary", href=context.url("/activities/new")):
                icon("add")
                tag("span", texts("activities.new"))
    first = await context.run(Act.READ, lambda cases: _find(cases, "", None, None, 1))
    if not first.total:
        _none_yet(context)
        return
    with tag("section", classes="fm-card fm-wide", aria_label=texts("activities.all")):
        with tag("div", classes="fm-filters", role="search"):
            asked, text = context.query.get("state", ""), context.query.get("search", "")[:_LONGEST_SEARCH]
            search = text_field(texts("activities.search"), text, longest=_LONGEST_SEARCH, kind="search")
            options: dict[str, str] = {"": texts("activities.every_state"), **{state: texts(f"status.{state}") for state in _STATES}}
            state = choice(texts("activities.state"), asked if asked in options else "", options)

        async def fetch(after: int | None, limit: int) -> Slice:
            wanted = next((known for known in _STATES if known == state.value), None)
            found = await context.run(Act.READ, lambda cases: _find(cases, search.value.strip(), wanted, after, limit))
            return Slice([_row(context, activity, found.counts.get(activity.id, {})) for activity in found.items], found.next, found.total)

        columns = [Column(name, texts(f"activities.{name}")) for name in ("name", "id", "state", "materials", "created")]
        table = Table(context, texts("activities.all"), columns, fetch, none=texts("activities.none_found"))
        await table.load()
        refresh = Latest(table.load)
        search.on_change(refresh)
        state.on_change(refresh)


def _find(cases: UseCases, search: str, state: ActivityState | None, after: int | None, limit: int) -> _Found:
    admin = cases.administration
    page = admin.activities.activities(None, search=search, state=state, after=after, limit=limit, newest=True)
    return _Found(page.items, page.total, page.next, admin.materials.counts([activity.id for activity in page.items]))


def _none_yet(context: Context) -> None:
    texts, may_edit = context.texts, context.may(Act.EDIT)
    advice = texts("activities.none_advice" if may_edit else "activities.none_for_you")
    with tag("section", classes="fm-card"), empty("campaign", texts("activities.none"), advice):
        if may_edit:
            tag("a", texts("activities.new"), "fm-button fm-primary", href=context.url("/activities/new"))


def _row(context: Context, activity: Activity, counts: Mapping[MaterialStatus, int]) -> Row:
    address = context.url(f"/activities/{activity.id}")
    return Row(
        activity.id,
        {
            "name": link_cell(activity.name, address),
            "id": id_cell(activity.id),
            "state": badge_cell(*activity_state(context, activity)),
            "materials": _count_text(context, counts),
            "created": time_cell(activity.created_at),
        },
    )


def _count_text(context: Context, counts: Mapping[MaterialStatus, int]) -> str:
    """Return the number of materials and how many of them wait for a decision."""
    texts, total = context.texts, sum(counts.values())
    waiting = sum(counts.get(status, 0) for status in GROUPS["waiting"] | GROUPS["appealed"])
    return texts("activities.count_waiting", count=f"{total:,}", waiting=f"{waiting:,}") if waiting else f"{total:,}"


ACTIVITIES = Page("activities", "/activities", Act.READ, build_activities, icon="campaign", heading=False)


async def build_new_activity(context: Context) -> None:
    """Draw the form for a new activity."""
    texts = context.texts
    path_links(context, (texts("activities.title"), "/activities"))
    tag("h1", texts("newactivity.title"))
    accounts = await context.run(Act.READ, lambda cases: list(cases.administration.accounts.names().values()))
    if not accounts and not context.may(Act.ACCOUNTS):
        with section(texts("newactivity.account")):
            empty("group", texts("newactivity.no_account"), texts("newactivity.no_account_advice"))
        return
    with section(texts("newactivity.what")) as area:
        area.classes("fm-narrow")
        tag("p", texts("newactivity.intro"), "fm-hint")
        with tag("div", classes="fm-fields"):
            form = _ActivityForm(context)
            form.draw_names()
            options = {name: name for name in accounts or [_FIRST_ACCOUNT]}
            hint = texts("newactivity.account_hint" if accounts else "newactivity.account_made")
            account = choice(texts("newactivity.account"), _FIRST_ACCOUNT if _FIRST_ACCOUNT in options else accounts[0], options, hint=hint)
            form.draw_rules()
        with tag("div", classes="fm-actions"):
            tag("a", texts("parts.cancel"), "fm-button", href=context.url("/activities"))
            button(texts("newactivity.create"), lambda: _create(context, form, account, new_account=not accounts), kind="primary")


async def _create(context: Context, form: _ActivityForm, account: Field[str], *, new_account: bool) -> None:
    if not form.check():
        return
    values, name = form.values(), account.value

    def create(cases: UseCases) -> Activity:
        admin = cases.administration
        owner = admin.accounts.ensure(name, actor=context.actor) if new_account else admin.accounts.get(name)
        return admin.activities.create(owner.id, actor=context.actor, published=True, **values)

    made = await context.run(Act.ACCOUNTS if new_account else Act.EDIT, create)
    context.go(context.url(f"/activities/{made.id}"))


NEW_ACTIVITY = Page("newactivity", "/activities/new", Act.EDIT, build_new_activity, heading=False, parent="activities")


async def build_activity(context: Context) -> None:
    """Draw an activity."""
    name = context.parameters["activity"]
    activity, account = await context.run(Act.READ, lambda cases: _read(cases, name))
    path_links(context, (context.texts("activities.title"), "/activities"))
    _Head(context, activity, account)
    settings = context.query.get("view") == _SETTINGS
    with tag("nav", classes="fm-views", aria_label=context.texts("activity.views")):
        for view, here in ((None, not settings), (_SETTINGS, settings)):
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
    """Name, id and state of an activity, with the buttons that change the state."""

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
    form = _ActivityForm(context, activity)
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
            fact(texts(f"activity.{name}"), value)


class _Materials:
    """The drop zone, the filter and the grid of materials."""

    def __init__(self, context: Context, activity: Activity) -> None:
        self._context = context
        self._activity = activity
        asked = context.query.get("status", "")
        self._group = asked if asked in GROUPS else ""

    async def draw(self) -> None:
        context, texts = self._context, self._context.texts
        if context.may(Act.EDIT):
            largest = context.cases.settings.materials.max_mb
            hint = texts("activity.drop_hint", megabytes=largest)
            zone = DropZone(context, self._take, label=texts("activity.drop"), hint=hint, max_bytes=largest << 20, many=True)
            self._approve = switch(texts("activity.approve_at_once"), hint=texts("activity.approve_at_once_hint"))
            zone.on_done(self._reload)
        self._filters = tag("nav", classes="fm-tabs", aria_label=texts("activity.filter"))
        self._grid = Paged(context, self._fetch, self._draw_grid, size=_GRID_SIZE)
        await self._reload()

    async def _reload(self) -> None:
        counts = await self._context.run(Act.READ, lambda cases: cases.administration.materials.counts([self._activity.id]))
        self._filters.clear()
        with self._filters:
            self._tabs(counts.get(self._activity.id, {}))
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
        name = upload.name.strip()[:_LONGEST_FILE_NAME] or texts("activity.nameless")
        if approve:
            await context.run(Act.DECIDE, lambda _: None)  # refuses users who may not decide
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


ACTIVITY = Page("activity", "/activities/{activity}", Act.READ, build_activity, heading=False, parent="activities")
