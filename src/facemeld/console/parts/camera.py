"""A photo taken with the camera of the user's machine."""

from __future__ import annotations

from nicegui import ui

from facemeld.console.desk import Desk
from facemeld.console.inbox import Receiver, Upload


class Camera(ui.element, component="camera.js"):
    """See the module's first line.

    Args:
        desk: The page's desk.
        on_file: Called with the photo, as ``DropZone`` calls it.
        max_bytes: Largest file.
    """

    def __init__(self, desk: Desk, on_file: Receiver, *, max_bytes: int) -> None:
        super().__init__()

        async def receive(upload: Upload) -> str | None:
            with self:
                return await on_file(upload)

        ticket = desk.house.inbox.open(desk.principal, max_bytes, receive)
        desk.client.on_delete(lambda: desk.house.inbox.close(ticket))
        self.props["url"] = desk.url(f"/inbox/{ticket}")
        self.props["words"] = desk.texts.group("camera")
