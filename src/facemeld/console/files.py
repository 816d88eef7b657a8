"""Files of the console: uploads from open pages, temporary files shown on them, pictures of materials, receipts of deletions."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from facemeld.console.preferences import preferences_of
from facemeld.errors import FacemeldError
from facemeld.http.bodies import read_bounded
from facemeld.materials.types import MaterialDeleted, MaterialNotFound
from facemeld.media.containers import sniff
from facemeld.privacy.deletion import render_receipt
from facemeld.privacy.types import ReceiptNotFound
from facemeld.upkeep.administration import Administration
from facemeld.users.signin import Act, require
from facemeld.users.types import Principal, RoleInsufficient

logger = logging.getLogger("facemeld.console")

CAPACITY = 256 << 20
"""Most bytes of all temporary files together."""

_LONGEST_NAME = 255
_LARGEST_NUMBER = 2**63 - 1
"""Largest integer that databases store; far beyond the number of any receipt."""


class TemporaryFilesFull(FacemeldError):
    """The temporary files of all open pages have reached their limit."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that a user dropped or chose; ``name`` and the media type ``kind`` come from the browser and are not to be trusted."""

    name: str
    kind: str
    data: bytes = field(repr=False)


Receiver: TypeAlias = Callable[[Upload], Awaitable[str | None]]
"""Takes a file; returns a message for the list of files, or None."""


@dataclass(frozen=True, slots=True)
class _Slot:
    token_id: int
    max_bytes: int
    receive: Receiver


class Uploads:
    """The addresses to which open pages send files."""

    def __init__(self) -> None:
        self._slots: dict[str, _Slot] = {}

    def open(self, owner: Principal, max_bytes: int, receive: Receiver) -> str:
        """Accept files of at most ``max_bytes`` from the session of ``owner``; return the ticket in ``/uploads/{ticket}``."""
        ticket = secrets.token_urlsafe(16)
        self._slots[ticket] = _Slot(owner.token_id, max_bytes, receive)
        return ticket

    def close(self, ticket: str) -> None:
        """Accept no more files for a ticket."""
        self._slots.pop(ticket, None)

    def routes(self) -> Iterator[Route]:
        """Return the route that takes files."""
        yield Route("/uploads/{ticket}", self.take, methods=["POST"])

    async def take(self, request: Request) -> Response:
        """Pass the body to the receiver and reply with its message; status 422 if the receiver refuses the file."""
        slot = self._slots.get(request.path_params["ticket"])
        texts = preferences_of(request).texts
        if slot is None or slot.token_id != _principal(request).token_id:
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
            logger.exception("A file uploaded to the console could not be processed")
            return JSONResponse({"message": texts("errors.unexpected")}, 500)


@dataclass(frozen=True, slots=True)
class _File:
    token_id: int
    kind: str
    data: bytes = field(repr=False)


class TemporaryFiles:
    """Pictures that open pages show, in memory, each for its own session only."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._files: dict[str, _File] = {}
        self._capacity = capacity
        self._used = 0

    def put(self, owner: Principal, data: bytes) -> str:
        """Keep a picture for the session of ``owner``; return the ticket in ``/temporary/{ticket}``.

        Browsers show a JPEG, PNG or WebP; anything else is served as a download.

        Raises:
            TemporaryFilesFull: The limit is reached.
        """
        if self._used + len(data) > self._capacity:
            raise TemporaryFilesFull(f"pictures of open pages must have at most {self._capacity} bytes together")
        ticket, form = secrets.token_urlsafe(16), sniff(data)
        self._files[ticket] = _File(owner.token_id, f"image/{form}" if form else "application/octet-stream", data)
        self._used += len(data)
        return ticket

    def drop(self, ticket: str) -> None:
        """Forget a picture."""
        file = self._files.pop(ticket, None)
        self._used -= len(file.data) if file is not None else 0

    def routes(self) -> Iterator[Route]:
        """Return the route that serves the pictures."""
        yield Route("/temporary/{ticket}", self.serve, methods=["GET"])

    async def serve(self, request: Request) -> Response:
        """Serve a picture to its own session; 404 for any other."""
        file = self._files.get(request.path_params["ticket"])
        if file is None or file.token_id != _principal(request).token_id:
            return PlainTextResponse("no such picture", 404)
        return Response(file.data, media_type=file.kind, headers={"Cache-Control": "no-store"})


@dataclass(frozen=True, slots=True)
class StoredFiles:
    """Serves stored files to users whose role may see them: pictures of materials and receipts of deletions."""

    administration: Administration

    def routes(self) -> Iterator[Route]:
        """Return the routes that serve the files."""
        yield Route("/files/materials/{material}/{size}", self.picture, methods=["GET"])
        yield Route("/files/receipts/{number:int}", self.receipt, methods=["GET"])

    async def picture(self, request: Request) -> Response:
        """Serve the picture of a material, or its thumbnail."""
        try:
            require(_principal(request), Act.READ)
            data, kind = await self._read(request.path_params["material"], request.path_params["size"])
        except FacemeldError as error:
            return _refusal(error, "no such picture")
        return Response(data, media_type=kind, headers={"Cache-Control": "private, max-age=300"})

    async def receipt(self, request: Request) -> Response:
        """Serve the receipt of a deletion as a file that ``facemeld receipts verify`` checks."""
        number = min(request.path_params["number"], _LARGEST_NUMBER)
        try:
            require(_principal(request), Act.AUDIT)
            found = await asyncio.to_thread(self.administration.privacy.receipt, number)
        except FacemeldError as error:
            return _refusal(error, "no such receipt")
        headers = {"Content-Disposition": f'attachment; filename="deletion-{number}.json"'}
        return JSONResponse(render_receipt(found.body, found.signature), headers=headers)

    async def _read(self, material: str, size: str) -> tuple[bytes, str]:
        admin = self.administration
        if size == "thumbnail":
            return await admin.importing.thumbnail(material), "image/jpeg"
        if size != "picture":
            raise MaterialNotFound(f"a material has a picture and a thumbnail, got {size[:40]!r}")
        found = await asyncio.to_thread(admin.materials.get, None, material)
        return await asyncio.to_thread(admin.materials.files.read_picture, found.number, found.format), f"image/{found.format}"


def _principal(request: Request) -> Principal:
    found: Principal = request.scope["state"]["principal"]
    return found


def _refusal(error: FacemeldError, missing: str) -> Response:
    if isinstance(error, RoleInsufficient):
        return PlainTextResponse("not allowed", 403)
    if isinstance(error, MaterialNotFound | MaterialDeleted | ReceiptNotFound):
        return PlainTextResponse(missing, 404)
    return PlainTextResponse("not available now", 503)
