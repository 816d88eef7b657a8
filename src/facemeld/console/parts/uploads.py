"""A place to drop files on, or to choose them with the keyboard or a phone's camera, with progress for each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui

from facemeld.console.desk import Desk
from facemeld.console.inbox import Receiver, Upload

__all__ = ["DropZone", "Receiver", "Upload"]


class DropZone(ui.element, component="dropzone.js"):
    """See the module's first line.

    Args:
        desk: The page's desk.
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
        desk: Desk,
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

        ticket = desk.house.inbox.open(desk.principal, max_bytes, receive)
        desk.client.on_delete(lambda: desk.house.inbox.close(ticket))
        self.props["url"] = desk.url(f"/inbox/{ticket}")
        self.props["label"] = label
        self.props["hint"] = hint
        self.props["maxBytes"] = max_bytes
        self.props["many"] = many
        self.props["accept"] = accept
        self.props["listed"] = listed
        self.props["lanes"] = lanes
        self.props["words"] = desk.texts.group("dropzone")

    def on_done(self, done: Callable[[], Awaitable[None]]) -> None:
        """Call something whenever all files of a drop have been sent."""
        self.on("done", lambda _: done(), args=[])
