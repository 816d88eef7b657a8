"""The list of activities, and the form of an activity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict, get_args

from facemeld.console.context import Context
from facemeld.console.pages.page import Page
from facemeld.console.parts.fields import Field, Latest, choice, slider, switch, text_field
from facemeld.console.parts.materials import GROUPS, activity_state
from facemeld.console.parts.tables import Cell, Column, Row, Slice, Table, badge_cell, id_cell, link_cell, time_cell
from facemeld.console.parts.widgets import button, empty, icon, link, section, tag
from facemeld.console.usecases import UseCases
from facemeld.materials.types import Activity, ActivityState, MaterialStatus
from facemeld.users.signin import Act

LONGEST_NAME, LONGEST_TEXT = 32, 1000
LARGEST_RATE = 999_999
MIDDLE = 50


class Values(TypedDict):
    """What the fields say, as the store takes it."""

    name: str
    description: str
    shape_degree: int
    feature_degree: int
    consent_required: bool
    rate: str


class ActivityForm:
    """The fields; drawn where the page wants them.

    Args:
        context: The page's context.
        activity: What they show at first; None for a new one.
    """

    def __init__(self, context: Context, activity: Activity | None = None) -> None:
        self._context = context
        self._activity = activity

    def draw_names(self) -> None:
        """Name and description."""
        texts, activity = self._context.texts, self._activity
        self._name = text_field(texts("activity.name"), activity.name if activity else "", longest=LONGEST_NAME, required=True)
        self._description = text_field(
            texts("activity.description"),
            activity.description if activity else "",
            longest=LONGEST_TEXT,
            rows=3,
            hint=texts("activity.description_hint"),
        )

    def draw_rules(self) -> None:
        """Degrees, consent, rate."""
        texts, activity = self._context.texts, self._activity
        with tag("fieldset", classes="fm-group"):
            tag("legend", texts("activity.degrees"))
            tag("p", texts("activity.degrees_hint"), "fm-hint")
            self._shape, self._features = degree_sliders(
                self._context, activity.shape_degree if activity else MIDDLE, activity.feature_degree if activity else MIDDLE
            )
        consent = activity.consent_required if activity else False
        self._consent = switch(texts("activity.consent"), consent, hint=texts("activity.consent_hint"))
        rate = activity.rate.partition("/")[0] if activity else ""
        self._rate = text_field(texts("activity.rate"), rate, longest=6, hint=texts("activity.rate_hint"))

    def check(self) -> bool:
        """Whether everything can be saved; says what cannot."""
        texts, name, rate = self._context.texts, self._name.value.strip(), self._rate.value.strip()
        fine = True
        if not name or not name.isprintable():
            self._name.complain(texts("activity.name_wrong"))
            self._name.focus()
            fine = False
        if rate and not (rate.isascii() and rate.isdecimal() and 1 <= int(rate) <= LARGEST_RATE):
            self._rate.complain(texts("activity.rate_wrong"))
            fine = False
        return fine

    def values(self) -> Values:
        """What the fields say; only after ``check``."""
        rate = self._rate.value.strip()
        return Values(
            name=self._name.value.strip(),
            description=self._description.value.strip(),
            shape_degree=self._shape.value,
            feature_degree=self._features.value,
            consent_required=self._consent.value,
            rate=f"{int(rate)}/second" if rate else "",
        )


def degree_sliders(context: Context, shape: int, features: int) -> tuple[Field[int], Field[int]]:
    """The two degrees with words for their ends."""
    texts = context.texts
    ends = texts("activity.like_user"), texts("activity.like_template")
    return (
        slider(texts("activity.shape"), shape, ends=ends, hint=texts("activity.shape_hint")),
        slider(texts("activity.features"), features, ends=ends, hint=texts("activity.features_hint")),
    )


STATES: tuple[ActivityState, ...] = get_args(ActivityState)
LONGEST_SEARCH = 64


@dataclass(frozen=True, slots=True)
class _Found:
    items: tuple[Activity, ...]
    total: int
    next: int | None
    counts: Mapping[str, Mapping[MaterialStatus, int]]


async def build_activities(context: Context) -> None:
    """Draw the page."""
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
            asked = context.query.get("state", "")
            search = text_field(
                texts("activities.search"), context.query.get("search", "")[:LONGEST_SEARCH], longest=LONGEST_SEARCH, kind="search"
            )
            options: dict[str, str] = {"": texts("activities.every_state"), **{state: texts(f"status.{state}") for state in STATES}}
            state = choice(texts("activities.state"), asked if asked in options else "", options)

        async def fetch(after: int | None, limit: int) -> Slice:
            wanted = next((one for one in STATES if one == state.value), None)
            found = await context.run(Act.READ, lambda cases: _find(cases, search.value.strip(), wanted, after, limit))
            return Slice([_row(context, one, found.counts.get(one.id, {})) for one in found.items], found.next, found.total)

        columns = [Column(name, texts(f"activities.{name}")) for name in ("name", "id", "state", "materials", "created")]
        table = Table(context, texts("activities.all"), columns, fetch, none=texts("activities.none_found"))
        await table.load()
        refresh = Latest(table.load)
        search.on_change(refresh)
        state.on_change(refresh)


def _find(cases: UseCases, search: str, state: ActivityState | None, after: int | None, limit: int) -> _Found:
    admin = cases.administration
    page = admin.activities.activities(None, search=search, state=state, after=after, limit=limit, newest=True)
    return _Found(page.items, page.total, page.next, admin.materials.counts([one.id for one in page.items]))


def _none_yet(context: Context) -> None:
    texts = context.texts
    with (
        tag("section", classes="fm-card"),
        empty(
            "campaign", texts("activities.none"), texts("activities.none_advice" if context.may(Act.EDIT) else "activities.none_for_you")
        ),
    ):
        if context.may(Act.EDIT):
            tag("a", texts("activities.new"), "fm-button fm-primary", href=context.url("/activities/new"))


def _row(context: Context, activity: Activity, counts: Mapping[MaterialStatus, int]) -> Row:
    address = context.url(f"/activities/{activity.id}")
    cells: dict[str, Cell | str | int | float | None] = {
        "name": link_cell(activity.name, address),
        "id": id_cell(activity.id),
        "state": badge_cell(*activity_state(context, activity)),
        "materials": _materials(context, counts),
        "created": time_cell(activity.created_at),
    }
    return Row(activity.id, cells)


def _materials(context: Context, counts: Mapping[MaterialStatus, int]) -> str:
    """How many there are, and how many of them wait for somebody."""
    texts, total = context.texts, sum(counts.values())
    waiting = sum(counts.get(status, 0) for status in GROUPS["waiting"] | GROUPS["appealed"])
    return texts("activities.count_waiting", count=f"{total:,}", waiting=f"{waiting:,}") if waiting else f"{total:,}"


ACTIVITIES = Page("activities", "/activities", Act.READ, build_activities, icon="campaign", heading=False)


FIRST_ACCOUNT = "default"
"""Name of the account that is created with the first activity of a new installation."""


async def build_newactivity(context: Context) -> None:
    """Draw the page."""
    texts = context.texts
    with tag("nav", classes="fm-path", aria_label=texts("parts.path")):
        link(texts("activities.title"), context.url("/activities"))
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
            form = ActivityForm(context)
            form.draw_names()
            options = {name: name for name in accounts or [FIRST_ACCOUNT]}
            hint = texts("newactivity.account_hint" if accounts else "newactivity.account_made")
            account = choice(texts("newactivity.account"), FIRST_ACCOUNT if FIRST_ACCOUNT in options else accounts[0], options, hint=hint)
            form.draw_rules()
        with tag("div", classes="fm-actions"):
            tag("a", texts("parts.cancel"), "fm-button", href=context.url("/activities"))
            button(texts("newactivity.create"), lambda: _create(context, form, account, new_account=not accounts), kind="primary")


async def _create(context: Context, form: ActivityForm, account: Field[str], *, new_account: bool) -> None:
    if not form.check():
        return
    values, name = form.values(), account.value

    def create(cases: UseCases) -> Activity:
        admin = cases.administration
        owner = admin.accounts.ensure(name, actor=context.actor) if new_account else admin.accounts.get(name)
        return admin.activities.create(owner.id, actor=context.actor, published=True, **values)

    made = await context.run(Act.ACCOUNTS if new_account else Act.EDIT, create)
    context.go(context.url(f"/activities/{made.id}"))


NEW_ACTIVITY = Page("newactivity", "/activities/new", Act.EDIT, build_newactivity, heading=False, parent="activities")
