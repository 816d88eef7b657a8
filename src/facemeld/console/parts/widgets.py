"""Elements that pages are made of: headings, buttons, badges, dialogs, messages, secrets shown once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from nicegui import background_tasks, ui
from nicegui.elements.mixins.text_element import TextElement

from facemeld.console.context import Context
from facemeld.errors import FacemeldError
from facemeld.users.types import TokenInvalid

Tone: TypeAlias = Literal["neutral", "good", "warn", "bad", "info"]
"""What a colour means; the text must say the same."""

Attribute: TypeAlias = str | int | bool | None


def tag(name: str, /, text: str = "", classes: str = "", **attributes: Attribute) -> TextElement:
    """An element of HTML; use it as a context to put others into it.

    Args:
        name: Its tag.
        text: Its text, shown as it is.
        classes: Its classes.
        attributes: Attributes, with ``_`` for ``-`` and a ``_`` at the end of names that Python reserves; None leaves one away.
    """
    element = TextElement(tag=name, text=text)
    if classes:
        element.classes(classes)
    for attribute, value in attributes.items():
        if value is not None:
            element.props[attribute.rstrip("_").replace("_", "-")] = value
    return element


def icon(name: str) -> TextElement:
    """A Material icon that says nothing that the text beside it does not say."""
    return tag("span", name, "material-icons fm-icon", aria_hidden="true")


def section(title: str, *, wide: bool = False) -> TextElement:
    """A part of a page under a heading; use it as a context."""
    part = tag("section", classes="fm-card fm-wide" if wide else "fm-card")
    with part:
        tag("h2", title)
    return part


def link(text: str, address: str, classes: str = "fm-link") -> TextElement:
    """A link; ``address`` comes from ``Context.url``."""
    return tag("a", text, classes, href=address)


def button(
    text: str,
    act: Callable[[], Awaitable[None]],
    *,
    kind: Literal["", "primary", "danger", "quiet"] = "",
    symbol: str = "",
) -> TextElement:
    """A button.

    Args:
        text: What it says.
        act: What it does; errors of use cases become a message.
        kind: How much it stands out.
        symbol: A Material icon before the text.
    """
    made = tag("button", "", f"fm-button fm-{kind}" if kind else "fm-button", type="button")
    with made:
        if symbol:
            icon(symbol)
        tag("span", text)
    made.on("click", lambda _: act(), args=[])
    return made


def id_chip(context: Context, text: str) -> TextElement:
    """An id with a button that copies it."""
    return tag("fm-id", "", value=text, copy=context.texts("parts.copy"), copied=context.texts("parts.copied"))


def moment(context: Context, at: datetime) -> TextElement:
    """A moment in the browser's time zone with how long ago it was."""
    return tag("fm-time", "", at=iso(at), lang=context.texts.tag)


def badge(text: str, tone: Tone = "neutral") -> TextElement:
    """A word about a state."""
    return tag("span", text, f"fm-badge fm-{tone}")


def figure(label: str, value: str, note: str = "", tone: Tone = "neutral") -> None:
    """One number of a row of numbers, inside ``figures()``."""
    with tag("div", classes=f"fm-figure fm-{tone}"):
        tag("dt", label)
        tag("dd", value)
        if note:
            tag("dd", note, "fm-hint")


def figures() -> TextElement:
    """A row of numbers; use it as a context."""
    return tag("dl", classes="fm-figures")


def empty(symbol: str, title: str, advice: str) -> TextElement:
    """What stands where nothing is yet: it says what to do next; use it as a context for links and buttons."""
    area = tag("div", classes="fm-empty")
    with area:
        icon(symbol)
        tag("p", title, "fm-empty-title")
        tag("p", advice, "fm-hint")
    return area


def iso(at: datetime) -> str:
    """A moment as browsers read it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def size_text(size: int) -> str:
    """A number of bytes for people."""
    amount, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"


def duration_text(milliseconds: float | None) -> str:
    """A duration for people; a dash for none."""
    if milliseconds is None:
        return "–"
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


@contextmanager
def dialog(context: Context, title: str, *, wide: bool = False, lasting: bool = False) -> Iterator[ui.dialog]:
    """Open a dialog with what is drawn inside the block; it is removed when it is closed.

    Args:
        context: The page's context.
        title: Its heading.
        wide: Whether it may take more of the window.
        lasting: Whether only its own buttons close it, because what it shows is not shown again.
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


