"""Small pieces that pages are made of: elements, headings, buttons, ids, moments, badges, figures, empty states."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from nicegui.elements.mixins.text_element import TextElement

from facemeld.console.desk import Desk

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
    """A link; ``address`` comes from ``Desk.url``."""
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


def id_chip(desk: Desk, text: str) -> TextElement:
    """An id with a button that copies it."""
    return tag("fm-id", "", value=text, copy=desk.texts("parts.copy"), copied=desk.texts("parts.copied"))


def moment(desk: Desk, at: datetime) -> TextElement:
    """A moment in the browser's time zone with how long ago it was."""
    return tag("fm-time", "", at=iso(at), lang=desk.texts.tag)


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
