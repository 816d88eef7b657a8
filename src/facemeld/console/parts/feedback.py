"""What a page says back: messages, questions before something grave, and time to change one's mind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

from nicegui import background_tasks, ui

from facemeld.console.desk import Desk
from facemeld.console.parts.pieces import button, tag
from facemeld.services.errors import FacemeldError, TokenInvalid

UNDO_SECONDS = 8.0


def toast(desk: Desk, text: str, kind: Literal["positive", "negative", "warning", "info"] = "positive") -> None:
    """A message at the edge of the page that goes away by itself; screen readers say it."""
    close = [{"icon": "close", "color": "white", "round": True, "aria-label": desk.texts("parts.close")}]
    # The button that was pressed may be gone by now, and the message with it, if it were drawn there.
    with desk.client.layout:
        ui.notify(text, type=kind, position="bottom", timeout=8000 if kind == "negative" else 4000, actions=close)


def tell_failure(desk: Desk, error: Exception) -> None:
    """Say what a use case refused; whoever has no session any more is sent to the sign-in page."""
    if isinstance(error, TokenInvalid):
        desk.go(desk.url("/sign-in"))
        return
    toast(desk, desk.texts.failure(error) if isinstance(error, FacemeldError) else desk.texts("errors.unexpected"), "negative")


async def confirm(desk: Desk, title: str, text: str, action: str, *, danger: bool = True) -> bool:
    """Ask before something that cannot be undone; whether the answer was yes.

    Args:
        desk: The page's desk.
        title: The question.
        text: What will happen.
        action: What the button says, such as ``Delete``; never ``OK``.
        danger: Whether the button warns.
    """
    with desk.client.layout, ui.dialog() as dialog, tag("div", classes="fm-dialog"):
        dialog.props["aria-label"] = title
        tag("h2", title)
        tag("p", text)
        with tag("div", classes="fm-actions"):

            async def answer(value: bool) -> None:
                dialog.submit(value)

            button(desk.texts("parts.cancel"), lambda: answer(False))
            button(action, lambda: answer(True), kind="danger" if danger else "primary")
    try:
        return bool(await dialog)
    finally:
        dialog.delete()


class Undoable:
    """Something that happens in a few seconds unless the user takes it back; it happens at once when the page is left.

    Args:
        desk: The page's desk.
        text: What will have happened, such as ``Picture deleted``.
        act: Does it.
        undone: Called when it was taken back, to draw the page as it was.
    """

    def __init__(self, desk: Desk, text: str, act: Callable[[], Awaitable[None]], undone: Callable[[], Awaitable[None]]) -> None:
        self._desk = desk
        self._act = act
        self._undone = undone
        self._pending = True
        with desk.client.layout:
            self._bar = tag("div", classes="fm-undo", role="status")
            with self._bar:
                tag("span", text)
                button(desk.texts("parts.undo"), self._undo, kind="quiet")
                self._timer = ui.timer(UNDO_SECONDS, self._happen, once=True)
        desk.client.on_delete(self._leave)

    async def _undo(self) -> None:
        if self._pending:
            self._pending = False
            self._timer.cancel()
            self._bar.delete()
            await self._undone()

    async def _happen(self) -> None:
        if self._pending:
            self._pending = False
            self._bar.set_visibility(False)
            await self._act()

    def _leave(self) -> None:
        if self._pending:
            self._pending = False
            background_tasks.create(self._act(), name="what could have been undone")
