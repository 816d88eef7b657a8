"""Pictures that an open page shows to its own user, such as a photo that was dropped: in memory only, gone with the page."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from facemeld.errors import FacemeldError
from facemeld.services.signin import Principal

CAPACITY = 256 << 20
"""Bytes of all pictures together."""

_KINDS = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"))


class ShelfFull(FacemeldError):
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


class Shelf:
    """The pictures that open pages show."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._items: dict[str, _Item] = {}
        self._capacity = capacity
        self._used = 0

    def put(self, owner: Principal, data: bytes) -> str:
        """Keep a picture; its address is ``/shelf/`` and what this returns, for the session of ``owner`` alone.

        Args:
            owner: Who may see it.
            data: A JPEG, PNG or WebP; anything else is served as a file that browsers do not show.

        Raises:
            ShelfFull: there is no room.
        """
        if self._used + len(data) > self._capacity:
            raise ShelfFull(f"pictures of open pages must have at most {self._capacity} bytes together")
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
        yield Route("/shelf/{ticket}", self.serve, methods=["GET"])

    async def serve(self, request: Request) -> Response:
        """One picture; 404 for other sessions than its own."""
        item = self._items.get(request.path_params["ticket"])
        principal: Principal = request.scope["state"]["principal"]
        if item is None or item.token_id != principal.token_id:
            return PlainTextResponse("no such picture", 404)
        return Response(item.data, media_type=item.kind, headers={"Cache-Control": "no-store"})
