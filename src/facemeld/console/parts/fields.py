"""Fields of forms: text, numbers, choices, sliders, times, uploads, the camera; and keyboard shortcuts."""

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


_FORM = "%Y-%m-%dT%H:%M"


def moment_field(label: str, value: str = "", *, hint: str = "") -> Field[str]:
    """A moment to be typed or chosen; ``read_moment`` reads its value."""
    return text_field(label, value, longest=32, kind="datetime-local", hint=hint)


def read_moment(context: Context, text: str) -> datetime | None:
    """The moment of a field, in UTC; None for none."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=context.zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def write_moment(context: Context, at: datetime) -> str:
    """What a field shows for a moment."""
    return at.astimezone(context.zone).strftime(_FORM)


class Letters(ui.element, component="letters.js"):
    """Listens to a page's keyboard; keys are left alone in fields, in dialogs, and with Ctrl, Alt or Meta.

    A letter comes with what the page showed when it was pressed, because the server may have changed that in the meantime.

    Args:
        letters: What to listen to, in lower case.
        act: Gets the letter and the subject.
    """

    def __init__(self, letters: Sequence[str], act: Callable[[str, str], Awaitable[None]]) -> None:
        super().__init__()
        self._letters = frozenset(letters)
        self._act = act
        self.props["letters"] = list(letters)
        self.props["subject"] = ""
        self.props["active"] = True
        self.on("letter", self._told)

    @property
    def active(self) -> bool:
        """Whether letters do something."""
        return bool(self.props["active"])

    @active.setter
    def active(self, on: bool) -> None:
        self.props["active"] = on

    def be_about(self, subject: str) -> None:
        """Say what the page shows from now on; no letter leads anywhere any more."""
        self.props["subject"] = subject
        self.props["into"] = {}

    def lead(self, letter: str, field: Field[str]) -> None:
        """Let a letter put the cursor into a field as long as nothing stands in it."""
        self.props["into"] = {**self.props.get("into", {}), letter: field.props["name"]}

    async def _told(self, event: GenericEventArguments) -> None:
        told = event.args if isinstance(event.args, dict) else {}
        letter, subject = told.get("letter"), told.get("subject")
        if self.active and letter in self._letters and isinstance(subject, str):
            await self._act(str(letter), subject)


class Latest:
    """Calls that come while the work is under way lead to one more turn after it, however many they are.

    Args:
        work: Reads for itself what the user wants now.
    """

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._busy = False
        self._again = False

    async def __call__(self) -> None:
        """Do the work, or have it done once more by who is at it."""
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
    """See the module's first line.

    Args:
        context: The page's context.
        on_file: Called for each file, for several at the same time; may draw. An error of a use case becomes the file's line.
        label: What belongs here.
        hint: What is allowed, in a smaller line below.
        max_bytes: Largest file.
        many: Whether several files may be dropped at once.
        accept: Media types for the chooser; ``on_file`` must check what comes.
        listed: Whether the files are listed with their progress.
        lanes: Files on their way at the same time.
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

        async def receive(upload: Upload) -> str | None:
            with self:
                return await on_file(upload)

        ticket = context.cases.uploads.open(context.principal, max_bytes, receive)
        context.client.on_delete(lambda: context.cases.uploads.close(ticket))
        self.props["url"] = context.url(f"/uploads/{ticket}")
        self.props["label"] = label
        self.props["hint"] = hint
        self.props["maxBytes"] = max_bytes
        self.props["many"] = many
        self.props["accept"] = accept
        self.props["listed"] = listed
        self.props["lanes"] = lanes
        self.props["words"] = context.texts.group("dropzone")

    def on_done(self, done: Callable[[], Awaitable[None]]) -> None:
        """Call something whenever all files of a drop have been sent."""
        self.on("done", lambda _: done(), args=[])


class Camera(ui.element, component="camera.js"):
    """See the module's first line.

    Args:
        context: The page's context.
        on_file: Called with the photo, as ``DropZone`` calls it.
        max_bytes: Largest file.
    """

    def __init__(self, context: Context, on_file: Receiver, *, max_bytes: int) -> None:
        super().__init__()

        async def receive(upload: Upload) -> str | None:
            with self:
                return await on_file(upload)

        ticket = context.cases.uploads.open(context.principal, max_bytes, receive)
        context.client.on_delete(lambda: context.cases.uploads.close(ticket))
        self.props["url"] = context.url(f"/uploads/{ticket}")
        self.props["words"] = context.texts.group("camera")