def dialog_buttons(context: Context, opened: ui.dialog, text: str, act: Callable[[], Awaitable[None]]) -> None:
    """The last line of a dialog: a button that closes it, and the one that does what it is for."""

    async def close() -> None:
        opened.close()

    with tag("div", classes="fm-actions"):
        button(context.texts("parts.cancel"), close)
        button(text, act, kind="primary")


UNDO_SECONDS = 8.0


def toast(context: Context, text: str, kind: Literal["positive", "negative", "warning", "info"] = "positive") -> None:
    """A message at the edge of the page that goes away by itself; screen readers say it."""
    close = [{"icon": "close", "color": "white", "round": True, "aria-label": context.texts("parts.close")}]
    # The button that was pressed may be gone by now, and the message with it, if it were drawn there.
    with context.client.layout:
        ui.notify(text, type=kind, position="bottom", timeout=8000 if kind == "negative" else 4000, actions=close)


def tell_failure(context: Context, error: Exception) -> None:
    """Say what a use case refused; whoever has no session any more is sent to the sign-in page."""
    if isinstance(error, TokenInvalid):
        context.go(context.url("/sign-in"))
        return
    toast(context, context.texts.failure(error) if isinstance(error, FacemeldError) else context.texts("errors.unexpected"), "negative")


async def confirm(context: Context, title: str, text: str, action: str, *, danger: bool = True) -> bool:
    """Ask before something that cannot be undone; whether the answer was yes.

    Args:
        context: The page's context.
        title: The question.
        text: What will happen.
        action: What the button says, such as ``Delete``; never ``OK``.
        danger: Whether the button warns.
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
    """Something that happens in a few seconds unless the user takes it back; it happens at once when the page is left.

    Args:
        context: The page's context.
        text: What will have happened, such as ``Picture deleted``.
        act: Does it.
        undone: Called when it was taken back, to draw the page as it was.
    """

    def __init__(self, context: Context, text: str, act: Callable[[], Awaitable[None]], undone: Callable[[], Awaitable[None]]) -> None:
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
            background_tasks.create(self._act(), name="what could have been undone")


def show_once(context: Context, title: str, values: Mapping[str, str]) -> None:
    """Show secrets until the user says that they are kept elsewhere.

    Args:
        context: The page's context.
        title: What was made.
        values: By what they are called.
    """
    with dialog(context, title, wide=True, lasting=True) as opened:
        with tag("p", "", "fm-note fm-warn"):
            icon("visibility_off")
            tag("span", context.texts("parts.shown_once"))
        with tag("dl", classes="fm-facts"):
            for name, value in values.items():
                tag("dt", name)
                with tag("dd"):
                    id_chip(context, value)
        with tag("div", classes="fm-actions"):

            async def close() -> None:
                # What the browser is not shown any more, it does not keep either.
                opened.close()

            button(context.texts("parts.kept"), close, kind="primary")


class Compare(ui.element, component="compare.js"):
    """See the module's first line.

    Args:
        context: The page's context.
        before, after: Addresses of two pictures of the same size.
        ratio: Their width over their height.
    """

    def __init__(self, context: Context, before: str, after: str, ratio: float) -> None:
        super().__init__()
        self.props["before"] = before
        self.props["after"] = after
        self.props["ratio"] = ratio
        self.props["words"] = context.texts.group("compare")


class CodeTabs(ui.element, component="codetabs.js"):
    """See the module's first line.

    Args:
        context: The page's context.
        label: What the texts have in common, for those who cannot see them.
    """

    def __init__(self, context: Context, label: str) -> None:
        super().__init__()
        self.props["label"] = label
        self.props["words"] = {name: context.texts(f"parts.{name}") for name in ("copy", "copied")}
        self.props["tabs"] = []

    def show(self, texts: Mapping[str, str]) -> None:
        """Show texts by their headings."""
        self.props["tabs"] = [{"name": f"t{number}", "title": title, "text": text} for number, (title, text) in enumerate(texts.items())]
