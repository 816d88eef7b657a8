"""The outermost layer of the server: limits on slow and large bodies and on requests of one client, and a count of replies."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MIB = 1 << 20

_LATE_SECONDS = 1.0
"""Time in which a slow client may still send after it was refused, so that it sees the reply."""


@dataclass(frozen=True, slots=True)
class EdgeLimits:
    """Limits on requests of any kind.

    Attributes:
        body_seconds: Time in which a body must arrive.
        slow_bytes, slow_seconds: A body may be slower than this many bytes a second for this many seconds.
        bodies: Bytes of all bodies held at the same time; one address may hold half of them.
        per_address: Requests of one address at the same time.
        discard_bytes: Bytes of a refused body that are read and thrown away, so that the client sees the reply.
    """

    body_seconds: float = 120.0
    slow_bytes: int = 1024
    slow_seconds: float = 20.0
    bodies: int = 1024 * MIB
    per_address: int = 256
    discard_bytes: int = 256 * MIB


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A reply that the edge gives in place of the application."""

    reason: str
    status: int
    text: str


_TOO_MANY = _Refusal("requests", 429, "too many requests at the same time from this address")
_NO_ROOM = _Refusal("bodies", 503, "too much is being uploaded at this moment")
_SLOW = _Refusal("slow body", 408, "the body did not arrive in time")


class _Shares:
    """Amounts by address, and their total."""

    def __init__(self) -> None:
        self.total = 0
        self._parts: dict[str, int] = {}

    def of(self, address: str) -> int:
        """Return the amount of an address."""
        return self._parts.get(address, 0)

    def add(self, address: str, amount: int) -> None:
        """Change the amount of an address; addresses with nothing left are forgotten."""
        left = self._parts.get(address, 0) + amount
        self.total += amount
        if left:
            self._parts[address] = left
        else:
            self._parts.pop(address, None)


class Edge:
    """Wraps an ASGI application; belongs to one event loop.

    Args:
        app: The application.
        limits: Limits on requests.
        refused: Counts refusals by reason.
    """

    def __init__(self, app: ASGIApp, limits: EdgeLimits, refused: Counter[str]) -> None:
        self._app = app
        self._limits = limits
        self._refused = refused
        self._held = _Shares()
        self._running = _Shares()
        self.answered: Counter[tuple[str, int]] = Counter()
        """Replies by kind of path and status."""

    @property
    def held(self) -> int:
        """Bytes of bodies held at present."""
        return self._held.total

    @property
    def running(self) -> int:
        """Requests in flight."""
        return self._running.total

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        address = _address(scope)
        if not address:
            # A proxy may pass on an invented name; the application must not take it for an address.
            scope = {**scope, "client": None}
        exchange = _Exchange(self, scope, address, receive, send)
        self._running.add(address, 1)
        try:
            await exchange.run(self._app)
        finally:
            self._running.add(address, -1)
            self._held.add(address, -exchange.held)

    def refuses(self, address: str, announced: int) -> _Refusal | None:
        """Return the reason why a request may not begin, or None."""
        if self._running.of(address) > self._limits.per_address:
            return _TOO_MANY
        # A body larger than half the budget can never fit; the application rejects it with its own error code.
        room = announced > self._limits.bodies // 2 or self._fits(address, announced)
        return None if room else _NO_ROOM

    def hold(self, address: str, size: int) -> bool:
        """Reserve room for a part of a body until the request ends; return False if there is none."""
        if not self._fits(address, size):
            return False
        self._held.add(address, size)
        return True

    def count_refusal(self, reason: str) -> None:
        """Count a refused request."""
        self._refused[reason] += 1

    @property
    def limits(self) -> EdgeLimits:
        """Limits on requests."""
        return self._limits

    def _fits(self, address: str, size: int) -> bool:
        most = self._limits.bodies
        return self._held.total + size <= most and self._held.of(address) + size <= most // 2


