"""Basic elements of a page: headings, buttons, badges, facts, numbers, and texts under tabs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from facemeld.console.context import Context

Tone: TypeAlias = Literal["neutral", "good", "warn", "bad", "info"]
"""The meaning of a colour; the text must say the same."""

Attribute: TypeAlias = str | int | bool | None
Handler: TypeAlias = Callable[[], Awaitable[None]]


def tag(name: str, /, text: str = "", classes: str = "", **attributes: Attribute) -> TextElement:
    """Draw an HTML element and return it, a context for its children.

    Args:
        name: The tag name.
        text: The text, which is escaped.
        classes: The CSS classes.
        attributes: Attributes; ``_`` stands for ``-``, a final ``_`` is dropped, and an attribute that is None is left out.
    """
    element = TextElement(tag=name, text=text)
    if classes:
        element.classes(classes)
    for attribute, value in attributes.items():
        if value is not None:
            element.props[attribute.rstrip("_").replace("_", "-")] = value
    return element


def icon(name: str) -> TextElement:
    """Draw a Material icon, hidden from screen readers; the text beside it must say the same."""
    return tag("span", name, "material-icons fm-icon", aria_hidden="true")


def section(title: str, *, wide: bool = False) -> TextElement:
    """Draw a card with a heading and return it, a context for its content."""
    part = tag("section", classes="fm-card fm-wide" if wide else "fm-card")
    with part:
        tag("h2", title)
    return part


def link(text: str, address: str, classes: str = "fm-link") -> TextElement:
    """Draw a link; ``address`` comes from ``Context.url``."""
    return tag("a", text, classes, href=address)


def button(text: str, act: Handler, *, kind: Literal["", "primary", "danger", "quiet"] = "", symbol: str = "") -> TextElement:
    """Draw a button; an error that ``act`` raises becomes a message. ``symbol`` is a Material icon before the text."""
    made = tag("button", "", f"fm-button fm-{kind}" if kind else "fm-button", type="button")
    with made:
        if symbol:
            icon(symbol)
        tag("span", text)
    made.on("click", lambda _: act(), args=[])
    return made


def id_chip(context: Context, text: str) -> TextElement:
    """Draw an id with a button that copies it."""
    return tag("fm-id", "", value=text, copy=context.texts("parts.copy"), copied=context.texts("parts.copied"))


def moment(context: Context, at: datetime) -> TextElement:
    """Draw a time in the browser's time zone and how long ago it was."""
    return tag("fm-time", "", at=iso(at), lang=context.texts.tag)


def badge(text: str, tone: Tone = "neutral") -> TextElement:
    """Draw a word for a state."""
    return tag("span", text, f"fm-badge fm-{tone}")


def path_links(context: Context, *pages: tuple[str, str]) -> None:
    """Draw links to the pages above this one, given as names and paths."""
    with tag("nav", classes="fm-path", aria_label=context.texts("parts.path")):
        for name, path in pages:
            link(name, context.url(path))


def fact(name: str, value: str = "", classes: str = "") -> TextElement:
    """Draw a name and its value in a ``dl`` list; return the value's element, a context for more elements."""
    tag("dt", name)
    return tag("dd", value, classes)


def figure(label: str, value: str, note: str = "", tone: Tone = "neutral") -> None:
    """Draw a number with its label, inside ``figures()``."""
    with tag("div", classes=f"fm-figure fm-{tone}"):
        tag("dt", label)
        tag("dd", value)
        if note:
            tag("dd", note, "fm-hint")


def figures() -> TextElement:
    """Draw a row of numbers; use it as a context."""
    return tag("dl", classes="fm-figures")


def empty(symbol: str, title: str, advice: str) -> TextElement:
    """Draw a placeholder for an empty list with advice; use it as a context for links and buttons."""
    area = tag("div", classes="fm-empty")
    with area:
        icon(symbol)
        tag("p", title, "fm-empty-title")
        tag("p", advice, "fm-hint")
    return area


def iso(at: datetime) -> str:
    """Return a time in the ISO form that browsers read, in UTC."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def size_text(size: int) -> str:
    """Return a number of bytes in a readable unit."""
    amount, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"


def duration_text(milliseconds: float | None) -> str:
    """Return a duration in a readable unit; a dash for None."""
    if milliseconds is None:
        return "–"
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


class Compare(ui.element, component="compare.js"):
    """Two pictures of the same size with a slider between them; ``ratio`` is width over height."""

    def __init__(self, context: Context, before: str, after: str, ratio: float) -> None:
        super().__init__()
        self.props.update(before=before, after=after, ratio=ratio, words=context.texts.group("compare"))


class CodeTabs(ui.element, component="codetabs.js"):
    """Texts under tabs, each with a button that copies it; ``label`` names the group for screen readers."""

    def __init__(self, context: Context, label: str) -> None:
        super().__init__()
        self.props.update(label=label, words={name: context.texts(f"parts.{name}") for name in ("copy", "copied")}, tabs=[])

    def show(self, texts: Mapping[str, str]) -> None:
        """Show texts by their headings, replacing the ones shown before."""
        self.props["tabs"] = [{"name": f"t{number}", "title": title, "text": text} for number, (title, text) in enumerate(texts.items())]
