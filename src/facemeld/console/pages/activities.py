"""The list of activities: found by name, id and state, with what their materials are at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from facemeld.console.desk import Desk
from facemeld.console.house import House
from facemeld.console.pages.page import Page
from facemeld.console.parts.fields import choice, text_field
from facemeld.console.parts.latest import Latest
from facemeld.console.parts.pieces import empty, icon, tag
from facemeld.console.parts.states import GROUPS, activity_state
from facemeld.console.parts.tables import Cell, Column, Row, Slice, Table, badge_cell, id_cell, link_cell, time_cell
from facemeld.services.administration import Activity, MaterialStatus
from facemeld.services.listing import ActivityState
from facemeld.services.signin import Act

STATES: tuple[ActivityState, ...] = get_args(ActivityState)
LONGEST_SEARCH = 64


@dataclass(frozen=True, slots=True)
class _Found:
    items: tuple[Activity, ...]
    total: int
    next: int | None
    counts: Mapping[str, Mapping[MaterialStatus, int]]


async def build(desk: Desk) -> None:
    """Draw the page."""
    texts = desk.texts
    with tag("div", classes="fm-page-head"):
        tag("h1", texts("activities.title"))
        if desk.may(Act.EDIT):
            with tag("a", classes="fm-button fm-primary", href=desk.url("/activities/new")):
                icon("add")
                tag("span", texts("activities.new"))
    first = await desk.run(Act.READ, lambda house: _find(house, "", None, None, 1))
    if not first.total:
        _none_yet(desk)
        return
    with tag("section", classes="fm-card fm-wide", aria_label=texts("activities.all")):
        with tag("div", classes="fm-filters", role="search"):
            asked = desk.query.get("state", "")
            search = text_field(
                texts("activities.search"), desk.query.get("search", "")[:LONGEST_SEARCH], longest=LONGEST_SEARCH, kind="search"
            )
            options: dict[str, str] = {"": texts("activities.every_state"), **{state: texts(f"status.{state}") for state in STATES}}
            state = choice(texts("activities.state"), asked if asked in options else "", options)

        async def fetch(after: int | None, limit: int) -> Slice:
            wanted = next((one for one in STATES if one == state.value), None)
            found = await desk.run(Act.READ, lambda house: _find(house, search.value.strip(), wanted, after, limit))
            return Slice([_row(desk, one, found.counts.get(one.id, {})) for one in found.items], found.next, found.total)

        columns = [Column(name, texts(f"activities.{name}")) for name in ("name", "id", "state", "materials", "created")]
        table = Table(desk, texts("activities.all"), columns, fetch, none=texts("activities.none_found"))
        await table.load()
        refresh = Latest(table.load)
        search.on_change(refresh)
        state.on_change(refresh)


def _find(house: House, search: str, state: ActivityState | None, after: int | None, limit: int) -> _Found:
    admin = house.administration
    page = admin.activities.activities(None, search=search, state=state, after=after, limit=limit, newest=True)
    return _Found(page.items, page.total, page.next, admin.materials.counts([one.id for one in page.items]))


def _none_yet(desk: Desk) -> None:
    texts = desk.texts
    with (
        tag("section", classes="fm-card"),
        empty("campaign", texts("activities.none"), texts("activities.none_advice" if desk.may(Act.EDIT) else "activities.none_for_you")),
    ):
        if desk.may(Act.EDIT):
            tag("a", texts("activities.new"), "fm-button fm-primary", href=desk.url("/activities/new"))


def _row(desk: Desk, activity: Activity, counts: Mapping[MaterialStatus, int]) -> Row:
    address = desk.url(f"/activities/{activity.id}")
    cells: dict[str, Cell | str | int | float | None] = {
        "name": link_cell(activity.name, address),
        "id": id_cell(activity.id),
        "state": badge_cell(*activity_state(desk, activity)),
        "materials": _materials(desk, counts),
        "created": time_cell(activity.created_at),
    }
    return Row(activity.id, cells)


def _materials(desk: Desk, counts: Mapping[MaterialStatus, int]) -> str:
    """How many there are, and how many of them wait for somebody."""
    texts, total = desk.texts, sum(counts.values())
    waiting = sum(counts.get(status, 0) for status in GROUPS["waiting"] | GROUPS["appealed"])
    return texts("activities.count_waiting", count=f"{total:,}", waiting=f"{waiting:,}") if waiting else f"{total:,}"


PAGE = Page("activities", "/activities", Act.READ, build, icon="campaign", heading=False)