class _Exchange:
    """One request and its reply."""

    def __init__(self, edge: Edge, scope: Scope, address: str, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        announced = headers.get("content-length", "0")
        self._edge = edge
        self._limits = edge.limits
        self._scope = scope
        self._address = address
        self._receive = receive
        self._send = send
        self._announced = int(announced) if announced.isascii() and announced.isdigit() else 0
        self._whole = not self._announced and "transfer-encoding" not in headers
        self._asked_first = "100-continue" in headers.get("expect", "").lower()
        self._begun = asyncio.get_running_loop().time()
        self._waited, self._arrived = 0.0, 0
        self._refusal: _Refusal | None = None
        self._status = 0
        self.held = 0

    async def run(self, app: ASGIApp) -> None:
        """Let the application answer, or refuse in its place."""
        self._refusal = self._edge.refuses(self._address, self._announced)
        try:
            if self._refusal is None:
                await app(self._scope, self.receive, self.send)
        except Exception:
            # We told the application that the client disconnected, so any exception it raises now is expected.
            if self._refusal is None:
                self._status = self._status or 500
                raise
        finally:
            if self._refusal is not None and not self._status:
                await self._refuse(self._refusal)
            self._edge.answered[kind_of(self._scope["path"]), self._status] += 1

    async def receive(self) -> Message:
        """Return the next message for the application; once the body is refused, it learns that the client disconnected."""
        if self._refusal is not None:
            return {"type": "http.disconnect"}
        if self._whole:
            return await self._receive()
        message = await self._next()
        if message is None:
            self._refusal = _SLOW
        elif not self._keep(message):
            self._refusal = _NO_ROOM
        else:
            return message
        return {"type": "http.disconnect"}

    async def _next(self) -> Message | None:
        """Return the next part of the body, or None if it takes too long."""
        clock, limits = asyncio.get_running_loop().time, self._limits
        asked = clock()
        patience = min(limits.slow_seconds - self._waited, self._begun + limits.body_seconds - asked)
        try:
            async with asyncio.timeout(max(0.0, patience)):
                message = await self._receive()
        except TimeoutError:
            return None
        self._asked_first = False
        self._waited += clock() - asked
        self._arrived += len(message.get("body", b""))
        if self._arrived >= limits.slow_bytes * self._waited:
            self._waited, self._arrived = 0.0, 0
        self._whole = not message.get("more_body", False)
        return message

    def _keep(self, message: Message) -> bool:
        size = len(message.get("body", b""))
        if not self._edge.hold(self._address, size):
            return False
        self.held += size
        return True

    async def send(self, message: Message) -> None:
        """Send a message of the application, unless the request was refused."""
        if self._refusal is not None and not self._status:
            return
        if message["type"] == "http.response.start":
            self._status = message["status"]
            if not self._whole:
                # The rest of the body would be taken for the next request.
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        elif message["type"] == "http.response.body" and not message.get("more_body", False) and not self._whole:
            await self._send({**message, "more_body": True})
            await self._discard()
            message = {"type": "http.response.body"}
        await self._send(message)

    async def _refuse(self, refusal: _Refusal) -> None:
        self._edge.count_refusal(refusal.reason)
        body = refusal.text.encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode()), (b"retry-after", b"5")]
        self._status = refusal.status
        if not self._whole:
            headers.append((b"connection", b"close"))
        await self._send({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": True})
        await self._discard()
        await self._send({"type": "http.response.body"})

    async def _discard(self) -> None:
        """Read the rest of the body: a client that is still sending when the connection closes never sees the reply."""
        if self._asked_first:
            return
        left = self._limits.discard_bytes
        try:
            async with asyncio.timeout(_LATE_SECONDS if self._refusal is _SLOW else self._limits.body_seconds):
                while not self._whole and left > 0:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    self._whole = not message.get("more_body", False)
        except TimeoutError:
            return


def _address(scope: Scope) -> str:
    """Return the client's address; empty if unknown or not an IP address."""
    client = scope.get("client")
    try:
        return str(ip_address(client[0])) if client else ""
    except ValueError:
        return ""


_KINDS: tuple[tuple[str, str], ...] = (
    ("/admin/", "admin"),
    ("/console", "console"),
    ("/results/", "results"),
    ("/materials/", "materials"),
    ("/verify", "verify"),
    ("/healthz", "health"),
    ("/readyz", "health"),
    ("/metrics", "metrics"),
)


def kind_of(path: str) -> str:
    """Return the kind of a path, one of a few words."""
    if path == "/":
        return "api"
    return next((kind for start, kind in _KINDS if path.startswith(start)), "other")
