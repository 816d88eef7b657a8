"""Lists in pages: the server sends one page at a time, the browser draws it, on a phone as cards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from nicegui import ui
from nicegui.events import GenericEventArguments

from facemeld.console.desk import Desk
from facemeld.console.parts.pieces import Tone, iso

Cell: TypeAlias = dict[str, Any]
Position: TypeAlias = int | str


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        name: Key of its cells.
        label: Its heading.
        align: ``end`` for numbers.
    """

    name: str
    label: str
    align: Literal["start", "end"] = "start"


@dataclass(frozen=True, slots=True)
class Row:
    """A row.

    Attributes:
        key: Names it in events.
        cells: By column; made by the functions below; a plain text or number will do.
    """

    key: str
    cells: Mapping[str, Cell | str | int | float | None]


@dataclass(frozen=True, slots=True)
class Slice:
    """A page of a list.

    Attributes:
        rows: At most as many as the table asked for.
        next: Where the next page begins; None at the end.
        total: How many there are in all, if that is known.
    """

    rows: Sequence[Row]
    next: Position | None = None
    total: int | None = None


def id_cell(text: str, href: str | None = None) -> Cell:
    """An id with a button that copies it, and where it leads."""
    return {"kind": "id", "text": text, "href": href}


def link_cell(text: str, href: str) -> Cell:
    """A text that leads somewhere."""
    return {"kind": "link", "text": text, "href": href}


def time_cell(at: datetime | None) -> Cell:
    """A moment; a dash for None."""
    return {"kind": "time", "at": iso(at)} if at is not None else {"kind": "text", "text": "–"}


def badge_cell(text: str, tone: Tone = "neutral") -> Cell:
    """A word about a state."""
    return {"kind": "badge", "text": text, "tone": tone}


def picture_cell(source: str, text: str, href: str | None = None) -> Cell:
    """A small picture; ``text`` says what it shows."""
    return {"kind": "picture", "source": source, "text": text, "href": href}


def button_cell(*buttons: tuple[str, str]) -> Cell:
    """Buttons, each a name for ``Table.on_button`` and what it says."""
    return {"kind": "buttons", "buttons": [{"name": name, "text": text} for name, text in buttons]}


@dataclass(slots=True)
class _Place:
    before: list[Position | None] = field(default_factory=list)
    here: Position | None = None
    next: Position | None = None


class Table(ui.element, component="table.js"):
    """A list in pages; call ``await table.load()`` once after making it, and whenever the list may have changed.

    Args:
        desk: The page's desk.
        label: What the list holds, for those who cannot see it.
        columns: From the start of the line to its end.
        fetch: Reads a page: gets where it begins (None for the first) and how many rows it may have.
        none: What is said when the list is empty.
        size: Rows of a page.
    """

    def __init__(
        self,
        desk: Desk,
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
        self.props["label"] = label
        self.props["columns"] = [{"name": one.name, "label": one.label, "align": one.align} for one in columns]
        self.props["rows"] = []
        self.props["none"] = none
        self.props["words"] = desk.texts.group("table")
        self.props["lang"] = desk.texts.tag
        self.on("turn", self._turn)

    async def load(self) -> None:
        """Show the first page."""
        self._place = _Place()
        await self.reload()

    async def reload(self) -> None:
        """Show the same page as it is now."""
        page = await self._fetch(self._place.here, self._size)
        self._place.next = page.next
        self.props["rows"] = [{"key": row.key, "cells": {name: _cell(cell) for name, cell in row.cells.items()}} for row in page.rows]
        self.props["first"] = not self._place.before
        self.props["last"] = page.next is None
        self.props["start"] = len(self._place.before) * self._size
        self.props["total"] = page.total
        self.update()

    def on_button(self, act: Callable[[str, str], Awaitable[None]]) -> None:
        """Call something with the name of a button and the key of its row."""
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
