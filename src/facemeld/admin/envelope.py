"""The outermost layer of the admin API: request ids, limits of bodies, headers, one log line a request, no bare crash."""

from __future__ import annotations

import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facemeld.admin.errors import error_response

logger = logging.getLogger("facemeld.admin")

JSON_BYTES = 64 * 1024
"""Largest body of a request that uploads no picture."""

_DISCARDED = 64 << 20
"""Bytes of a refused body that are read and thrown away before the connection is closed on it."""

_UPLOAD = re.compile(r"POST /activities/[^/]+/materials|PUT /materials/[^/]+/picture")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
}


class Envelope:
    """Wraps an ASGI application; see the module's first line.

    Args:
        app: The application.
        upload_bytes: Largest picture that may be uploaded.
    """

    def __init__(self, app: ASGIApp, upload_bytes: int) -> None:
        self._app = app
        self._upload_bytes = upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, start, status = str(uuid.uuid4()), time.perf_counter(), 0
        # The lifespan's state is shared by all requests, this one's is its own.
        scope["state"] = {**scope.get("state", {}), "request_id": request_id}

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self._app(scope, _bounded(receive, self._limit(scope), Headers(scope=scope)), send_on)
        except Exception:
            logger.exception("Admin request %s failed", request_id)
            if status:
                raise
            reply = error_response(request_id, 500, "internal_error", "something went wrong; the server's log says what")
            await reply(scope, receive, send_on)
        finally:
            took = (time.perf_counter() - start) * 1000
            who = scope["state"].get("actor", "-")
            # The query may hold names of people's pictures: only the path is told.
            logger.info(
                "admin %s %s %d in %.0f ms by %s RequestId=%s", scope["method"], _printable(scope["path"]), status, took, who, request_id
            )

    def _limit(self, scope: Scope) -> int:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        return self._upload_bytes if _UPLOAD.fullmatch(f"{scope['method']} {path}") else JSON_BYTES


def _bounded(receive: Receive, limit: int, headers: Headers) -> Receive:
    """A ``receive`` that refuses a body longer than ``limit``, by its announced length before any of it is kept."""
    announced = headers.get("content-length", "0")
    seen = int(announced) if announced.isdecimal() and int(announced) > limit else 0

    async def receive_on() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            await _discard(receive, message)
            raise HTTPException(413, f"the body must have at most {limit} bytes, got more", headers={"Connection": "close"})
        return message

    return receive_on


async def _discard(receive: Receive, message: Message) -> None:
    """Read a refused body to its end: a client that is still sending when the connection closes never sees the reply."""
    left = _DISCARDED
    while message["type"] == "http.request" and message.get("more_body") and left > 0:
        message = await receive()
        left -= len(message.get("body", b""))


def _printable(path: str) -> str:
    return path[:200] if path.isprintable() else repr(path[:200])
