"""Checks every request under /console: session, origin and headers; and keeps open websockets tied to their session."""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from nicegui import Client, core
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facemeld.console.plain import problem
from facemeld.console.session.preferences import SESSION_COOKIE, base_of
from facemeld.console.usecases import UseCases
from facemeld.db.errors import DatabaseUnavailable
from facemeld.users.types import Principal, TokenInvalid

_SAFE = frozenset({"GET", "HEAD"})
_SOCKET = "/_nicegui_ws/"
_ASSETS = re.compile(r"/(static|_nicegui/[0-9][^/]*)/")
_PUBLIC = frozenset({"/sign-in", "/sign-out", "/preferences"})
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*/?", re.ASCII)
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    # With no-referrer, browsers would also keep the origin of forms to themselves, which is what tells own forms from foreign ones.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}


def policy(nonce: str) -> str:
    """The content security policy of a page: only this server's files and the scripts that carry the nonce.

    The widgets are compiled in the browser, hence ``unsafe-eval``; positions and sizes are set in style attributes.
    """
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
    )


class Guard:
    """Wraps the console's application; see the module's first line.

    A request that could change something, and every connection of a page to its server, must come from this site: its Origin must be
    the host it was sent to, or the address that the operator announces. Everything but the sign-in page and the files of the package
    needs a session.

    Args:
        app: The application.
        cases: The use cases.
    """

    def __init__(self, app: ASGIApp, cases: UseCases) -> None:
        self._app = app
        self._cases = cases
        self._own = urlsplit(cases.settings.server.public_url) if cases.settings.server.public_url else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or connection."""
        nonce = secrets.token_urlsafe(16)
        root = scope.get("root_path", "")
        # The lifespan's state is shared by all requests, this one's is its own.
        scope["state"] = {**scope.get("state", {}), "nonce": nonce, "console_root": root, "principal": None}
        scope["headers"] = _without_bad_prefix(scope)
        path = scope["path"].removeprefix(root)

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", policy(nonce))
                if _ASSETS.match(path) and message["status"] == 200:
                    headers["Cache-Control"] = "public, max-age=31536000, immutable"
                else:
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = await self._refusal(scope, path)
        if refusal is None:
            await self._app(scope, receive, send_on)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(scope, receive, send_on)

    async def _refusal(self, scope: Scope, path: str) -> Response | None:
        connection = HTTPConnection(scope)
        if not self._from_here(scope, path):
            return problem(connection, 403, "foreign")
        if path in _PUBLIC or _ASSETS.match(path):
            return None
        try:
            principal = await asyncio.to_thread(self._cases.administration.users.authenticate, session_of(connection))
        except TokenInvalid:
            return self._to_sign_in(connection, path)
        except DatabaseUnavailable:
            return problem(connection, 503, "unavailable")
        scope["state"]["principal"] = principal
        if path.startswith(_SOCKET) and not _is_own(connection, principal):
            return PlainTextResponse("the page belongs to another session", 403)
        return None

    def _from_here(self, scope: Scope, path: str) -> bool:
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if scope["type"] == "http" and scope["method"] in _SAFE and not path.startswith(_SOCKET):
            return True
        if origin is None:  # browsers send it with everything but plain reading from the same site
            return scope["type"] == "http" and scope["method"] in _SAFE and headers.get("sec-fetch-site", "same-origin") == "same-origin"
        sent = urlsplit(origin)
        if sent.scheme not in {"http", "https"} or not sent.netloc:  # such as null, which sandboxed and redirected pages have
            return False
        here = urlsplit(f"{sent.scheme}://{headers.get('host', '')}")
        own = (here, self._own) if self._own is not None else (here,)
        return any(_place(sent.scheme, sent.netloc) == _place(one.scheme, one.netloc) for one in own)

    def _to_sign_in(self, connection: HTTPConnection, path: str) -> Response:
        reading = connection.scope["type"] == "http" and connection.scope["method"] in _SAFE
        if not reading or "text/html" not in connection.headers.get("accept", ""):
            return PlainTextResponse("a session is needed", 401)
        query = connection.scope["query_string"].decode("latin-1")
        target = path + (f"?{query}" if query else "")
        if connection.headers.get("sec-fetch-site") == "cross-site" and "facemeld_again" not in query:
            # The cookie does not travel when another site links here; it does when this page asks for itself again.
            again = f"{base_of(connection)}{path}?{query + '&' if query else ''}facemeld_again=1"
            refresh = f"0;url={quote(again, safe='/?&=%')}"
            return HTMLResponse(f'<!doctype html><meta http-equiv="refresh" content="{refresh}"><title>Facemeld</title>')
        return RedirectResponse(f"{base_of(connection)}/sign-in?next={quote(target, safe='')}", 303)


def session_of(connection: HTTPConnection) -> str:
    """The text of the session's token; empty without a session."""
    return connection.cookies.get(SESSION_COOKIE, "")


