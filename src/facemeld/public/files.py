"""Serves stored results and pictures of materials under their signed addresses."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from facemeld.materials.listing import LIFE, PICTURE_PATH, MaterialAddresses
from facemeld.materials.types import AddressExpired, AddressForged, MaterialDeleted
from facemeld.results.types import PATH_PREFIX, ResultExpired, ResultNotFound, ResultStore, SignatureInvalid

_RESULT_REFUSALS: dict[type[Exception], tuple[int, str]] = {
    SignatureInvalid: (403, "The address is not one that this service signed."),
    ResultExpired: (410, "The result has expired."),
    ResultNotFound: (404, "There is no such result."),
}
_RANGE = re.compile(r"bytes[ \t]*=[ \t]*(\d{0,19})-(\d{0,19})[ \t]*", re.ASCII | re.IGNORECASE)
_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')


@dataclass(frozen=True, slots=True)
class ResultFiles:
    """The route behind result addresses."""

    results: ResultStore
    clock: Callable[[], datetime]

    path = PATH_PREFIX + "{name}"

    async def serve(self, request: Request) -> Response:
        """Send the file of a signed address, or the requested part of it; otherwise 304, 403, 404, 410, 412 or 416."""
        try:
            file = await run_in_threadpool(self._open, request.url.path, request.url.query)
        except (SignatureInvalid, ResultExpired, ResultNotFound) as error:
            status, text = _RESULT_REFUSALS[type(error)]
            return PlainTextResponse(text, status, headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
        return _unsent(request.headers, file.headers) or file

    def _open(self, path: str, query: str) -> FileResponse:
        stored = self.results.open(self.results.verify(path, query, self.clock()))
        seconds_left = max(0, int((stored.expires_at - self.clock()).total_seconds()))
        headers = {
            # A result never changes under its name, and a name is never used again.
            "ETag": f'"{stored.id.random}"',
            "Cache-Control": f"private, max-age={seconds_left}, immutable",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        with stored.stream as stream:
            return _ResultFile(stream.name, headers=headers, media_type=stored.media_type, stat_result=os.fstat(stream.fileno()))


class _ResultFile(FileResponse):
    """A file that is sent whole unless a GET asks for exactly one range that can be read (RFC 9110, section 14.2)."""

    chunk_size = 256 * 1024

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET" or not _is_range(Headers(scope=scope).get("range", "")):
            scope = {**scope, "headers": [(name, value) for name, value in scope["headers"] if name.lower() != b"range"]}
        await super().__call__(scope, receive, send)


def _is_range(field: str) -> bool:
    asked = _RANGE.fullmatch(field)
    if asked is None or asked.groups() == ("", ""):
        return False
    first, last = asked.groups()
    return not (first and last) or int(first) <= int(last)


def _unsent(asked: Headers, headers: Headers) -> Response | None:
    """Return the reply 412 or 304 where the conditions of a request (RFC 9110, section 13) ask for no file, else None."""
    tag = headers["etag"]
    kept = {name: value for name, value in headers.items() if name not in {"content-length", "content-type"}}
    if (wanted := asked.get("if-match")) is not None and not _matches(wanted, tag, weak=False):
        return Response(status_code=412, headers=kept)
    if (known := asked.get("if-none-match")) is not None and _matches(known, tag, weak=True):
        return Response(status_code=304, headers=kept)
    return None


def _matches(field: str, tag: str, *, weak: bool) -> bool:
    if field.strip() == "*":
        return True
    return any(text == tag and (weak or not prefix) for prefix, text in _TAG.findall(field))


_PICTURE_REFUSALS: dict[type[Exception], tuple[int, str]] = {
    AddressForged: (403, "The address is not one that this service signed."),
    AddressExpired: (410, "The address has expired."),
    MaterialDeleted: (404, "There is no such picture."),
}


@dataclass(frozen=True, slots=True)
class MaterialPictures:
    """The route behind the addresses of materials."""

    addresses: MaterialAddresses

    path = PICTURE_PATH + "{name}"

    async def serve(self, request: Request) -> Response:
        """The picture of a signed address, or 403, 404 or 410."""
        try:
            data, picture_format = await run_in_threadpool(self.addresses.read, request.url.path, request.url.query)
        except (AddressForged, AddressExpired, MaterialDeleted) as error:
            status, text = _PICTURE_REFUSALS[type(error)]
            return PlainTextResponse(text, status, headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
        headers = {
            "Cache-Control": f"private, max-age={LIFE.total_seconds():.0f}",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        return Response(data, media_type=f"image/{picture_format}", headers=headers)
