"""The server with one page more, on which every part of the console can be tried; ``python -m tests.console.showcase serve …``."""

from __future__ import annotations

from nicegui.elements.mixins.text_element import TextElement

from facemeld.cli.main import main
from facemeld.console import console
from facemeld.console.context import Context
from facemeld.console.files import Upload
from facemeld.console.parts.dialogs import Undoable, confirm, toast
from facemeld.console.parts.fields import DropZone, slider, text_field
from facemeld.console.parts.shell import Page
from facemeld.console.parts.tables import Column, Row, Series, Slice, Table, bars, button_cell, id_cell
from facemeld.console.parts.widgets import badge, button, empty, id_chip, moment, section, tag
from facemeld.materials.types import MaterialNotFound
from facemeld.users.signin import Act

ROWS = 60
LARGEST_FILE = 1 << 20


async def build(context: Context) -> None:
    """Draw one of each."""
    with section("Pieces"):
        id_chip(context, "at_123")
        moment(context, context.now())
        badge("well", "good")
        said = tag("p", "nothing", id="said")
        empty("inbox", "Nothing here", "Add something.")
        bars(context, "Two bars.", ["a", "b"], [Series("calls", [1, 2]), Series("errors", [0, 1], "bad")])
    await _table(context, said)
    with section("Acts"):
        _acts(context, said)
    with section("Fields"):
        _fields(said)
    with section("Files"):

        async def take(upload: Upload) -> str | None:
            if upload.data.startswith(b"bad"):
                raise MaterialNotFound("no such thing")
            said.text = f"{upload.name} {upload.kind} {len(upload.data)}"
            return "taken"

        zone = DropZone(context, take, label="Drop pictures here", max_bytes=LARGEST_FILE, many=True, accept="*/*")

        async def done() -> None:
            tag("p", "all sent", id="done")

        zone.on_done(done)


async def _table(context: Context, said: TextElement) -> None:
    async def fetch(after: int | None, limit: int) -> Slice:
        first = after or 0
        rows = [Row(str(number), {"id": id_cell(f"mt_{number}"), "act": button_cell(("tell", f"Tell {number}"))}) for number in range(ROWS)]
        return Slice(rows[first : first + limit], first + limit if first + limit < ROWS else None, ROWS)

    with section("Table"):
        table = Table(context, "Things", [Column("id", "Id"), Column("act", "Act")], fetch, none="Nothing")
        await table.load()

    async def tell(name: str, key: str) -> None:
        said.text = f"{name} {key}"

    table.on_button(tell)


def _acts(context: Context, said: TextElement) -> None:
    async def ask() -> None:
        said.text = f"answer {await confirm(context, 'Sure?', 'It will be gone.', 'Delete')}"

    async def check() -> None:
        await context.run(Act.EDIT, lambda cases: cases.administration.clock())
        toast(context, "allowed")

    async def fail() -> None:
        raise RuntimeError("a fault of the page")

    async def happen() -> None:
        said.text = "happened"

    async def undone() -> None:
        said.text = "undone"

    async def remove() -> None:
        Undoable(context, "Removed", happen, undone)

    for text, act in (("Ask", ask), ("Check", check), ("Fail", fail), ("Remove", remove)):
        button(text, act)


def _fields(said: TextElement) -> None:
    text, number = text_field("Text", longest=40), slider("Number", 50)

    async def complain() -> None:
        text.complain("not this one")

    async def clear() -> None:
        text.show("")

    async def read() -> None:
        said.text = f"{text.value} {number.value}"

    for name, act in (("Complain", complain), ("Clear", clear), ("Read", read)):
        button(name, act)


if __name__ == "__main__":
    console.PAGES = (*console.PAGES, Page("home", "/showcase", Act.READ, build))
    main()
