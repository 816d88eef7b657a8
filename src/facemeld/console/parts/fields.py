"""Form fields (text, numbers, choices, sliders, times, uploads, the camera) and keyboard shortcuts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from nicegui import ui
from nicegui.events import GenericEventArguments

from facemeld.console.context import Context
from facemeld.console.files import Receiver, Upload

Value = TypeVar("Value", str, int, bool)


class Field(ui.element, Generic[Value], component="field.js"):
    """A form field, created by the functions below.

    Attributes:
        value: The current value, always within the field's limits; values from the browser outside them are ignored or cut.
    """

    def __init__(self, kind: str, label: str, value: Value, read: Callable[[Any], Value | None], **properties: Any) -> None:
        super().__init__()
        self.value: Value = value
        self._read: Callable[[Any], Value | None] = read
        self._changed: list[Callable[[], Awaitable[None]]] = []
        self._settled: list[Callable[[], Awaitable[None]]] = []
        self.props.update(kind=kind, name=f"f{self.id}", label=label, value=value, shown=0)
        self.props.update({name: given for name, given in properties.items() if given is not None})
        self.on("news", self._news)

    def show(self, value: Value) -> None:
        """Set the value and show it in the browser."""
        self.value = value
        self.props["value"] = value
        self.props["shown"] = int(self.props["shown"]) + 1

    def complain(self, text: str = "") -> None:
        """Show an error at the field; an empty text clears it."""
        self.props["error"] = text

    def enable(self, on: bool = True) -> None:
        """Enable or disable the field."""
        self.props["disabled"] = not on

    def on_change(self, act: Callable[[], Awaitable[None]]) -> None:
        """Call ``act`` whenever the value changes; while a slider moves, at most ten times a second."""
        self._changed.append(act)

    def on_settle(self, act: Callable[[], Awaitable[None]]) -> None:
        """Call ``act`` when a change is complete: a slider is released, a text loses the focus, or a choice is made."""
        self._settled.append(act)

    def on_enter(self, act: Callable[[], Awaitable[None]]) -> None:
        """Call ``act`` when Enter is pressed in a text, or Ctrl+Enter in a text of several lines."""
        self.on("enter", lambda _: act(), args=[])

    def focus(self) -> None:
        """Move the keyboard focus to the field."""
        self.run_method("focus")

    async def _news(self, event: GenericEventArguments) -> None:
        told = event.args if isinstance(event.args, dict) else {}
        value = self._read(told.get("value"))
        if value is None:
            return
        fresh, self.value = value != self.value, value
        # Not sent back: the browser has this value already, or a newer one.
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
    """Draw a text field.

    Args:
        label: The field's name.
        value: The initial text.
        longest: The largest number of characters; the rest is cut off.
        hint: A line below the field.
        placeholder: The text shown while the field is empty.
        required: Whether screen readers announce the field as required; callers must check the value.
        rows: Visible lines; more than one makes a text area.
        kind: The input's type, such as ``search`` or ``password``.
        suggestions: Values to choose from instead of typing.
    """

    def read(given: Any) -> str | None:
        return given[:longest] if isinstance(given, str) else None

    shown = {"hint": hint, "longest": longest, "placeholder": placeholder or None, "required": required or None, "rows": rows}
    return Field(kind if rows == 1 else "area", label, value, read, suggestions=list(suggestions), **shown)


def slider(label: str, value: int, *, ends: tuple[str, str] | None = None, hint: str = "", least: int = 0, most: int = 100) -> Field[int]:
    """Draw a slider for whole numbers from ``least`` to ``most``; ``ends`` are the labels of the two ends."""

    def read(given: Any) -> int | None:
        return given if isinstance(given, int) and not isinstance(given, bool) and least <= given <= most else None

    return Field("slider", label, value, read, ends=list(ends) if ends else None, hint=hint, least=least, most=most, step=1)


def switch(label: str, on: bool = False, *, hint: str = "") -> Field[bool]:
    """Draw a switch."""
    return Field("switch", label, on, lambda given: given if isinstance(given, bool) else None, hint=hint)


def choice(label: str, value: str, options: Mapping[str, str], *, hint: str = "") -> Field[str]:
    """Draw a choice among ``options``, which maps values to their labels."""

    def read(given: Any) -> str | None:
        return given if isinstance(given, str) and given in options else None

    return Field("choice", label, value, read, options=[{"value": key, "text": text} for key, text in options.items()], hint=hint)


def moment_field(label: str, value: str = "", *, hint: str = "") -> Field[str]:
    """Draw a field for a date and time; ``read_moment`` converts its value."""
    return text_field(label, value, longest=32, kind="datetime-local", hint=hint)


def read_moment(context: Context, text: str) -> datetime | None:
    """Return the time of a ``moment_field`` in UTC; None if it is empty or wrong."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=context.zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


