"""What opens above a page: a form, or something that is shown once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from nicegui import ui

from facemeld.console.desk import Desk
from facemeld.console.parts.pieces import button, tag


@contextmanager
def dialog(desk: Desk, title: str, *, wide: bool = False, lasting: bool = False) -> Iterator[ui.dialog]:
    """Open a dialog with what is drawn inside the block; it is removed when it is closed.

    Args:
        desk: The page's desk.
        title: Its heading.
        wide: Whether it may take more of the window.
        lasting: Whether only its own buttons close it, because what it shows is not shown again.
    """
    with desk.client.layout, ui.dialog() as made:
        made.props["aria-label"] = title
        if lasting:
            made.props["persistent"] = True
        with tag("div", classes="fm-dialog fm-wide-dialog" if wide else "fm-dialog"):
            tag("h2", title)
            yield made
    made.on("hide", made.delete)
    made.open()


def dialog_buttons(desk: Desk, opened: ui.dialog, text: str, act: Callable[[], Awaitable[None]]) -> None:
    """The last line of a dialog: a button that closes it, and the one that does what it is for."""

    async def close() -> None:
        opened.close()

    with tag("div", classes="fm-actions"):
        button(desk.texts("parts.cancel"), close)
        button(text, act, kind="primary")
