"""Limits on client connections and websockets: how many, how slow, how large a request's head may be."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, ClassVar, Protocol, TypeAlias

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol

Network: TypeAlias = IPv4Network | IPv6Network

_LINGER_SECONDS = 2.0
_LINGER_BYTES = 4 << 20
_FREE_CHUNKS = 1024
_CHUNK_BYTES = 32


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits on connections.

    Attributes:
        connections: Connections at the same time.
        per_address: Connections from one address; trusted proxies may have all.
        header_seconds: Time in which the head of a request must arrive.
        header_bytes: Size of a head.
        headers: Lines of a head.
        slow_bytes, slow_seconds: A client may read a reply more slowly than this many bytes a second for this many seconds.
        proxies: Networks of trusted proxies.
    """

    connections: int = 512
    per_address: int = 256
    header_seconds: float = 10.0
    header_bytes: int = 64 << 10
    headers: int = 100
    slow_bytes: int = 1024
    slow_seconds: float = 20.0
    proxies: tuple[Network, ...] = ()


def parse_proxies(names: Iterable[str]) -> tuple[Network, ...]:
    """Return the networks of trusted proxies; ``*`` trusts every address, and names that are not addresses are skipped."""
    found: list[Network] = []
    for name in names:
        if name == "*":
            found += [ip_network("0.0.0.0/0"), ip_network("::/0")]
            continue
        try:
            found.append(ip_network(name, strict=False))
        except ValueError:
            # uvicorn also accepts names of sockets here.
            continue
    return tuple(found)


class Watched(Protocol):
    """A connection that a guard watches."""

    def look(self, now: float) -> None:
        """Close the connection if it holds up the server."""
        ...


