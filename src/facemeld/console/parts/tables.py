"""Paged lists of rows or cards, and charts with their numbers as a table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from nicegui import ui
from nicegui.events import GenericEventArguments

from facemeld.console.context import Context
from facemeld.console.parts.widgets import Tone, button, iso, tag

Cell: TypeAlias = dict[str, Any]
Position: TypeAlias = int | str


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; ``name`` is the key of its cells, ``label`` its heading, and numbers align at the ``end``."""

    name: str
    label: str
    align: Literal["start", "end"] = "start"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table.

    Attributes:
        key: Identifies the row in events.
        cells: Cells by column name: plain text, a number, or the result of a ``*_cell`` function.
    """

    key: str
    cells: Mapping[str, Cell | str | int | float | None]


@dataclass(frozen=True, slots=True)
class Slice:
    """A page of a table's rows.

    Attributes:
        rows: At most as many as the table asked for.
        next: Position of the next page; None at the end.
        total: Length of the whole list, or None if unknown.
    """

    rows: Sequence[Row]
    next: Position | None = None
    total: int | None = None


def id_cell(text: str, href: str | None = None) -> Cell:
    """Return an id with a button that copies it and, if ``href`` is given, a link."""
    return {"kind": "id", "text": text, "href": href}


def link_cell(text: str, href: str) -> Cell:
    """Return a link."""
    return {"kind": "link", "text": text, "href": href}


def time_cell(at: datetime | None) -> Cell:
    """Return a time; a dash for None."""
    return {"kind": "time", "at": iso(at)} if at is not None else {"kind": "text", "text": "–"}


def badge_cell(text: str, tone: Tone = "neutral") -> Cell:
    """Return a word for a state."""
    return {"kind": "badge", "text": text, "tone": tone}


def button_cell(*buttons: tuple[str, str]) -> Cell:
    """Return buttons, each given as the name that ``Table.on_button`` receives and its label."""
    return {"kind": "buttons", "buttons": [{"name": name, "text": text} for name, text in buttons]}


@dataclass(slots=True)
class _Place:
    before: list[Position | None] = field(default_factory=list)
    here: Position | None = None
    next: Position | None = None


class Table(ui.element, component="table.js"):
    """A paged table; call ``await table.load()`` after creating it and whenever the list may have changed.

    Args:
        context: The page's context.
        label: Name of the table for screen readers.
        columns: The columns in reading order.
        fetch: Reads a page, given its position (None for the first page) and the largest number of rows.
        none: The text for an empty list.
        size: Rows per page.
    """

    def __init__(
        self,
        context: Context,
        label: str,
        columns: Sequence[Column],
        fetch: Callable[[Any, int], Awaitable[Slice]],
        *,
        none: str,
        size: int = 25,
    ) -> None:
        super().__init__()
        self._fetch = fetch
        self._size = size
        self._place = _Place()
        described = [{"name": column.name, "label": column.label, "align": column.align} for column in columns]
        self.props.update(label=label, columns=described, rows=[], none=none, words=context.texts.group("table"), lang=context.texts.tag)
        self.on("turn", self._turn)

    async def load(self) -> None:
        """Show the first page."""
        self._place = _Place()
        await self.reload()

    async def reload(self) -> None:
        """Read the current page again."""
        page = await self._fetch(self._place.here, self._size)
        self._place.next = page.next
        self.props.update(
            rows=[{"key": row.key, "cells": {name: _cell(cell) for name, cell in row.cells.items()}} for row in page.rows],
            first=not self._place.before,
            last=page.next is None,
            start=len(self._place.before) * self._size,
            total=page.total,
        )

    def on_button(self, act: Callable[[str, str], Awaitable[None]]) -> None:
        """Call ``act`` with a button's name and its row's key whenever a button is pressed."""
        self.on("button", lambda event: act(str(event.args["name"]), str(event.args["key"])))

    async def _turn(self, event: GenericEventArguments) -> None:
        place = self._place
        if event.args == "next" and place.next is not None:
            place.before.append(place.here)
            place.here = place.next
        elif event.args == "previous" and place.before:
            place.here = place.before.pop()
        else:
            return
        await self.reload()


def _cell(cell: Cell | str | int | float | None) -> Cell:
    if isinstance(cell, dict):
        return cell
    return {"kind": "text", "text": "–" if cell is None or cell == "" else str(cell)}


Item = TypeVar("Item")

COUNTED = 10_000
"""The largest list length that is shown exactly; use cases count up to one more."""


def total_text(total: int) -> str:
    """Return the text for a length that was counted up to ``COUNTED + 1``."""
    return f"{total:,}" if total <= COUNTED else f"{COUNTED:,}+"


@dataclass(frozen=True, slots=True)
class Part(Generic[Item]):
    """A page of items; ``total`` is the list's length counted up to ``COUNTED + 1``, ``next`` is None at the end."""

    items: Sequence[Item]
    total: int
    next: int | None


