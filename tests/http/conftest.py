"""A real server on a real socket around an application of a few lines, and clients that write bytes."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from facemeld.http.connections import ConnectionLimits, Guard
from facemeld.http.edge import Edge, EdgeLimits
from facemeld.http.server import SideServer, listen

HOST = b"Host: test\r\n"


@dataclass(frozen=True)
class Reply:
    """One reply as it came over the wire; status 0 if the connection ended without one."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        with suppress(ConnectionError):
            await self.writer.drain()

    async def reply(self, seconds: float = 10.0) -> Reply:
        """The next reply."""
        async with asyncio.timeout(seconds):
            try:
                head = await self.reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                return Reply(0)
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
            body = b""
            with suppress(asyncio.IncompleteReadError):
                body = await self.reader.readexactly(int(headers.get("content-length", "0")))
            return Reply(int(re.split(" ", first)[1]), headers, body)

    async def closed(self, seconds: float = 10.0) -> bool:
        """Whether the server closes the connection without sending anything more."""
        try:
            async with asyncio.timeout(seconds):
                return await self.reader.read(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


@dataclass
class Service:
    """A running server."""

    port: int
    guard: Guard
    edge: Edge
    seen: list[str]
    gone: list[str]
    hold: asyncio.Event
    clients: list[Client] = field(default_factory=list)

    async def connect(self, address: str = "127.0.0.1", **options: Any) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address, 0), **options)
        client = Client(reader, writer)
        self.clients.append(client)
        return client

    async def ask(self, data: bytes, address: str = "127.0.0.1") -> Reply:
        """The reply to bytes on a connection of their own."""
        client = await self.connect(address)
        await client.send(data)
        return await client.reply()

    async def eventually(self, condition: Callable[[], bool], seconds: float = 5.0) -> bool:
        """Wait for a condition; return whether it came true in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not condition():
                    await asyncio.sleep(0.01)
        return condition()


def application(seen: list[str], gone: list[str], hold: asyncio.Event) -> ASGIApp:
    """An application that echoes the method, path and body length of a request."""

    async def echo(request: Request) -> Response:
        try:
            body = await request.body()
        except ClientDisconnect:
            gone.append(request.url.path)
            return Response(status_code=400)
        text = f"{request.method} {request.url.path} {len(body)}"
        seen.append(text)
        return PlainTextResponse(text, headers={"X-Client": request.client.host if request.client else ""})

    async def refuse(_: Request) -> Response:
        return PlainTextResponse("no", 413)

    async def wait(request: Request) -> Response:
        await hold.wait()
        return await echo(request)

    async def wait_or_gone(request: Request) -> Response:
        while not await request.is_disconnected():
            await asyncio.sleep(0.01)
        gone.append(request.url.path)
        return Response()

    async def careless(request: Request) -> Response:
        return PlainTextResponse(str(len(await request.body())))

    async def large(_: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(256):
                yield bytes(256 << 10)

        return StreamingResponse(chunks(), headers={"Content-Length": str(64 << 20)})

    methods = ["GET", "POST", "PUT"]
    paths: dict[str, Callable[[Request], Awaitable[Response]]] = {
        "/refuse": refuse,
        "/wait": wait,
        "/gone": wait_or_gone,
        "/careless": careless,
        "/large": large,
        "/{path:path}": echo,
    }
    return Starlette(routes=[Route(path, handle, methods=methods) for path, handle in paths.items()])


@asynccontextmanager
async def serving(
    connection: ConnectionLimits | None = None, limits: EdgeLimits | None = None, trusted_proxies: str = "", watch_seconds: float = 0.05
) -> AsyncIterator[Service]:
    """A server with these limits for the length of a block."""
    seen: list[str] = []
    gone: list[str] = []
    hold = asyncio.Event()
    guard = Guard(connection or ConnectionLimits())
    edge = Edge(application(seen, gone, hold), limits or EdgeLimits(), guard.refused)
    server = SideServer(edge, guard, trusted_proxies=trusted_proxies, drain_seconds=1, lifespan=False)
    with listen("127.0.0.1", 0) as listening:
        running = asyncio.create_task(server.serve(sockets=[listening]))
        # The server checks once a second by default, which is long for a test.
        watching = asyncio.create_task(guard.watch(watch_seconds))
        while not server.started:
            await asyncio.sleep(0.01)
        service = Service(listening.getsockname()[1], guard, edge, seen, gone, hold)
        try:
            yield service
        finally:
            for client in service.clients:
                await client.close()
            hold.set()
            watching.cancel()
            server.stop()
            await running


Body = Callable[[Service], Awaitable[None]]


@pytest.fixture
def check() -> Callable[..., None]:
    """A function that runs the body of a test against a server with the given limits."""

    def run(body: Body, **options: Any) -> None:
        async def main() -> None:
            async with serving(**options) as service:
                await body(service)

        asyncio.run(main())

    return run


def as_json(reply: Reply) -> Any:
    """The body of a reply as JSON."""
    return json.loads(reply.body)
