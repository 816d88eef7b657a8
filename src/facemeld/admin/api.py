"""Assembles the admin API, describes it, and wraps it in a layer that bounds, labels and logs its requests."""

from __future__ import annotations

import logging
import re
import time
import uuid
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facemeld.admin import errors
from facemeld.admin.routes import accounts, materials, records
from facemeld.errors import FacemeldError
from facemeld.http.bodies import announced_bytes
from facemeld.upkeep.administration import Administration

logger = logging.getLogger("facemeld.admin")

PATH = "/admin/v1"
"""Path under which the API is mounted."""

DESCRIPTION = """Administers a Facemeld service: accounts, keys, activities, materials and their review, usage, users, audit.

Every request except `POST /login` needs a bearer token; the user's role decides which requests are allowed.
Lists come in pages: pass `next` as `cursor`. Every error reply has the shape `{"error": {"code", "message", "request_id"}}`."""

JSON_BYTES = 64 * 1024
"""Largest body of a request that does not upload a picture."""

_DISCARDED = 64 << 20
"""Most bytes of a refused body that are read and thrown away before the connection is closed."""

_UPLOAD = re.compile(r"POST /activities/[^/]+/materials|PUT /materials/[^/]+/picture")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
}


def create_admin(administration: Administration, *, version: str, upload_bytes: int) -> FastAPI:
    """Return the ASGI application of the admin API.

    Args:
        administration: The use cases.
        version: Facemeld's version, for the description.
        upload_bytes: Largest picture that may be uploaded.
    """
    app = FastAPI(
        title="Facemeld admin API",
        description=DESCRIPTION,
        version=version,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses={"4XX": {"model": errors.ErrorReply}, "5XX": {"model": errors.ErrorReply}},
    )
    app.state.administration = administration
    routers = (*accounts.ROUTERS, *materials.ROUTERS, *records.ROUTERS)
    # The Allow header of a 405 reply lists all methods of a path, but the framework hides the routes of included routers.
    app.state.endpoints = tuple(
        route for routes in (app.routes, *(router.routes for router in routers)) for route in routes if isinstance(route, Route)
    )
    for router in routers:
        app.include_router(router)
    app.add_exception_handler(FacemeldError, errors.on_service_error)
    app.add_exception_handler(RequestValidationError, errors.on_validation_error)
    app.add_exception_handler(HTTPException, errors.on_http_error)
    app.add_middleware(Envelope, upload_bytes=upload_bytes)
    describe = app.openapi
    app.openapi = lambda: _without_422(describe())  # type: ignore[method-assign]  # the documented way to change the description
    return app


def _without_422(description: dict[str, Any]) -> dict[str, Any]:
    """Remove the framework's own shape of validation errors, which this API never sends."""
    for operations in description["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        description["components"]["schemas"].pop(name, None)
    return description


class Envelope:
    """The outermost layer: gives requests their ids, bounds bodies, adds headers, logs a line, turns crashes into error replies.

    Args:
        app: The ASGI application.
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
        # All requests share the state of the lifespan, so give this request a copy of its own.
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
            reply = errors.error_response(request_id, 500, "internal_error", "something went wrong; the server's log says what")
            await reply(scope, receive, send_on)
        finally:
            took = (time.perf_counter() - start) * 1000
            actor = scope["state"].get("actor", "-")
            # Log the path without the query, which may hold names of people's pictures.
            path = _printable(scope["path"])
            logger.info("admin %s %s %d in %.0f ms by %s RequestId=%s", scope["method"], path, status, took, actor, request_id)

    def _limit(self, scope: Scope) -> int:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        return self._upload_bytes if _UPLOAD.fullmatch(f"{scope['method']} {path}") else JSON_BYTES


def _bounded(receive: Receive, limit: int, headers: Headers) -> Receive:
    """Return a ``receive`` that refuses a body longer than ``limit``; a body announced as longer is refused at its first message."""
    announced = announced_bytes(headers.get("content-length"))
    seen = announced if announced > limit else 0

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
    """Read a refused body to its end, because a client that is still sending when the connection closes never sees the reply."""
    left = _DISCARDED
    while message["type"] == "http.request" and message.get("more_body") and left > 0:
        message = await receive()
        left -= len(message.get("body", b""))


def _printable(path: str) -> str:
    return path[:200] if path.isprintable() else repr(path[:200])
