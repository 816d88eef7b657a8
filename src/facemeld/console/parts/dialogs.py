"""Dialogs and messages: questions, secrets shown once, and acts that can be undone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

from nicegui import background_tasks, ui

from facemeld.console.context import Context
from facemeld.console.parts.widgets import Handler, button, fact, icon, id_chip, tag
from facemeld.errors import FacemeldError
from facemeld.users.types import TokenInvalid

UNDO_SECONDS = 8.0


@contextmanager
def dialog(context: Context, title: str, *, wide: bool = False, lasting: bool = False) -> Iterator[ui.dialog]:
    """Open a dialog whose content is drawn inside the block; closing removes it.

    A ``lasting`` dialog closes only with its own buttons, because its content is shown once.
    """
    with context.client.layout, ui.dialog() as made:
        made.props["aria-label"] = title
        if lasting:
            made.props["persistent"] = True
        with tag("div", classes="fm-dialog fm-wide-dialog" if wide else "fm-dialog"):
            tag("h2", title)
            yield made
    made.on("hide", made.delete)
    made.open()


def dialog_buttons(context: Context, opened: ui.dialog, text: str = "", act: Handler | None = None) -> None:
    """Draw a dialog's last line: a button that cancels and, unless ``act`` is None, the main button."""
    with tag("div", classes="fm-actions"):
        close_button(opened, context.texts("parts.cancel"), kind="")
        if act is not None:
            button(text, act, kind="primary")


def close_button(opened: ui.dialog, text: str, *, kind: Literal["", "primary"] = "primary") -> None:
    """Draw a button that closes a dialog."""

    async def close() -> None:
        opened.close()

    button(text, close, kind=kind)


def toast(context: Context, text: str, kind: Literal["positive", "negative", "warning", "info"] = "positive") -> None:
    """Show a message at the edge of the page for some seconds; screen readers announce it."""
    close = [{"icon": "close", "color": "white", "round": True, "aria-label": context.texts("parts.close")}]
    # Drawn in the layout, because the pressed button may be gone by now and would take the message with it.
    with context.client.layout:
        ui.notify(text, type=kind, position="bottom", timeout=8000 if kind == "negative" else 4000, actions=close)


def tell_failure(context: Context, error: Exception) -> None:
    """Show the error of a use case as a message; if the session has ended, go to the sign-in page."""
    if isinstance(error, TokenInvalid):
        context.go(context.url("/sign-in"))
        return
    toast(context, context.texts.failure(error) if isinstance(error, FacemeldError) else context.texts("errors.unexpected"), "negative")


async def confirm(context: Context, title: str, text: str, action: str, *, danger: bool = True) -> bool:
    """Ask before an act that cannot be undone and return whether the user agreed.

    Args:
        context: The page's context.
        title: The question.
        text: The effect of the act.
        action: Label of the button, such as ``Delete``; never ``OK``.
        danger: Whether the button has the colour of a warning.
    """
    with context.client.layout, ui.dialog() as dialog, tag("div", classes="fm-dialog"):
        dialog.props["aria-label"] = title
        tag("h2", title)
        tag("p", text)
        with tag("div", classes="fm-actions"):

            async def answer(value: bool) -> None:
                dialog.submit(value)

            button(context.texts("parts.cancel"), lambda: answer(False))
            button(action, lambda: answer(True), kind="danger" if danger else "primary")
    try:
        return bool(await dialog)
    finally:
        dialog.delete()


class Undoable:
    """An act that runs after ``UNDO_SECONDS`` unless the user undoes it; leaving the page runs it at once.

    Args:
        context: The page's context.
        text: The message, such as ``Picture deleted``.
        act: Performs the act.
        undone: Called after the user has undone it, to restore the page.
    """

    def __init__(self, context: Context, text: str, act: Handler, undone: Handler) -> None:
        self._context = context
        self._act = act
        self._undone = undone
        self._pending = True
        with context.client.layout:
            self._bar = tag("div", classes="fm-undo", role="status")
            with self._bar:
                tag("span", text)
                button(context.texts("parts.undo"), self._undo, kind="quiet")
                self._timer = ui.timer(UNDO_SECONDS, self._happen, once=True)
        context.client.on_delete(self._leave)

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
            background_tasks.create(self._act(), name="undoable act")


def show_once(context: Context, title: str, values: Mapping[str, str]) -> None:
    """Show secrets by name until the user confirms having stored them; closing removes them from the page."""
    with dialog(context, title, wide=True, lasting=True) as opened:
        with tag("p", "", "fm-note fm-warn"):
            icon("visibility_off")
            tag("span", context.texts("parts.shown_once"))
        with tag("dl", classes="fm-facts"):
            for name, value in values.items():
                with fact(name):
                    id_chip(context, value)
        with tag("div", classes="fm-actions"):
            close_button(opened, context.texts("parts.kept"))
