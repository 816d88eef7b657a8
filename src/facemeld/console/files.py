"""Files of open pages, in memory only: uploads from browsers, and temporary pictures shown to their own user."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from facemeld.console.session.preferences import preferences_of
from facemeld.errors import FacemeldError
from facemeld.http.bodies import read_bounded
from facemeld.users.types import Principal

CAPACITY = 256 << 20
"""Bytes of all pictures together."""

_KINDS = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"))


class TemporaryFilesFull(FacemeldError):
    """Open pages hold as many pictures as there is room for."""


def kind_of(data: bytes) -> str | None:
    """Media type of a picture by its first bytes; None for anything but a JPEG, PNG or WebP."""
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _KINDS if data.startswith(start)), None)


@dataclass(frozen=True, slots=True)
class _Item:
    token_id: int
    kind: str
    data: bytes = field(repr=False)


class TemporaryFiles:
    """The pictures that open pages show."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._items: dict[str, _Item] = {}
        self._capacity = capacity
        self._used = 0

    def put(self, owner: Principal, data: bytes) -> str:
        """Keep a picture; its address is ``/temporary/`` and what this returns, for the session of ``owner`` alone.

        Args:
            owner: Who may see it.
            data: A JPEG, PNG or WebP; anything else is served as a file that browsers do not show.

        Raises:
            TemporaryFilesFull: there is no room.
        """
        if self._used + len(data) > self._capacity:
            raise TemporaryFilesFull(f"pictures of open pages must have at most {self._capacity} bytes together")
        ticket = secrets.token_urlsafe(16)
        self._items[ticket] = _Item(owner.token_id, kind_of(data) or "application/octet-stream", data)
        self._used += len(data)
        return ticket

    def drop(self, ticket: str) -> None:
        """Forget a picture."""
        item = self._items.pop(ticket, None)
        self._used -= len(item.data) if item is not None else 0

    def routes(self) -> Iterator[Route]:
        """Where the pictures are."""
        yield Route("/temporary/{ticket}", self.serve, methods=["GET"])

    async def serve(self, request: Request) -> Response:
        """One picture; 404 for other sessions than its own."""
        item = self._items.get(request.path_params["ticket"])
        principal: Principal = request.scope["state"]["principal"]
        if item is None or item.token_id != principal.token_id:
            return PlainTextResponse("no such picture", 404)
        return Response(item.data, media_type=item.kind, headers={"Cache-Control": "no-store"})


logger = logging.getLogger("facemeld.console")

_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was dropped or chosen.

    Attributes:
        name: Its name; text of a stranger.
        kind: What the browser takes it for, such as ``image/jpeg``.
        data: Its bytes.
    """

    name: str
    kind: str
    data: bytes = field(repr=False)


Receiver = Callable[[Upload], Awaitable[str | None]]
"""Takes a file; returns a line about it for the list of files, or None."""


@dataclass(frozen=True, slots=True)
class _Slot:
    token_id: int
    max_bytes: int
    receive: Receiver


class Uploads:
    """The addresses that open pages have for files."""

    def __init__(self) -> None:
        self._slots: dict[str, _Slot] = {}

    def open(self, owner: Principal, max_bytes: int, receive: Receiver) -> str:
        """A new address, as the last part of its path, for files of at most ``max_bytes`` from the session of ``owner``."""
        ticket = secrets.token_urlsafe(16)
        self._slots[ticket] = _Slot(owner.token_id, max_bytes, receive)
        return ticket

    def close(self, ticket: str) -> None:
        """End an address."""
        self._slots.pop(ticket, None)

    def routes(self) -> Iterator[Route]:
        """Where files are sent to."""
        yield Route("/uploads/{ticket}", self.take, methods=["POST"])

    async def take(self, request: Request) -> Response:
        """One file as the body; the reply says in a line what became of it, with status 422 if it was refused."""
        slot = self._slots.get(request.path_params["ticket"])
        principal: Principal = request.scope["state"]["principal"]
        texts = preferences_of(request).texts
        if slot is None or slot.token_id != principal.token_id:
            return JSONResponse({"message": texts("errors.page_gone")}, 404)
        try:
            data = await read_bounded(request.receive, slot.max_bytes, request.headers.get("content-length"))
        except ClientDisconnect:
            return Response(status_code=400)
        if data is None:
            message = texts("errors.too_large", megabytes=slot.max_bytes >> 20)
            return JSONResponse({"message": message}, 413, headers={"Connection": "close"})
        name = unquote(request.headers.get("x-file-name", ""))[:_LONGEST_NAME]
        upload = Upload("".join(letter for letter in name if letter.isprintable()), request.headers.get("content-type", ""), data)
        try:
            return JSONResponse({"message": await slot.receive(upload) or ""})
        except FacemeldError as error:
            return JSONResponse({"message": texts.failure(error)}, 422)
        except Exception:
            logger.exception("A file sent to the console could not be used")
            return JSONResponse({"message": texts("errors.unexpected")}, 500)
