"""Single letters that do something on a page while nobody types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from nicegui import ui
from nicegui.events import GenericEventArguments

from facemeld.console.parts.fields import Field


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
