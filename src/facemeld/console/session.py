"""Sessions of the console: the guard in front of every request and websocket message, and the forms to sign in and out."""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

from nicegui import Client, core
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facemeld.console.context import UseCases
from facemeld.console.preferences import CHOICES, SESSION_COOKIE, base_of, preferences_of, problem, render, session_of
from facemeld.db.errors import DatabaseUnavailable
from facemeld.http.bodies import read_bounded
from facemeld.users.types import AttemptsUncounted, PasswordWrong, Principal, TokenInvalid, TooManyAttempts

logger = logging.getLogger("facemeld.console")

_SAFE = frozenset({"GET", "HEAD"})
_SOCKET = "/_nicegui_ws/"
_ASSETS = re.compile(r"/(static|_nicegui/[0-9][^/]*)/")
_PUBLIC = frozenset({"/sign-in", "/sign-out", "/preferences"})
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*/?", re.ASCII)
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    # With no-referrer, browsers would hide the Origin of forms, and own forms could not be told from foreign ones.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}
_POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
)
"""Content security policy: only this server's files, and scripts with the nonce.

NiceGUI compiles its widgets in the browser, hence ``unsafe-eval``; it sets positions and sizes in style attributes.
"""

_CONNECTION_EVENTS = frozenset({"connect", "disconnect"})
_YEAR = 365 * 86400
_LARGEST_FORM = 8 * 1024
_TARGET = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*", re.ASCII)


class Guard:
    """Checks every request under /console before it reaches the application.

    Requests that may change something, and all connections of pages, must come from this site: their Origin must be the host that
    the request names, or the server's public URL. Everything but the sign-in page and the package's files needs a session.
    """

    def __init__(self, app: ASGIApp, cases: UseCases) -> None:
        self._app = app
        self._users = cases.administration.users
        self._own = urlsplit(cases.settings.server.public_url) if cases.settings.server.public_url else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request or websocket."""
        nonce = secrets.token_urlsafe(16)
        root = scope.get("root_path", "")
        # A copy, because the lifespan's state is shared by all requests.
        scope["state"] = {**scope.get("state", {}), "nonce": nonce, "console_root": root, "principal": None}
        scope["headers"] = _without_bad_prefix(scope)
        path = scope["path"].removeprefix(root)

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", _POLICY.format(nonce=nonce))
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
        if not self._is_same_site(scope, path):
            return problem(connection, 403, "foreign")
        if path in _PUBLIC or _ASSETS.match(path):
            return None
        try:
            principal = await asyncio.to_thread(self._users.authenticate, session_of(connection))
        except TokenInvalid:
            return _to_sign_in(connection, path)
        except DatabaseUnavailable:
            return problem(connection, 503, "unavailable")
        scope["state"]["principal"] = principal
        if path.startswith(_SOCKET):
            query = parse_qs(scope["query_string"].decode("latin-1"))
            page, transport = query.get("client_id", [""])[0], query.get("sid", [""])[0]
            if not (_owns_page(page, principal) and _owns_transport(transport, principal)):
                return PlainTextResponse("the page belongs to another session", 403)
        return None

    def _is_same_site(self, scope: Scope, path: str) -> bool:
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if scope["type"] == "http" and scope["method"] in _SAFE and not path.startswith(_SOCKET):
            return True
        if origin is None:  # browsers leave it out only when they read from the same site
            return scope["type"] == "http" and scope["method"] in _SAFE and headers.get("sec-fetch-site", "same-origin") == "same-origin"
        sent = urlsplit(origin)
        if sent.scheme not in {"http", "https"} or not sent.netloc:  # such as "null" from sandboxed and redirected pages
            return False
        here = urlsplit(f"{sent.scheme}://{headers.get('host', '')}")
        own = (here, self._own) if self._own is not None else (here,)
        return any(_host_and_port(sent.scheme, sent.netloc) == _host_and_port(site.scheme, site.netloc) for site in own)


def _to_sign_in(connection: HTTPConnection, path: str) -> Response:
    reading = connection.scope["type"] == "http" and connection.scope["method"] in _SAFE
    if not reading or "text/html" not in connection.headers.get("accept", ""):
        return PlainTextResponse("a session is needed", 401)
    query = connection.scope["query_string"].decode("latin-1")
    target = path + (f"?{query}" if query else "")
    if connection.headers.get("sec-fetch-site") == "cross-site" and "facemeld_again" not in query:
        # Browsers leave out the cookie when a link on another site leads here, but send it when this page reloads itself.
        again = f"{base_of(connection)}{path}?{query + '&' if query else ''}facemeld_again=1"
        refresh = f"0;url={quote(again, safe='/?&=%')}"
        return HTMLResponse(f'<!doctype html><meta http-equiv="refresh" content="{refresh}"><title>Facemeld</title>')
    return RedirectResponse(f"{base_of(connection)}/sign-in?next={quote(target, safe='')}", 303)


def _host_and_port(scheme: str, netloc: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"{scheme}://{netloc}")
        return (parts.hostname or "").lower(), parts.port or _PORTS.get(scheme, 0)
    except ValueError:
        return netloc, -1


def _without_bad_prefix(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Return the headers, with the proxy's prefix only if it is a plain path, because it becomes part of all addresses in the page."""
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
    """Adds the nonce of the content security policy to every script of a page.

    Texts in a page are escaped, therefore every ``<script`` comes from a template.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request or websocket."""
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


