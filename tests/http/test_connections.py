"""Bytes that no honest client sends: the answer, the end of the connection, and that other clients are not held up."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable

import pytest

from facemeld.http.connections import ConnectionLimits, parse_proxies
from facemeld.http.edge import EdgeLimits
from tests.http.conftest import HOST, Service
from tests.tables import table

Check = Callable[..., None]
CHUNKED = b"Transfer-Encoding: chunked\r\n"

MALFORMED = {
    "no HTTP at all": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "no version": (b"GET /\r\n\r\n", 400),
    "version 2": (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\n" + HOST + b"Host: other\r\n\r\n", 400),
    "blank before a colon": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    "control character in a name": (b"GET / HTTP/1.1\r\n" + HOST + b"A\x00B: 1\r\n\r\n", 400),
    "control character in a value": (b"GET / HTTP/1.1\r\n" + HOST + b"A: \x001\r\n\r\n", 400),
    "carriage return in a value": (b"GET / HTTP/1.1\r\n" + HOST + b"A: 1\rContent-Length: 5\r\n\r\n", 400),
    "control character in a target": (b"GET /\x01 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "length and chunks": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 6\r\n" + CHUNKED + b"\r\n0\r\n\r\nX", 400),
    "chunks and length": (b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + b"Content-Length: 6\r\n\r\n0\r\n\r\nX", 400),
    "two lengths": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\naaaaaa", 400),
    "two lengths in one line": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5, 6\r\n\r\naaaaaa", 400),
    "a negative length": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n", 400),
    "a length with a sign": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +1\r\n\r\na", 400),
    "a hexadecimal length": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0x1\r\n\r\na", 400),
    "a length in other digits": (b"POST / HTTP/1.1\r\n" + HOST + "Content-Length: ١\r\n\r\na".encode(), 400),
    "a huge length": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n", 400),
    "chunks twice": (b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n", 501),
    "an unknown coding": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    "a coding before chunks": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "a hidden coding": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
    "chunks in version 1.0": (b"POST / HTTP/1.0\r\n" + HOST + CHUNKED + b"\r\n0\r\n\r\n", 400),
    "a chunk without a size": (b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n\r\n\r\n", 400),
    "a chunk with a sign": (b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n+1\r\na\r\n0\r\n\r\n", 400),
    "a chunk of immense size": (b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n" + b"f" * 30 + b"\r\n", 400),
    "a chunk longer than it says": (b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n1\r\nabc\r\n0\r\n\r\n", 400),
    "many headers": (b"GET / HTTP/1.1\r\n" + HOST + b"".join(b"A%d: 1\r\n" % n for n in range(60)) + b"\r\n", 431),
    "a large header": (b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"a" * 60_000 + b"\r\n\r\n", 431),
    "a flood of headers": (b"GET / HTTP/1.1\r\n" + HOST + b"A: 1\r\n" * 400_000, 431),
    "an endless line": (b"GET /" + b"a" * 3_000_000, 431),
}


def test_what_is_no_request_is_refused_and_ends_the_connection(check: Check) -> None:
    found = {}

    async def body(service: Service) -> None:
        for name, (data, _) in MALFORMED.items():
            service.seen.clear()
            service.guard.refused["malformed"] = 0
            client = await service.connect()
            await client.send(data)
            reply = await client.reply()
            # If the body is broken, the application may have been called already, but never gets a whole body.
            ended, seen, refused = await client.closed(), list(service.seen), service.guard.refused["malformed"]
            await client.close()
            following = await service.ask(b"GET /next HTTP/1.1\r\n" + HOST + b"\r\n")
            found[name] = (reply.status, ended, seen, refused, following.status)
            while service.clients:
                await service.clients.pop().close()
            assert await service.eventually(lambda: service.guard.open == 0)

    check(body, connection=ConnectionLimits(header_bytes=16 << 10, headers=50))
    assert found == {name: (status, True, [], 1, 200) for name, (_, status) in MALFORMED.items()}


def test_heads_up_to_the_limits_are_served(check: Check) -> None:
    async def body(service: Service) -> None:
        many = b"".join(b"A%d: 1\r\n" % number for number in range(49))
        assert (await service.ask(b"GET /many HTTP/1.1\r\n" + HOST + many + b"\r\n")).status == 200
        long = b"A: " + b"a" * 16_000 + b"\r\n"
        assert (await service.ask(b"GET /long HTTP/1.1\r\n" + HOST + long + b"\r\n")).status == 200
        assert (await service.ask(b"GET /old HTTP/1.0\r\n\r\n")).status == 200

    check(body, connection=ConnectionLimits(header_bytes=16 << 10, headers=50))


def test_pipelined_requests_are_answered_in_order(check: Check) -> None:
    async def body(service: Service) -> None:
        client = await service.connect()
        requests = [b"GET /%d HTTP/1.1\r\n" % number + HOST + b"\r\n" for number in range(40)]
        requests[7] = b"POST /7 HTTP/1.1\r\n" + HOST + b"Content-Length: 50000\r\n\r\n" + b"b" * 50_000
        requests[9] = b"POST /9 HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n5\r\nabcde\r\n0\r\n\r\n"
        await client.send(b"".join(requests))
        replies = [await client.reply() for _ in requests]
        assert [reply.status for reply in replies] == [200] * 40
        lengths = {7: 50_000, 9: 5}
        methods = ["POST" if number in lengths else "GET" for number in range(40)]
        assert [reply.body.decode() for reply in replies] == [f"{methods[n]} /{n} {lengths.get(n, 0)}" for n in range(40)]

    check(body)


def test_a_refused_body_is_not_taken_for_the_next_request(check: Check) -> None:
    async def body(service: Service) -> None:
        client = await service.connect()
        smuggled = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
        await client.send(b"POST /refuse HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(smuggled) + smuggled)
        reply = await client.reply()
        assert (reply.status, reply.headers["connection"]) == (413, "close")
        assert await client.closed()
        assert service.seen == []

    check(body)


@pytest.mark.parametrize(
    "drip",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"G", id="one byte at a time"),
        pytest.param(b"A: 1\r\n", id="one header at a time"),
    ],
)
def test_a_head_must_arrive_in_time(check: Check, drip: bytes) -> None:
    async def body(service: Service) -> None:
        client = await service.connect()
        if len(drip) > 1:
            await client.send(b"GET / HTTP/1.1\r\n" + HOST)
        started = time.monotonic()
        while time.monotonic() - started < 0.25:
            await client.send(drip)
            await asyncio.sleep(0.02)
        reply = await client.reply()
        assert (reply.status, service.guard.refused["slow head"]) == (408, 1)
        assert await client.closed()

    check(body, connection=ConnectionLimits(header_seconds=0.2))


def test_the_head_of_a_later_request_must_arrive_in_time_as_well(check: Check) -> None:
    async def body(service: Service) -> None:
        client = await service.connect()
        await client.send(b"GET /first HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (await client.reply()).status == 200
        # A client may be idle between requests until the keep-alive ends.
        await asyncio.sleep(0.4)
        await client.send(b"GET /sec")
        assert (await client.reply()).status == 408
        assert service.seen == ["GET /first 0"]

    check(body, connection=ConnectionLimits(header_seconds=0.2))


def test_a_long_answer_is_no_slow_head(check: Check) -> None:
    async def body(service: Service) -> None:
        client = await service.connect()
        await client.send(b"GET /wait HTTP/1.1\r\n" + HOST + b"\r\n")
        await asyncio.sleep(0.4)
        service.hold.set()
        assert (await client.reply()).status == 200

    check(body, connection=ConnectionLimits(header_seconds=0.2))


@pytest.mark.parametrize("head", [b"Content-Length: 1000\r\n", CHUNKED], ids=["length", "chunks"])
def test_a_body_must_not_drip(check: Check, head: bytes) -> None:
    async def body(service: Service) -> None:
        client = await service.connect()
        await client.send(b"POST /slow HTTP/1.1\r\n" + HOST + head + b"\r\n")
        started = time.monotonic()
        while time.monotonic() - started < 0.5 and not service.guard.refused:
            await client.send(b"1\r\na\r\n" if head == CHUNKED else b"a")
            await asyncio.sleep(0.02)
        assert (await client.reply()).status == 408
        assert await client.closed()
        assert (service.gone, service.guard.refused["slow body"]) == (["/slow"], 1)
        assert service.edge.held == 0

    check(body, limits=EdgeLimits(slow_bytes=1000, slow_seconds=0.3))


def test_a_body_must_arrive_in_time_however_fast(check: Check) -> None:
    async def body(service: Service) -> None:
        client = await service.connect()
        await client.send(b"POST /endless HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n")
        started = time.monotonic()
        while time.monotonic() - started < 0.6 and not service.guard.refused:
            await client.send(b"2710\r\n" + b"a" * 10_000 + b"\r\n")
            await asyncio.sleep(0.02)
        assert (await client.reply()).status == 408
        assert service.guard.refused["slow body"] == 1

    check(body, limits=EdgeLimits(body_seconds=0.3))


def test_a_slow_but_steady_body_is_served(check: Check) -> None:
    async def body(service: Service) -> None:
        client = await service.connect()
        await client.send(b"POST /steady HTTP/1.1\r\n" + HOST + b"Content-Length: 5000\r\n\r\n")
        for _ in range(10):
            await client.send(b"a" * 500)
            await asyncio.sleep(0.05)
        assert (await client.reply()).body == b"POST /steady 5000"

    check(body, limits=EdgeLimits(slow_bytes=1000, slow_seconds=0.2))


def test_the_application_may_take_longer_than_any_body(check: Check) -> None:
    async def body(service: Service) -> None:
        client = await service.connect()
        await client.send(b"POST /wait HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\nab")
        await asyncio.sleep(0.5)
        service.hold.set()
        assert (await client.reply()).body == b"POST /wait 2"

    check(body, limits=EdgeLimits(body_seconds=0.2, slow_seconds=0.1))


def test_crumbs_of_chunks_are_refused(check: Check) -> None:
    async def body(service: Service) -> None:
        client = await service.connect()
        await client.send(b"POST /crumbs HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n" + b"1\r\na\r\n" * 5000)
        assert (await client.reply()).status == 400
        assert await client.closed()
        assert service.seen == []
        # Chunks of a common size are not limited in number, and a few small ones are harmless.
        many = b"".join(b"400\r\n" + b"a" * 1024 + b"\r\n" for _ in range(3000))
        crumbs = b"1\r\na\r\n" * 1000
        reply = await service.ask(b"POST /chunks HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n" + crumbs + many + b"0\r\n\r\n")
        assert reply.body == b"POST /chunks %d" % (1000 + 3000 * 1024)

    check(body)


def test_a_reader_that_takes_nothing_is_cut_off(check: Check) -> None:
    async def body(service: Service) -> None:
        with socket.socket() as raw:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            raw.setblocking(False)
            await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", service.port))
            await asyncio.get_running_loop().sock_sendall(raw, b"GET /large HTTP/1.1\r\n" + HOST + b"\r\n")
            assert await service.eventually(lambda: service.guard.refused["slow reader"] == 1)
            assert await service.eventually(lambda: service.guard.open == 0)

    check(body, connection=ConnectionLimits(slow_bytes=1000, slow_seconds=0.3))


def test_a_steady_reader_gets_everything(check: Check) -> None:
    async def body(service: Service) -> None:
        client = await service.connect()
        await client.send(b"GET /large HTTP/1.1\r\n" + HOST + b"\r\n")
        assert len((await client.reply(30)).body) == 64 << 20
        assert service.guard.refused.total() == 0

    check(body, connection=ConnectionLimits(slow_bytes=1000, slow_seconds=0.3))


def test_one_address_may_not_have_all_connections(check: Check) -> None:
    async def body(service: Service) -> None:
        idle = [await service.connect("127.0.0.2") for _ in range(3)]
        assert await service.eventually(lambda: service.guard.open == 3)
        refused = await service.connect("127.0.0.2")
        reply = await refused.reply()
        assert (reply.status, reply.body) == (503, b"too many connections")
        assert (await service.ask(b"GET /other HTTP/1.1\r\n" + HOST + b"\r\n", "127.0.0.3")).status == 200
        # A trusted proxy may open as many as its clients need.
        for _ in range(4):
            assert (await service.ask(b"GET /proxied HTTP/1.1\r\n" + HOST + b"\r\n", "127.0.0.1")).status == 200
        await idle[0].close()
        assert await service.eventually(lambda: service.guard.open == 7)
        assert (await service.ask(b"GET /again HTTP/1.1\r\n" + HOST + b"\r\n", "127.0.0.2")).status == 200
        assert service.guard.refused == {"address": 1}

    check(body, connection=ConnectionLimits(per_address=3, proxies=parse_proxies(["127.0.0.1"])))


def test_there_is_an_end_to_connections(check: Check) -> None:
    async def body(service: Service) -> None:
        clients = [await service.connect(f"127.0.0.{number}") for number in (2, 3)]
        assert await service.eventually(lambda: service.guard.open == 2)
        assert (await service.ask(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n", "127.0.0.4")).status == 503
        await clients[0].send(b"GET /in HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (await clients[0].reply()).status == 200
        assert service.guard.refused == {"connections": 1}

    check(body, connection=ConnectionLimits(connections=2))


def test_idle_connections_end(check: Check) -> None:
    async def body(service: Service) -> None:
        clients = [await service.connect() for _ in range(20)]
        assert await service.eventually(lambda: service.guard.open == 20)
        assert await service.eventually(lambda: service.guard.open == 0)
        assert all([await client.closed() or True for client in clients])

    check(body, connection=ConnectionLimits(header_seconds=0.2))


@table(
    ("names", "address", "trusted"),
    [
        (["127.0.0.1"], "127.0.0.1", True),
        (["127.0.0.1"], "127.0.0.2", False),
        (["10.0.0.0/8", "fd00::/8"], "10.2.3.4", True),
        (["10.0.0.0/8", "fd00::/8"], "fd00::1", True),
        (["*"], "2001:db8::1", True),
        (["proxy.internal"], "127.0.0.1", False),
        ([], "127.0.0.1", False),
    ],
)
def test_proxies_are_networks(names: list[str], address: str, trusted: bool) -> None:
    from ipaddress import ip_address

    assert any(ip_address(address) in network for network in parse_proxies(names)) is trusted
