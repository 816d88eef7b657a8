"""Runs an ASGI application on a socket: signals, orderly stop, connections under guard."""

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
    """A server whose signals we handle: an orderly stop ends with exit status 0.

    Args:
        app: The application.
        guard: Watches the connections.
        keep_alive_seconds: How long an idle connection is kept.
        trusted_proxies: Whose ``X-Forwarded-For`` is believed, comma separated; empty for none.
        drain_seconds: How long a stop waits for requests in flight.
        lifespan: Whether the application is to be told of start and stop.
        websockets: Whether the application takes websockets.
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
        """Serve until a signal comes or ``stop`` is called."""
        watch = asyncio.create_task(self._guard.watch())
        try:
            await super().serve(sockets)
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop accepting calls and drain on the first SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    async def stop_when(self, event: asyncio.Event) -> None:
        """Stop in good order once something has happened."""
        await event.wait()
        self.stop()

    def stop(self) -> None:
        """Stop accepting calls and drain."""
        self.should_exit = True


class SideServer(HttpServer):
    """A server beside another one, which has the signals and stops this one."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the other server."""
        yield


def listen(host: str, port: int) -> socket.socket:
    """A socket that is bound but does not accept yet.

    Raises:
        OSError: the address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit it. Else the body of a reply waits until the client has acknowledged its head: 40 ms.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise OSError(error.errno, error.strerror, f"{host}:{port}") from error
    return listening


def address_of(listening: socket.socket, host: str) -> str:
    """The address of a socket as clients write it."""
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listening.getsockname()[1]}"