def guard_messages() -> None:
    """Let messages reach a page only over connections of its own session.

    Each message names its page, and NiceGUI trusts that name. The guard let the connection through for some session; here the two
    sessions are compared.
    """
    handlers: dict[str, Callable[..., Any]] = core.sio.handlers["/"]
    for name, handler in list(handlers.items()):
        if name not in _CONNECTION_EVENTS:
            core.sio.on(name, _guarded(name, handler))


def _guarded(name: str, handler: Callable[..., Any]) -> Callable[..., Any]:
    def allowed(connection: str, message: object) -> bool:
        page = message.get("client_id") if isinstance(message, dict) else None
        if isinstance(page, str) and _owns_page(page, _principal_of(core.sio.get_environ(connection) or {})):
            return True
        logger.warning("A message %r for a page of another session was refused", name)
        return False

    async def handle_later(connection: str, message: Any = None) -> Any:
        return await handler(connection, message) if allowed(connection, message) else False

    def handle(connection: str, message: Any = None) -> Any:
        # Synchronous where NiceGUI's handler is, because messages must be handled in the order in which they came.
        return handler(connection, message) if allowed(connection, message) else False

    return handle_later if inspect.iscoroutinefunction(handler) else handle


def _owns_page(page: str, principal: Principal | None) -> bool:
    """Return whether a page was made for a session; true for an unknown page, so that NiceGUI tells the browser to reload it."""
    client = Client.instances.get(page)
    return client is None or _is_same_session(client.request.scope["state"]["principal"], principal)


def _owns_transport(transport: str, principal: Principal) -> bool:
    """Return whether a session opened an Engine.IO transport; true for an unknown transport, which Engine.IO refuses itself."""
    environ: dict[str, Any] | None = core.sio.environ.get(transport)
    return environ is None or _is_same_session(_principal_of(environ), principal)


def _principal_of(environ: dict[str, Any]) -> Principal | None:
    found: Principal | None = environ.get("asgi.scope", {}).get("state", {}).get("principal")
    return found


def _is_same_session(first: Principal | None, second: Principal | None) -> bool:
    return first is not None and second is not None and first.token_id == second.token_id


