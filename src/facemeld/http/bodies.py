"""Reads the body of a request into memory, up to a limit."""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.types import Receive


def announced_bytes(content_length: str | None) -> int:
    """Return the length that a Content-Length header announces; 0 if it is missing or malformed."""
    return int(content_length) if content_length and content_length.isascii() and content_length.isdecimal() else 0


async def read_bounded(receive: Receive, limit: int, content_length: str | None = None) -> bytes | None:
    """Read a body, but give up as soon as it is known to be too long; the server discards the rest.

    Args:
        receive: The ASGI connection, before anything was read from it.
        limit: Most bytes of the body.
        content_length: The header, which lets a body be refused before any of it is read.

    Returns:
        The body, or None if it has more than ``limit`` bytes.

    Raises:
        ClientDisconnect: The client disconnected before the end of the body.
    """
    if announced_bytes(content_length) > limit:
        return None
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            return None
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)
