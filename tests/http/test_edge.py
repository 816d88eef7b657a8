"""Limits on all requests: bytes held in memory, requests of one client, and the counters."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from facemeld.http.edge import EdgeLimits, kind_of
from tests.http.conftest import HOST, Service
from tests.tables import table

Check = Callable[..., None]


def upload(path: str, size: int, **headers: str) -> bytes:
    """The head of a request with a body."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
    return f"POST {path} HTTP/1.1\r\n".encode() + HOST + lines + b"Content-Length: %d\r\n\r\n" % size


def test_a_refused_body_is_answered_at_once_and_thrown_away(check: Check) -> None:
    async def body(service: Service) -> None:
        client = await service.connect()
        await client.send(upload("/refuse", 50_000_000) + b"a" * 100_000)
        # The reply arrives long before the body is complete.
        assert (await client.reply()).status == 413
        for _ in range(50):
            await client.send(b"a" * 100_000)
        assert not await client.closed(0.1)
        await client.close()
        assert await service.eventually(lambda: service.edge.running == 0)

    check(body)


def test_a_client_that_sends_everything_first_still_sees_the_reply(check: Check) -> None:
    async def body(service: Service) -> None:
        client = await service.connect()
        await client.send(upload("/refuse", 20_000_000) + b"a" * 20_000_000)
        assert (await client.reply()).status == 413
        assert await client.closed()

    check(body)


def test_there_is_an_end_to_what_is_thrown_away(check: Check) -> None:
    async def body(service: Service) -> None:
        client = await service.connect()
        await client.send(upload("/refuse", 1 << 40))
        assert (await client.reply()).status == 413

        async def flood() -> None:
            while True:
                await client.send(b"a" * 100_000)
                await asyncio.sleep(0)

        flooding = asyncio.create_task(flood())
        assert await client.closed()
        flooding.cancel()

    check(body, limits=EdgeLimits(discard_bytes=1_000_000))


def test_a_client_that_asks_first_is_refused_without_a_body(check: Check) -> None:
    async def body(service: Service) -> None:
        client = await service.connect()
        await client.send(upload("/refuse", 1000, Expect="100-continue"))
        reply = await client.reply()
        assert (reply.status, reply.headers["connection"]) == (413, "close")
        assert await client.closed()
        client = await service.connect()
        await client.send(upload("/wanted", 4, Expect="100-continue"))
        assert (await client.reply()).status == 100
        await client.send(b"body")
        assert (await client.reply()).body == b"POST /wanted 4"

    check(body)


def test_bodies_in_memory_are_bounded_for_one_address_and_for_all(check: Check) -> None:
    async def body(service: Service) -> None:
        large = [await service.connect(f"127.0.0.{number}") for number in (2, 3)]
        for client in large:
            await client.send(upload("/much", 500_000) + b"a" * 400_000)
        assert await service.eventually(lambda: service.edge.held == 800_000)
        # An address may use half of the budget at most, with or without a Content-Length.
        assert (await service.ask(upload("/a", 250_000), "127.0.0.4")).status == 503
        assert (await service.ask(upload("/b", 200_000), "127.0.0.2")).status == 503
        chunks = b"POST /c HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n30d40\r\n" + b"a" * 200_000
        assert (await service.ask(chunks, "127.0.0.2")).status == 503
        # The rest is left for other addresses.
        assert (await service.ask(upload("/d", 150_000) + b"a" * 150_000, "127.0.0.4")).body == b"POST /d 150000"
        assert (await service.ask(upload("/e", 250_000), "127.0.0.4")).status == 503
        for client in large:
            await client.send(b"a" * 100_000)
            assert (await client.reply()).body == b"POST /much 500000"
        assert await service.eventually(lambda: service.edge.held == 0)
        assert service.guard.refused == {"bodies": 4}
        assert service.gone == ["/c"]

    check(body, limits=EdgeLimits(bodies=1_000_000))


