"""Runs an ASGI application on a socket: signals, graceful stop, guarded connections."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp

from facemeld.http.connections import LARGEST_MESSAGE, Guard, watched_sockets


class HttpServer(uvicorn.Server):
    """A server that handles signals itself, so that a graceful stop ends with exit status 0.

    Args:
        app: The application.
        guard: Watches the connections.
        keep_alive_seconds: Time for which an idle connection is kept.
        trusted_proxies: Comma-separated proxies whose ``X-Forwarded-For`` is trusted; empty for none.
        drain_seconds: Longest wait for requests in flight when the server stops.
        lifespan: Send lifespan events to the application.
        websockets: The application accepts websockets.
    """

    def __init__(
        self,
        app: ASGIApp,
        guard: Guard,
        *,
        keep_alive_seconds: float = 15.0,
        trusted_proxies: str = "",
        drain_seconds: float = 0.0,
        lifespan: bool = True,
        websockets: bool = False,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=guard.protocol(),
                ws=watched_sockets(guard) if websockets else "none",
                ws_max_size=LARGEST_MESSAGE,
                lifespan="on" if lifespan else "off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(trusted_proxies),
                forwarded_allow_ips=trusted_proxies,
                timeout_keep_alive=max(1, round(keep_alive_seconds)),
                timeout_graceful_shutdown=int(drain_seconds) or None,
            )
        )
        self._guard = guard

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until a signal arrives or ``stop`` is called."""
        watch = asyncio.create_task(self._guard.watch())
        try:
            await super().serve(sockets)
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on the first SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    async def stop_when(self, event: asyncio.Event) -> None:
        """Stop once an event is set."""
        await event.wait()
        self.stop()

    def stop(self) -> None:
        """Stop accepting connections, and end when the requests in flight are done."""
        self.should_exit = True


class SideServer(HttpServer):
    """A server beside another one, which handles the signals and stops this one."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the other server."""
        yield


def listen(host: str, port: int) -> socket.socket:
    """Return a bound socket that does not accept connections yet.

    Raises:
        OSError: the address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit this. Otherwise the body of a reply waits 40 ms for the client to acknowledge the head.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise OSError(error.errno, error.strerror, f"{host}:{port}") from error
    return listening


def address_of(listening: socket.socket, host: str) -> str:
    """Return the URL of a socket."""
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listening.getsockname()[1]}"