class SignInRoutes:
    """The forms to sign in and out and to choose language and theme, which work without scripts; the guard checked their origin."""

    def __init__(self, cases: UseCases) -> None:
        self._users = cases.administration.users
        self._signing_in = cases.administration.signing_in
        self._hours = cases.settings.console.session_hours
        self._secure = cases.settings.server.public_url.startswith("https://")

    def routes(self) -> Iterator[Route]:
        """Return the forms' routes."""
        yield Route("/sign-in", self.show, methods=["GET"])
        yield Route("/sign-in", self.sign_in, methods=["POST"])
        yield Route("/sign-out", self.sign_out, methods=["POST"])
        yield Route("/preferences", self.prefer, methods=["POST"])
        yield Route("/session", self.session, methods=["GET"])

    async def show(self, request: Request) -> Response:
        """Show the form for name and password, or redirect a user who is signed in."""
        target = _target(request.query_params.get("next"))
        try:
            await asyncio.to_thread(self._users.authenticate, session_of(request))
        except TokenInvalid:
            return _sign_in_form(request, target)
        except DatabaseUnavailable:
            return problem(request, 503, "unavailable")
        return RedirectResponse(base_of(request) + target, 303)

    async def sign_in(self, request: Request) -> Response:
        """Start a session."""
        form = await _read_form(request)
        name, target, texts = form.get("name", "").strip(), _target(form.get("next")), preferences_of(request).texts
        address = request.client.host if request.client is not None else "unknown"
        try:
            user, token = await asyncio.to_thread(self._signing_in.sign_in, name, form.get("password", ""), address)
        except PasswordWrong:
            return _sign_in_form(request, target, name, texts("signin.wrong"), 401)
        except TooManyAttempts as error:
            reply = _sign_in_form(request, target, name, texts("signin.locked", minutes=max(1, round(error.seconds / 60))), 429)
            reply.headers["Retry-After"] = str(error.seconds)
            return reply
        except (AttemptsUncounted, DatabaseUnavailable):
            return problem(request, 503, "unavailable")
        logger.info("console: user %s signed in", user.name)
        await self._end(request)
        reply = RedirectResponse(base_of(request) + target, 303)
        self._set_cookie(request, reply, SESSION_COOKIE, token.text, int(self._hours * 3600))
        return reply

    async def sign_out(self, request: Request) -> Response:
        """End the session; its open pages can do nothing more."""
        await self._end(request)
        reply = RedirectResponse(f"{base_of(request)}/sign-in", 303)
        self._set_cookie(request, reply, SESSION_COOKIE, "", 0)
        return reply

    async def prefer(self, request: Request) -> Response:
        """Remember language or theme in a cookie, and go back."""
        form = await _read_form(request)
        reply = RedirectResponse(base_of(request) + _target(form.get("next")), 303)
        for field, (cookie, allowed) in CHOICES.items():
            if form.get(field) in allowed:
                self._set_cookie(request, reply, cookie, form[field], _YEAR)
        return reply

    async def session(self, _: Request) -> Response:
        """Reply 204 if the session is valid, which the guard has checked; pages ask when they have lost their connection."""
        return Response(status_code=204)

    async def _end(self, request: Request) -> None:
        try:
            principal = await asyncio.to_thread(self._users.authenticate, session_of(request))
            await asyncio.to_thread(self._users.revoke, principal.token_id, actor=principal.actor)
        except TokenInvalid:
            return

    def _set_cookie(self, request: Request, reply: Response, name: str, value: str, seconds: int) -> None:
        session = name == SESSION_COOKIE
        reply.set_cookie(
            name,
            value,
            max_age=seconds,
            path=base_of(request),
            secure=self._secure or request.url.scheme == "https",
            httponly=session,  # scripts change the theme but never need the session
            samesite="strict" if session else "lax",
        )


def _sign_in_form(request: Request, target: str, name: str = "", failure: str = "", status: int = 200) -> Response:
    here = f"/sign-in?next={quote(target, safe='')}"
    return render(request, "sign_in.html", status, next=target, here=here, name=name[:64], failure=failure)


async def _read_form(request: Request) -> dict[str, str]:
    """Return the fields of a small form; a body that is too long counts as empty."""
    body = await read_bounded(request.receive, _LARGEST_FORM, request.headers.get("content-length"))
    return dict(parse_qsl((body or b"").decode("utf-8", "replace")))


def _target(text: str | None) -> str:
    """Return a path within the console to continue with; the first page for anything else, such as another site."""
    return text if text and len(text) <= 2000 and _TARGET.fullmatch(text) else "/"
