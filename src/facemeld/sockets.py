"""Websockets of strangers, under the same guard as all other connections."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.websockets.wsproto_impl import WSProtocol

from facemeld.connections import Guard

LARGEST_MESSAGE = 1 << 20
"""Bytes of a message that a page may send; files take another way."""


def watched_sockets(guard: Guard) -> type[asyncio.Protocol]:
    """The protocol class for websockets whose connections a guard counts."""
    return type("WatchedSocket", (GuardedSocket,), {"guard": guard})


class GuardedSocket(WSProtocol):
    """One websocket, counted by a guard."""

    guard: ClassVar[Guard]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._address = ""
        self._unsent: tuple[float, int] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base class
        """Serve the connection if there is room for it."""
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        if not self.guard.admit(self, self._address):
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self.guard.release(self, self._address)
        super().connection_lost(exc)

    def look(self, now: float) -> None:
        """Cut off a reader that takes nothing of what waits for it; browsers answer pings, so the rest is the server's own business.

        Args:
            now: Time of the event loop.
        """
        size = self.transport.get_write_buffer_size()
        if not size or self._unsent is None or size < self._unsent[1]:
            self._unsent = (now, size) if size else None
        elif now - self._unsent[0] >= self.guard.limits.slow_seconds:
            self.guard.refused["slow reader"] += 1
            self.transport.abort()