def _is_own(connection: HTTPConnection, principal: Principal) -> bool:
    """Whether a page that wants to talk to its server was made for this session, and this session began the talk."""
    query = parse_qs(connection.scope["query_string"].decode("latin-1"))
    return page_is_of(query.get("client_id", [""])[0], principal) and connection_is_of(query.get("sid", [""])[0], principal)


def _place(scheme: str, netloc: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"{scheme}://{netloc}")
        return (parts.hostname or "").lower(), parts.port or _PORTS.get(scheme, 0)
    except ValueError:
        return netloc, -1


def _without_bad_prefix(scope: Scope) -> list[tuple[bytes, bytes]]:
    """The headers, with the proxy's prefix only if it is a plain path: it becomes part of every address in the page."""
    kept = []
    for name, value in scope["headers"]:
        if name == b"x-forwarded-prefix":
            text = value.decode("latin-1")
            if not _PREFIX.fullmatch(text):
                continue
            value = text.rstrip("/").encode("ascii")
        kept.append((name, value))
    return kept


class Nonces:
    """Gives every script of a page the nonce that its content security policy asks for.

    Texts in a page are escaped, so that no ``<script`` in it comes from anywhere but the templates.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        body: list[bytes] = []

        async def send_on(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and Headers(scope=message).get("content-type", "").startswith("text/html"):
                start = message
                return
            if start is None or message["type"] != "http.response.body":
                await send(message)
                return
            body.append(message.get("body", b""))
            if not message.get("more_body"):
                page = re.sub(rb"<script(?=[\s>])", f'<script nonce="{scope["state"]["nonce"]}"'.encode(), b"".join(body))
                MutableHeaders(scope=start)["content-length"] = str(len(page))
                await send(start)
                await send({"type": "http.response.body", "body": page})

        await self._app(scope, receive, send_on)


logger = logging.getLogger("facemeld.console")

_LIFE = frozenset({"connect", "disconnect"})
_REFUSED = False


def guard_messages() -> None:
    """Let messages reach a page only over connections of its own session.

    Every message says which page it is for, and the widget library believes it. The connection itself was let through by the guard,
    for some session; here the two are compared. Messages whose page is unknown, or that name none, go nowhere.
    """
    handlers: dict[str, Callable[..., Any]] = core.sio.handlers["/"]
    for name, handler in list(handlers.items()):
        if name not in _LIFE:
            core.sio.on(name, _guarded(name, handler))


def page_is_of(page: str, principal: Principal | None) -> bool:
    """Whether a page was made for a session; one that is not known is everybody's, which tells its browser to load it anew.

    Args:
        page: The page's id.
        principal: Who asks, with the session.
    """
    client = Client.instances.get(page)
    if client is None:
        return True
    owner: Principal | None = client.request.scope["state"]["principal"]
    return _same(owner, principal)


def connection_is_of(connection: str, principal: Principal) -> bool:
    """Whether a connection that is made of several requests was begun by a session; one that is not known fails by itself.

    Args:
        connection: The transport's id of the connection.
        principal: Who asks, with the session.
    """
    began: dict[str, Any] | None = core.sio.environ.get(connection)
    return began is None or _same(_principal_of(began), principal)


def _guarded(name: str, handler: Callable[..., Any]) -> Callable[..., Any]:
    def allowed(connection: str, told: object) -> bool:
        page = told.get("client_id") if isinstance(told, dict) else None
        if isinstance(page, str) and page_is_of(page, _principal_of(core.sio.get_environ(connection) or {})):
            return True
        logger.warning("A message %r for a page of another session was refused", name)
        return False

    async def handle_later(connection: str, told: Any = None) -> Any:
        return await handler(connection, told) if allowed(connection, told) else _REFUSED

    def handle(connection: str, told: Any = None) -> Any:
        # Not asynchronous where the library's is not: messages must be handled in the order in which they came.
        return handler(connection, told) if allowed(connection, told) else _REFUSED

    return handle_later if inspect.iscoroutinefunction(handler) else handle


def _principal_of(environ: dict[str, Any]) -> Principal | None:
    found: Principal | None = environ.get("asgi.scope", {}).get("state", {}).get("principal")
    return found


def _same(one: Principal | None, other: Principal | None) -> bool:
    return one is not None and other is not None and one.token_id == other.token_id