def test_one_address_may_not_ask_everything_at_once(check: Check) -> None:
    async def body(service: Service) -> None:
        greedy = [await service.connect("127.0.0.2") for _ in range(3)]
        for client in greedy:
            await client.send(b"GET /wait HTTP/1.1\r\n" + HOST + b"\r\n")
        assert await service.eventually(lambda: service.edge.running == 3)
        refused = await service.ask(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n", "127.0.0.2")
        assert (refused.status, refused.headers["retry-after"]) == (429, "5")
        assert (await service.ask(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n", "127.0.0.3")).status == 200
        service.hold.set()
        assert [(await client.reply()).status for client in greedy] == [200] * 3
        assert (await service.ask(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n", "127.0.0.2")).status == 200

    check(body, limits=EdgeLimits(per_address=3))


def test_behind_a_trusted_proxy_its_clients_are_told_apart(check: Check) -> None:
    def request(client: str) -> bytes:
        return b"GET /wait HTTP/1.1\r\n" + HOST + f"X-Forwarded-For: {client}\r\n\r\n".encode()

    async def body(service: Service) -> None:
        for _ in range(2):
            await (await service.connect()).send(request("203.0.113.1"))
        assert await service.eventually(lambda: service.edge.running == 2)
        assert (await service.ask(request("203.0.113.1"))).status == 429
        other = await service.connect()
        await other.send(request("203.0.113.2"))
        service.hold.set()
        assert (await other.reply()).headers["x-client"] == "203.0.113.2"

    check(body, limits=EdgeLimits(per_address=2), trusted_proxies="127.0.0.1")


def test_addresses_of_strangers_who_claim_to_be_proxies_are_not_believed(check: Check) -> None:
    async def body(service: Service) -> None:
        reply = await service.ask(b"GET / HTTP/1.1\r\n" + HOST + b"X-Forwarded-For: 203.0.113.1\r\n\r\n", "127.0.0.2")
        assert reply.headers["x-client"] == "127.0.0.2"

    check(body, trusted_proxies="127.0.0.1")


@pytest.mark.parametrize("claim", ["a secret that got there", "evil.example", "1.2.3", "'; DROP TABLE"])
def test_what_a_proxy_passes_on_that_is_no_address_is_not_taken_for_one(check: Check, claim: str) -> None:
    async def body(service: Service) -> None:
        reply = await service.ask(b"GET / HTTP/1.1\r\n" + HOST + f"X-Forwarded-For: {claim}\r\n\r\n".encode())
        assert (reply.status, reply.headers["x-client"]) == (200, "")

    check(body, trusted_proxies="127.0.0.1")


def test_a_client_that_hangs_up_is_noticed(check: Check) -> None:
    async def body(service: Service) -> None:
        client = await service.connect()
        await client.send(b"GET /gone HTTP/1.1\r\n" + HOST + b"\r\n")
        assert await service.eventually(lambda: service.edge.running == 1)
        await client.close()
        assert await service.eventually(lambda: service.gone == ["/gone"])
        assert await service.eventually(lambda: service.edge.running == 0)

    check(body)


def test_an_application_that_fails_over_a_refused_body_makes_no_noise(check: Check, caplog: pytest.LogCaptureFixture) -> None:
    async def body(service: Service) -> None:
        client = await service.connect()
        await client.send(upload("/careless", 1000))
        assert (await client.reply()).status == 408
        assert not [record for record in caplog.records if record.exc_info]

    check(body, limits=EdgeLimits(slow_seconds=0.1, slow_bytes=10))


def test_replies_are_counted_by_kind_and_status(check: Check) -> None:
    async def body(service: Service) -> None:
        for path in ("/", "/", "/healthz", "/results/secret-name.jpg", "/whatever/else"):
            await service.ask(f"GET {path} HTTP/1.1\r\n".encode() + HOST + b"\r\n")
        await service.ask(upload("/refuse", 1) + b"a")
        await service.ask(b"DELETE / HTTP/1.1\r\n" + HOST + b"\r\n")
        assert service.edge.answered == {
            ("api", 200): 2,
            ("health", 200): 1,
            ("results", 200): 1,
            ("other", 200): 1,
            ("other", 413): 1,
            ("api", 405): 1,
        }

    check(body)


@table(
    ("path", "kind"),
    [
        ("/", "api"),
        ("/admin/v1/accounts", "admin"),
        ("/console", "console"),
        ("/console/materials", "console"),
        ("/verify", "verify"),
        ("/readyz", "health"),
        ("/metrics", "metrics"),
        ("/materials/1.png", "materials"),
        ("/adm", "other"),
        ("//", "other"),
    ],
)
def test_kinds_of_addresses(path: str, kind: str) -> None:
    assert kind_of(path) == kind