class Letters(ui.element, component="letters.js"):
    """Keyboard shortcuts of a page; ignored in fields, in dialogs, and with Ctrl, Alt or Meta.

    ``act`` gets a letter and the subject that the page showed when it was pressed, because the server may have changed the subject since.

    Args:
        letters: The letters to listen to, in lower case.
        act: Called with the letter and the subject.
    """

    def __init__(self, letters: Sequence[str], act: Callable[[str, str], Awaitable[None]]) -> None:
        super().__init__()
        self._letters = frozenset(letters)
        self._act = act
        self.props.update(letters=list(letters), subject="", active=True)
        self.on("letter", self._told)

    @property
    def active(self) -> bool:
        """Whether the shortcuts work."""
        return bool(self.props["active"])

    @active.setter
    def active(self, on: bool) -> None:
        self.props["active"] = on

    def be_about(self, subject: str) -> None:
        """Set the subject that the page shows and forget all ``lead`` calls."""
        self.props["subject"] = subject
        self.props["into"] = {}

    def lead(self, letter: str, field: Field[str]) -> None:
        """Let a letter move the focus to a field while the field is empty."""
        self.props["into"] = {**self.props.get("into", {}), letter: field.props["name"]}

    async def _told(self, event: GenericEventArguments) -> None:
        told = event.args if isinstance(event.args, dict) else {}
        letter, subject = told.get("letter"), told.get("subject")
        if self.active and letter in self._letters and isinstance(subject, str):
            await self._act(str(letter), subject)


class Latest:
    """Runs ``work`` on each call, but never twice at a time: any number of calls during a run lead to a single run after it.

    ``work`` must read the user's current input itself.
    """

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._busy = False
        self._again = False

    async def __call__(self) -> None:
        """Run the work, or let the present run repeat it."""
        if self._busy:
            self._again = True
            return
        self._busy = True
        try:
            while True:
                self._again = False
                await self._work()
                if not self._again:
                    return
        finally:
            self._busy = False


class DropZone(ui.element, component="dropzone.js"):
    """An area that takes dropped or chosen files.

    Args:
        context: The page's context.
        on_file: Called for each file, possibly concurrently; may draw. Its result or the error of a use case is shown at the file.
        label: The main text.
        hint: A smaller line below it.
        max_bytes: Size of the largest file.
        many: Whether several files may be dropped at once.
        accept: Media types for the file chooser; ``on_file`` must check the content.
        listed: Whether to list the files with their progress.
        lanes: Number of concurrent uploads.
    """

    def __init__(
        self,
        context: Context,
        on_file: Receiver,
        *,
        label: str,
        hint: str = "",
        max_bytes: int,
        many: bool = False,
        accept: str = "image/jpeg,image/png",
        listed: bool = True,
        lanes: int = 2,
    ) -> None:
        super().__init__()
        url = _upload_address(self, context, on_file, max_bytes)
        self.props.update(url=url, label=label, hint=hint, maxBytes=max_bytes, many=many, accept=accept)
        self.props.update(listed=listed, lanes=lanes, words=context.texts.group("dropzone"))

    def on_done(self, done: Callable[[], Awaitable[None]]) -> None:
        """Call ``done`` whenever all files of a drop have been sent."""
        self.on("done", lambda _: done(), args=[])


class Camera(ui.element, component="camera.js"):
    """A camera that takes a photo of at most ``max_bytes``; ``on_file`` gets it as from a ``DropZone``."""

    def __init__(self, context: Context, on_file: Receiver, *, max_bytes: int) -> None:
        super().__init__()
        self.props.update(url=_upload_address(self, context, on_file, max_bytes), words=context.texts.group("camera"))


def _upload_address(element: ui.element, context: Context, on_file: Receiver, max_bytes: int) -> str:
    """Accept uploads until the page is closed and return their address; ``on_file`` draws inside ``element``."""

    async def receive(upload: Upload) -> str | None:
        with element:
            return await on_file(upload)

    ticket = context.cases.uploads.open(context.principal, max_bytes, receive)
    context.client.on_delete(lambda: context.cases.uploads.close(ticket))
    return context.url(f"/uploads/{ticket}")
