"""Routes that anyone may call: stored results and pictures of materials under signed addresses, and the verifier of pictures."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from importlib import resources

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from facemeld.errors import FacemeldError
from facemeld.http.bodies import read_bounded
from facemeld.marks.errors import MarkError
from facemeld.materials import types as materials
from facemeld.materials.lookup import ADDRESS_LIFE, PICTURE_PATH, MaterialAddresses
from facemeld.media.errors import MediaError
from facemeld.results.types import PATH_PREFIX, ResultExpired, ResultNotFound, ResultStore, SignatureInvalid
from facemeld.verify.service import VerifyService
from facemeld.workers.pool.executor import DeadlineExceeded, NotReady, QueueFull

_REFUSALS: dict[type[Exception], tuple[int, str]] = {
    SignatureInvalid: (403, "The address is not one that this service signed."),
    ResultExpired: (410, "The result has expired."),
    ResultNotFound: (404, "There is no such result."),
    materials.AddressForged: (403, "The address is not one that this service signed."),
    materials.AddressExpired: (410, "The address has expired."),
    materials.MaterialDeleted: (404, "There is no such picture."),
}
_UNCACHED = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_PICTURE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_PAGE_HEADERS = _UNCACHED | {"Referrer-Policy": "no-referrer"}
_RANGE = re.compile(r"bytes[ \t]*=[ \t]*(\d{0,19})-(\d{0,19})[ \t]*", re.ASCII | re.IGNORECASE)
_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')


@dataclass(frozen=True, slots=True)
class ResultFiles:
    """Serves stored results."""

    results: ResultStore
    clock: Callable[[], datetime]

    path = PATH_PREFIX + "{name}"

    async def serve(self, request: Request) -> Response:
        """Return the file behind a signed address, or the requested part of it; otherwise 304, 403, 404, 410, 412 or 416."""
        try:
            file = await run_in_threadpool(self._open, request.url.path, request.url.query)
        except (SignatureInvalid, ResultExpired, ResultNotFound) as error:
            return _refused(type(error))
        return _unsent(request.headers, file.headers) or file

    def _open(self, path: str, query: str) -> FileResponse:
        stored = self.results.open(self.results.verify(path, query, self.clock()))
        seconds_left = max(0, int((stored.expires_at - self.clock()).total_seconds()))
        # A result never changes under its name, and a name is never used again.
        caching = {"ETag": f'"{stored.id.random}"', "Cache-Control": f"private, max-age={seconds_left}, immutable"}
        with stored.stream as stream:
            status, headers = os.fstat(stream.fileno()), _PICTURE_HEADERS | caching
            return _ResultFile(stream.name, headers=headers, media_type=stored.media_type, stat_result=status)


@dataclass(frozen=True, slots=True)
class MaterialPictures:
    """Serves the pictures of materials."""

    addresses: MaterialAddresses

    path = PICTURE_PATH + "{name}"

    async def serve(self, request: Request) -> Response:
        """Return the picture behind a signed address, or 403, 404 or 410."""
        try:
            data, picture_format = await run_in_threadpool(self.addresses.read, request.url.path, request.url.query)
        except (materials.AddressForged, materials.AddressExpired, materials.MaterialDeleted) as error:
            return _refused(type(error))
        headers = _PICTURE_HEADERS | {"Cache-Control": f"private, max-age={ADDRESS_LIFE.total_seconds():.0f}"}
        return Response(data, media_type=f"image/{picture_format}", headers=headers)


@dataclass
class VerifyPage:
    """The page that reads the marks of a picture (GET) and the address behind it (POST, the file as the body); nothing is stored.

    Attributes:
        service: The use case.
        max_bytes: Largest body.
        per_minute: Pictures that one client address may send in a minute.
    """

    service: VerifyService
    max_bytes: int
    per_minute: int
    limiter: FixedWindowRateLimiter = field(default_factory=lambda: FixedWindowRateLimiter(MemoryStorage()))

    path = "/verify"

    async def show(self, _: Request) -> Response:
        """Return the page."""
        return HTMLResponse(self._page, headers=_PAGE_HEADERS | {"Content-Security-Policy": self._policy})

    async def verify(self, request: Request) -> Response:
        """Return the report on the picture in the body as JSON, or 400, 413, 429, 500 or 503 with a reason."""
        client = request.client.host if request.client is not None else ""
        if not await self.limiter.hit(RateLimitItemPerMinute(self.per_minute), "verify", client):
            return _failed(429, "too_many", f"at most {self.per_minute} pictures a minute can be verified", {"Retry-After": "60"})
        try:
            body = await read_bounded(request.receive, self.max_bytes, request.headers.get("content-length"))
        except ClientDisconnect:
            return Response(status_code=400)
        if body is None:
            return _failed(413, "too_large", f"a picture must have at most {self.max_bytes} bytes", {"Connection": "close"})
        try:
            return JSONResponse(await self.service.verify(body), headers=_PAGE_HEADERS)
        except (MediaError, MarkError) as error:
            return _failed(400, "unreadable", str(error))
        except (QueueFull, NotReady, DeadlineExceeded):
            return _failed(503, "busy", "the service is busy", {"Retry-After": "5"})
        except FacemeldError:
            return _failed(500, "failed", "the picture could not be looked at")

    @cached_property
    def _page(self) -> str:
        return (resources.files("facemeld.public") / "verifier.html").read_text("utf-8")

    @cached_property
    def _policy(self) -> str:
        """The policy that runs only the page's own script and style, known by their hashes, and allows requests to this server only."""
        script, style = (_digest(self._page, tag) for tag in ("script", "style"))
        return (
            f"default-src 'none'; script-src '{script}'; style-src '{style}'; connect-src 'self'; img-src blob:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )


class _ResultFile(FileResponse):
    """A file that is sent whole unless a GET asks for exactly one range that can be read (RFC 9110, section 14.2)."""

    chunk_size = 256 * 1024

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET" or not _is_range(Headers(scope=scope).get("range", "")):
            scope = {**scope, "headers": [(name, value) for name, value in scope["headers"] if name.lower() != b"range"]}
        held: list[Message] = []

        async def send_late(message: Message) -> None:
            if message.get("status") == 416:
                # The base class refuses a range without the headers of a result.
                headers = MutableHeaders(scope=message)
                kept = {name: value for name, value in self.headers.items() if name not in {"content-length", "content-type"}}
                headers.update({name: value for name, value in kept.items() if name not in headers})
            held.append(message)
            # The base class sends the head before it opens the file, which may have been deleted in the meantime.
            if message["type"] != "http.response.start":
                while held:
                    await send(held.pop(0))

        try:
            await super().__call__(scope, receive, send_late)
        except FileNotFoundError:
            await _refused(ResultNotFound)(scope, receive, send)


def _refused(error: type[Exception]) -> Response:
    status, text = _REFUSALS[error]
    return PlainTextResponse(text, status, headers=_UNCACHED)


def _is_range(header: str) -> bool:
    asked = _RANGE.fullmatch(header)
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


def _matches(header: str, tag: str, *, weak: bool) -> bool:
    if header.strip() == "*":
        return True
    return any(text == tag and (weak or not prefix) for prefix, text in _TAG.findall(header))


def _digest(page: str, tag: str) -> str:
    content = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
    return "sha256-" + base64.b64encode(hashlib.sha256(content[0].encode()).digest()).decode()


def _failed(status: int, code: str, reason: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"Error": {"Code": code, "Message": reason}}, status, headers={**_PAGE_HEADERS, **(headers or {})})
