"""The load generator tells the truth about a slow server."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from bench.load import Load, Run, run

OK = b'{"Response":{"FusedImage":"http://127.0.0.1/results/1","RequestId":"1"}}'
FAILURE = b'{"Response":{"Error":{"Code":"ResourceInsufficient","Message":"busy"},"RequestId":"1"}}'


@asynccontextmanager
async def server(answer: Callable[[int], Awaitable[bytes]]) -> AsyncIterator[int]:
    """A server that answers the nth request as it is told, over connections that stay open; yields its port."""
    seen = 0
    serving: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        serving.append(asyncio.current_task())
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lengths = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
                await reader.readexactly(sum(lengths))
                seen += 1
                body = await answer(seen)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        await asyncio.gather(*filter(None, serving))


def measure(folder: Path, answer: Callable[[int], Awaitable[bytes]], **how: float) -> Run:
    body = folder / "body.json"
    body.write_text(json.dumps({"ProjectId": "at_1"}))

    async def both() -> Run:
        async with server(answer) as port:
            return await run(Load(port, "AKID", "secret", "FuseFace", (str(body),), **how))  # type: ignore[arg-type]  # by name

    return asyncio.run(both())


async def at_once(_: int) -> bytes:
    return OK


def test_a_closed_loop_makes_every_call_once(tmp_path: Path) -> None:
    found = measure(tmp_path, at_once, clients=3, calls=20)
    assert len(found.latencies) == 20
    assert not found.failures
    assert found.seconds >= max(found.latencies) / 1000


def test_an_open_loop_counts_from_the_moment_a_call_was_due(tmp_path: Path) -> None:
    async def one_stall(number: int) -> bytes:
        if number == 5:
            # The whole server stands still, not this call alone.
            time.sleep(0.4)
        return OK

    found = measure(tmp_path, one_stall, rate=50.0, seconds=1.0)
    assert len(found.latencies) == 50
    # A loop that waits for each reply would see one slow call; here all that were due meanwhile have waited, too.
    assert sum(latency > 100 for latency in found.latencies) >= 10
    assert max(found.latencies) >= 350


def test_an_open_loop_does_not_send_slower_when_replies_are_slow(tmp_path: Path) -> None:
    async def slow(_: int) -> bytes:
        await asyncio.sleep(0.3)
        return OK

    found = measure(tmp_path, slow, rate=40.0, seconds=0.5)
    assert len(found.latencies) == 20
    assert found.seconds < 1.5
    assert min(found.latencies) >= 290


def test_errors_are_counted_by_code_and_are_no_latencies(tmp_path: Path) -> None:
    async def every_other(number: int) -> bytes:
        return FAILURE if number % 2 else OK

    found = measure(tmp_path, every_other, clients=1, calls=10)
    assert len(found.latencies) == 5
    assert found.failures == {"ResourceInsufficient": 5}


def test_a_connection_that_breaks_is_a_failure(tmp_path: Path) -> None:
    async def gone(number: int) -> bytes:
        if number == 2:
            raise ConnectionResetError
        return OK

    found = measure(tmp_path, gone, clients=1, calls=4)
    assert len(found.latencies) == 3
    assert found.failures == {"IncompleteReadError": 1}


@pytest.mark.parametrize("how", [{"clients": 2, "calls": 6}, {"rate": 30.0, "seconds": 0.2}])
def test_its_own_processor_time_is_told(tmp_path: Path, how: dict[str, float]) -> None:
    found = measure(tmp_path, at_once, **how)
    assert 0 < found.processor < found.seconds + 0.5
