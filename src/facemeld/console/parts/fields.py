"""Fields of forms: text, numbers, choices, switches, sliders; the page always knows what stands in them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from nicegui import ui
from nicegui.events import GenericEventArguments

Value = TypeVar("Value", str, int, bool)


class Field(ui.element, Generic[Value], component="field.js"):
    """See the module's first line; made by the functions below.

    Attributes:
        value: What stands in the field now, checked: a text is never longer, a number never outside its range.
    """

    def __init__(self, kind: str, label: str, value: Value, read: Callable[[Any], Value | None], **properties: Any) -> None:
        super().__init__()
        self.value: Value = value
        self._read: Callable[[Any], Value | None] = read
        self._changed: list[Callable[[], Awaitable[None]]] = []
        self._settled: list[Callable[[], Awaitable[None]]] = []
        self.props["kind"] = kind
        self.props["name"] = f"f{self.id}"
        self.props["label"] = label
        self.props["value"] = value
        self.props["shown"] = 0
        for name, one in properties.items():
            if one is not None:
                self.props[name] = one
        self.on("news", self._news)

    def show(self, value: Value) -> None:
        """Put something into the field."""
        self.value = value
        self.props["value"] = value
        self.props["shown"] = int(self.props["shown"]) + 1

    def complain(self, text: str = "") -> None:
        """Say what is wrong with the field; an empty text takes it back."""
        self.props["error"] = text

    def enable(self, on: bool = True) -> None:
        """Let the field be changed, or not."""
        self.props["disabled"] = not on

    def on_change(self, act: Callable[[], Awaitable[None]]) -> None:
        """Call something whenever the value has changed, also while a slider moves; ten times a second at most."""
        self._changed.append(act)

    def on_settle(self, act: Callable[[], Awaitable[None]]) -> None:
        """Call something when a change is complete: a slider was let go, a text was left, a choice was made."""
        self._settled.append(act)

    def on_enter(self, act: Callable[[], Awaitable[None]]) -> None:
        """Call something when Enter is pressed in a text; with Ctrl in one of several lines."""
        self.on("enter", lambda _: act(), args=[])

    def focus(self) -> None:
        """Put the cursor into the field."""
        self.run_method("focus")

    async def _news(self, event: GenericEventArguments) -> None:
        told = event.args if isinstance(event.args, dict) else {}
        value = self._read(told.get("value"))
        if value is None:
            return
        fresh, self.value = value != self.value, value
        # The browser has this value already, and perhaps a later one.
        with self.props.suspend_updates():
            self.props["value"] = value
        if self.props.get("error"):
            self.complain()
        for act in self._changed if fresh else ():
            await act()
        for act in self._settled if told.get("settled") else ():
            await act()


def text_field(
    label: str,
    value: str = "",
    *,
    longest: int,
    hint: str = "",
    placeholder: str = "",
    required: bool = False,
    rows: int = 1,
    kind: str = "text",
    suggestions: Sequence[str] = (),
) -> Field[str]:
    """A text of one line, or of several.

    Args:
        label: Its name.
        value: What stands in it at first.
        longest: Characters that it may have.
        hint: A line below.
        placeholder: What is shown while it is empty.
        required: Whether it must be filled in, for those who cannot see.
        rows: Lines that are shown.
        kind: Type of the input, such as ``search`` or ``password``.
        suggestions: What may be chosen instead of typing.
    """

    def read(given: Any) -> str | None:
        return given[:longest] if isinstance(given, str) else None

    return Field(
        kind if rows == 1 else "area",
        label,
        value,
        read,
        hint=hint,
        longest=longest,
        placeholder=placeholder or None,
        required=required or None,
        rows=rows,
        suggestions=list(suggestions),
    )


def slider(label: str, value: int, *, ends: tuple[str, str] | None = None, hint: str = "", least: int = 0, most: int = 100) -> Field[int]:
    """A number that is dragged.

    Args:
        label: Its name.
        value: Where it stands at first.
        ends: What its least and its greatest value mean.
        hint: A line below.
        least, most: Its range.
    """
    read = _whole(least, most)
    return Field("slider", label, value, read, ends=list(ends) if ends else None, hint=hint, least=least, most=most, step=1)


def switch(label: str, on: bool = False, *, hint: str = "") -> Field[bool]:
    """Something that is so or not."""
    return Field("switch", label, on, lambda given: given if isinstance(given, bool) else None, hint=hint)


def choice(label: str, value: str, options: Mapping[str, str], *, hint: str = "") -> Field[str]:
    """One of several.

    Args:
        label: Its name.
        value: What is chosen at first.
        options: What may be chosen, with its name.
        hint: A line below.
    """

    def read(given: Any) -> str | None:
        return given if isinstance(given, str) and given in options else None

    return Field("choice", label, value, read, options=[{"value": key, "text": text} for key, text in options.items()], hint=hint)


def _whole(least: int, most: int) -> Callable[[Any], int | None]:
    def read(given: Any) -> int | None:
        number = given if isinstance(given, int) and not isinstance(given, bool) else None
        return number if number is not None and least <= number <= most else None

    return read
