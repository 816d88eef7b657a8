"""The load: a process of its own that sends signed requests again and again, and clocks the replies.

Closed loop: some clients, each sends its next request when it has its reply. Open loop: requests are due at a constant rate, whatever
the server does, and a latency counts from the moment the request was due; so a slow reply cannot hide those that should have been sent
meanwhile (no coordinated omission).

``python -m bench.load`` reads a ``Load`` as JSON from standard input and writes a ``Run`` to standard output.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path

from scripts.tc3 import signed_headers

_GATHER = 512
"""Connections an open loop may have at the same time."""


@dataclass(frozen=True, slots=True)
class Load:
    """The requests to send, and their timing.

    Attributes:
        port: Of the server on this machine.
        secret_id, secret_key: The key that signs.
        action: Name of the action.
        bodies: Files that hold the requests' bodies; taken in turn.
        clients: Clients of a closed loop; 0 for an open loop.
        calls: Calls of a closed loop altogether.
        rate: Calls a second of an open loop.
        seconds: Length of an open loop.
    """

    port: int
    secret_id: str
    secret_key: str
    action: str
    bodies: tuple[str, ...]
    clients: int = 0
    calls: int = 0
    rate: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Run:
    """The outcome of a load.

    Attributes:
        latencies: Milliseconds of each call that succeeded.
        failures: How often each error came.
        seconds: From the first request to the last reply.
        processor: Processor seconds that the load itself took.
    """

    latencies: list[float]
    failures: dict[str, int]
    seconds: float
    processor: float


class Sender:
    """Sends the prepared request over connections that stay open."""

    def __init__(self, load: Load) -> None:
        # Signed beforehand: a request stays valid for minutes, so that signing is no part of the load.
        self._requests = cycle([signed(load, Path(body).read_bytes()) for body in load.bodies])
        self._port = load.port
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.latencies: list[float] = []
        self.failures: dict[str, int] = {}

    async def send(self, due: float) -> None:
        """Send one request and note how long after ``due`` its reply was complete."""
        try:
            head, body = await self.exchange(next(self._requests))
        except (OSError, asyncio.IncompleteReadError) as error:
            self._failed(type(error).__name__)
            return
        took = (time.perf_counter() - due) * 1000
        # Only the beginning is read: a base64 reply is long, and an error comes first.
        if not head.startswith(b"HTTP/1.1 200"):
            self._failed(head[9:12].decode())
        elif b'"Error"' in body[:64]:
            self._failed(json.loads(body)["Response"]["Error"]["Code"])
        else:
            self.latencies.append(took)

    async def exchange(self, request: bytes) -> tuple[bytes, bytes]:
        """Head and body of the reply to a request.

        Raises:
            OSError: the connection broke, or the reply does not say how long it is.
            asyncio.IncompleteReadError: the connection ended within the reply.
        """
        async with self._connection() as (reader, writer):
            writer.write(request)
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            return head, await reader.readexactly(_length(head))

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        while self._free and self._free[-1][0].at_eof():
            # The server has closed it, as it does with connections that rest for long.
            self._free.pop()[1].close()
        pair = self._free.pop() if self._free else await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
        try:
            yield pair
        except BaseException:
            pair[1].close()
            raise
        self._free.append(pair)

    def close(self) -> None:
        """Close the connections."""
        for _, writer in self._free:
            writer.close()

    def _failed(self, what: str) -> None:
        self.failures[what] = self.failures.get(what, 0) + 1


def signed(load: Load, body: bytes) -> bytes:
    """A request with its signature, which holds for minutes."""
    headers = signed_headers(f"127.0.0.1:{load.port}", load.secret_id, load.secret_key, load.action, body)
    lines = ["POST / HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise OSError("the reply must say how long it is")


async def closed(sender: Sender, clients: int, calls: int) -> None:
    """Some clients, each waiting for its replies, until all calls are made."""
    left: Iterator[int] = iter(range(calls))

    async def client() -> None:
        for _ in left:
            await sender.send(time.perf_counter())

    await asyncio.gather(*(client() for _ in range(clients)))


async def opened(sender: Sender, rate: float, seconds: float) -> None:
    """Calls at a constant rate; returns when the last one is answered."""
    start = time.perf_counter() + 0.05
    under_way: set[asyncio.Task[None]] = set()
    for number in range(round(rate * seconds)):
        due = start + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        if len(under_way) >= _GATHER:
            sender.failures["NotSent"] = sender.failures.get("NotSent", 0) + 1
            continue
        task = asyncio.create_task(sender.send(due))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    while under_way:
        await asyncio.gather(*under_way)


async def run(load: Load) -> Run:
    """Make all calls of a load."""
    sender = Sender(load)
    started, processor = time.perf_counter(), time.process_time()
    if load.clients:
        await closed(sender, load.clients, load.calls)
    else:
        await opened(sender, load.rate, load.seconds)
    seconds, processor = time.perf_counter() - started, time.process_time() - processor
    sender.close()
    return Run(sender.latencies, sender.failures, seconds, processor)


def apart(load: Load) -> Run:
    """Make all calls of a load in a process of its own."""
    command = [sys.executable, "-m", "bench.load"]
    done = subprocess.run(command, input=json.dumps(asdict(load)), stdout=subprocess.PIPE, text=True, check=True)
    return Run(**json.loads(done.stdout))


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(run(Load(**json.load(sys.stdin)))))))