class Guard:
    """Counts connections and closes those that hold up the server; belongs to one event loop."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self.refused: Counter[str] = Counter()
        """Refused requests and closed connections, by reason."""
        self._open: set[Watched] = set()
        self._by_address: Counter[str] = Counter()

    @property
    def open(self) -> int:
        """Number of open connections."""
        return len(self._open)

    def protocol(self) -> type[GuardedProtocol]:
        """Return the protocol class for a server whose connections this guard watches."""
        return type("WatchedProtocol", (GuardedProtocol,), {"guard": self})

    def admit(self, connection: Watched, address: str) -> bool:
        """Count a connection until ``release``; return False if there is no room for it."""
        if len(self._open) >= self.limits.connections:
            self.refused["connections"] += 1
            return False
        if self._by_address[address] >= self.limits.per_address and not self._trusted(address):
            self.refused["address"] += 1
            return False
        self._open.add(connection)
        self._by_address[address] += 1
        return True

    def release(self, connection: Watched, address: str) -> None:
        """Forget a connection; does nothing if it was not admitted."""
        if connection in self._open:
            self._open.remove(connection)
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]

    async def watch(self, every: float = 1.0) -> None:
        """Check all connections repeatedly, until cancelled."""
        while True:
            await asyncio.sleep(every)
            now = asyncio.get_running_loop().time()
            for connection in tuple(self._open):
                connection.look(now)

    def _trusted(self, address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self.limits.proxies)


class GuardedConnection(h11.Connection):
    """Reads requests more strictly: limits on heads, one statement of a body's length, no tiny chunks."""

    def __init__(self, limits: ConnectionLimits) -> None:
        super().__init__(h11.SERVER, limits.header_bytes)
        self.refusal = 400
        """Status of the reply once a rule is broken."""
        self._limits = limits
        self._chunks = self._chunk_bytes = 0

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Return the next event.

        Raises:
            RemoteProtocolError: the client broke a rule.
        """
        try:
            event = super().next_event()
            self._check(event)
        except h11.RemoteProtocolError as error:
            self.refusal = error.error_status_hint
            raise
        return event

    def _check(self, event: h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]) -> None:
        if isinstance(event, h11.Request):
            self._chunks = self._chunk_bytes = 0
            self._check_head(event)
        elif isinstance(event, h11.Data):
            self._chunks += event.chunk_start
            self._chunk_bytes += len(event.data)
            # A chunk costs the server far more than the client; ordinary chunks are kilobytes long.
            if self._chunks > _FREE_CHUNKS + self._chunk_bytes // _CHUNK_BYTES:
                raise h11.RemoteProtocolError("chunks are too small", error_status_hint=400)

    def _check_head(self, request: h11.Request) -> None:
        if request.http_version not in (b"1.0", b"1.1"):
            raise h11.RemoteProtocolError("the version must be 1.0 or 1.1", error_status_hint=505)
        names = [name for name, _ in request.headers]
        size = len(request.method) + len(request.target) + sum(len(name) + len(value) + 4 for name, value in request.headers)
        if len(names) > self._limits.headers or size > self._limits.header_bytes:
            raise h11.RemoteProtocolError("the head of the request is too large", error_status_hint=431)
        if b"transfer-encoding" in names and (b"content-length" in names or request.http_version != b"1.1"):
            # A proxy that believes the other of the two would take the rest of the body for another request (RFC 9112, 6.1).
            raise h11.RemoteProtocolError("the length of the body must be said once", error_status_hint=400)


class GuardedProtocol(H11Protocol):
    """One connection, watched by a guard."""

    guard: ClassVar[Guard]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._strict = GuardedConnection(self.guard.limits)
        self.conn = self._strict
        self._address = ""
        self._lingering = False
        self._left_to_discard = _LINGER_BYTES
        self._head_since: float | None = None
        self._unsent: tuple[float, int] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base class
        """Serve the connection if there is room."""
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        if self.guard.admit(self, self._address):
            self._head_since = self.loop.time()
        else:
            self._refuse(503, "too many connections")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self.guard.release(self, self._address)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, and note since when the head of a request has been incomplete."""
        if self._lingering:
            self._left_to_discard -= len(data)
            if self._left_to_discard < 0:
                self.transport.abort()
            return
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._head_since = None
        elif self._head_since is None and self.conn.trailing_data[0]:
            self._head_since = self.loop.time()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection over to the websocket protocol, which the guard watches instead."""
        self.guard.release(self, self._address)
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        """Answer a malformed request."""
        self.guard.refused["malformed"] += 1
        self._refuse(self._strict.refusal, msg)

    def shutdown(self) -> None:
        """Close the connection when the server stops."""
        if self._lingering:
            self.transport.abort()
        else:
            super().shutdown()

    def look(self, now: float) -> None:
        """Close the connection if it holds up the server; ``now`` is the time of the event loop."""
        limits = self.guard.limits
        if self._head_since is not None and now - self._head_since > limits.header_seconds:
            self.guard.refused["slow head"] += 1
            self._head_since = None
            self._refuse(408, "the head of the request did not arrive in time")
        size = self.transport.get_write_buffer_size()
        if not size or self._unsent is None or size > self._unsent[1]:
            self._unsent = (now, size) if size else None
            return
        since, before = self._unsent
        if now - since >= limits.slow_seconds:
            if before - size < limits.slow_bytes * (now - since):
                self.guard.refused["slow reader"] += 1
                self.transport.abort()
            self._unsent = (now, size)

    def _refuse(self, status: int, text: str) -> None:
        """Reply without the application and close, once the client has had time to read the reply."""
        if self._lingering or self.transport.is_closing():
            return
        self._lingering = True
        self._unset_keepalive_if_required()
        cycle = self.cycle
        running = cycle is not None and not cycle.response_complete
        if running:
            cycle.disconnected = True
            cycle.message_event.set()
        if not running or not cycle.response_started:
            body = text.encode("ascii")
            head = (
                f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            self.transport.write(head.encode("ascii") + body)
        # Closing with unread bytes would reset the connection, and the client might not see the reply.
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, self.transport.abort)


LARGEST_MESSAGE = 1 << 20
"""Largest websocket message of a page, in bytes; files are uploaded by HTTP."""


def watched_sockets(guard: Guard) -> type[asyncio.Protocol]:
    """Return the protocol class for websockets that a guard watches."""
    return type("WatchedSocket", (GuardedSocket,), {"guard": guard})


class GuardedSocket(WSProtocol):
    """One websocket, watched by a guard."""

    guard: ClassVar[Guard]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._address = ""
        self._unsent: tuple[float, int] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base class
        """Serve the connection if there is room."""
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        if not self.guard.admit(self, self._address):
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self.guard.release(self, self._address)
        super().connection_lost(exc)

    def look(self, now: float) -> None:
        """Close the connection if its client has stopped reading; ``now`` is the time of the event loop."""
        size = self.transport.get_write_buffer_size()
        if not size or self._unsent is None or size < self._unsent[1]:
            self._unsent = (now, size) if size else None
        elif now - self._unsent[0] >= self.guard.limits.slow_seconds:
            self.guard.refused["slow reader"] += 1
            self.transport.abort()