class Paged(Generic[Item]):
    """A paged list that draws its own items, such as cards; call ``await paged.load()`` after creating it.

    Args:
        context: The page's context.
        fetch: Reads a page, given its position (None for the first page) and the largest number of items.
        draw: Draws the items of a page.
        size: Items per page.
    """

    def __init__(
        self, context: Context, fetch: Callable[[int | None, int], Awaitable[Part[Item]]], draw: Callable[[Part[Item]], None], *, size: int
    ) -> None:
        self._context = context
        self._fetch = fetch
        self._draw = draw
        self._size = size
        self._before: list[int | None] = []
        self._here: int | None = None
        self._area = tag("div", classes="fm-paged")

    async def load(self) -> None:
        """Show the first page."""
        self._before, self._here = [], None
        await self.reload()

    async def reload(self) -> None:
        """Read the current page again."""
        part = await self._fetch(self._here, self._size)
        self._area.clear()
        with self._area:
            self._draw(part)
            if self._before or part.next is not None:
                self._pager(part)

    def _pager(self, part: Part[Item]) -> None:
        texts, start = self._context.texts, len(self._before) * self._size

        async def forth() -> None:
            self._before.append(self._here)
            self._here = part.next
            await self.reload()

        async def back() -> None:
            self._here = self._before.pop()
            await self.reload()

        with tag("nav", classes="fm-pager", aria_label=texts("table.pages")):
            previous = button(texts("table.previous"), back).classes("fm-small")
            shown = {"from": f"{start + 1:,}", "to": f"{start + len(part.items):,}", "total": total_text(part.total)}
            tag("span", texts("table.range_of", **shown), "fm-hint", role="status")
            following = button(texts("table.next"), forth).classes("fm-small")
            previous.props["disabled"] = not self._before
            following.props["disabled"] = part.next is None


_COLOURS = {"good": "var(--fm-chart-1)", "bad": "var(--fm-chart-bad)", "info": "var(--fm-chart-2)", "warn": "var(--fm-chart-3)"}


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a chart with a value for each label; ``tone`` selects its colour."""

    name: str
    values: Sequence[float]
    tone: Tone = "good"


def bars(context: Context, summary: str, labels: Sequence[str], series: Sequence[Series]) -> None:
    """Draw a chart of stacked bars.

    Args:
        context: The page's context.
        summary: A sentence with the chart's main numbers; screen readers get it instead of the picture.
        labels: Labels below the bars.
        series: The series from the bottom up.
    """
    with tag("figure", classes="fm-chart"):
        with tag("div", role="img", aria_label=summary, classes="fm-chart-picture"):
            ui.echart(_options(labels, series), renderer="svg").classes("fm-chart-canvas").props("aria-hidden=true")
        tag("figcaption", summary, "fm-hint")
        with tag("details", classes="fm-chart-numbers"):
            tag("summary", context.texts("parts.numbers"))
            with tag("div", classes="fm-scroll", tabindex="0", role="region", aria_label=summary), tag("table", classes="fm-small-table"):
                with tag("thead"), tag("tr"):
                    tag("td")
                    for one in series:
                        tag("th", one.name, scope="col")
                with tag("tbody"):
                    for number, label in enumerate(labels):
                        with tag("tr"):
                            tag("th", label, scope="row")
                            for one in series:
                                tag("td", f"{one.values[number]:g}")


def _options(labels: Sequence[str], series: Sequence[Series]) -> dict[str, Any]:
    muted = "var(--fm-muted)"
    return {
        "animation": False,
        "textStyle": {"fontFamily": "inherit"},
        "grid": {"left": 4, "right": 4, "top": 12, "bottom": 0, "containLabel": True},
        "tooltip": {
            "trigger": "axis",
            "axisPointer": {"type": "shadow", "shadowStyle": {"color": "rgba(128,128,128,0.14)"}},
            "className": "fm-chart-tip",
            "confine": True,
        },
        "xAxis": {
            "type": "category",
            "data": list(labels),
            "axisTick": {"show": False},
            "axisLine": {"lineStyle": {"color": "var(--fm-line)"}},
            "axisLabel": {"color": muted, "hideOverlap": True},
        },
        "yAxis": {
            "type": "value",
            "minInterval": 1,
            "splitNumber": 3,
            "axisLabel": {"color": muted},
            "splitLine": {"lineStyle": {"color": "var(--fm-line)"}},
        },
        "series": [
            {
                "name": one.name,
                "type": "bar",
                "stack": "all",
                "barMaxWidth": 28,
                "barCategoryGap": "28%",
                "data": list(one.values),
                "itemStyle": {"color": _COLOURS.get(one.tone, muted), "borderRadius": 2},
                "emphasis": {"disabled": True},
            }
            for one in series
        ],
    }
