"""Downloads from real local servers, kind and hostile."""

from __future__ import annotations

import asyncio
import datetime
import gzip
import ipaddress
import pickle
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from facemeld.media.errors import DownloadFailed, ImageTooManyBytes
from facemeld.media.fetch import Fetcher, FetchPolicy, Resolver
from facemeld.media.urls import Network

BODY = b"picture" * 100
LOCAL: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.1/32"),)
Handler = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


def reply(body: bytes = BODY, status: str = "200 OK", **headers: str) -> bytes:
    headers = {"Content_Length": str(len(body)), **headers}
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Server:
    """A raw server on 127.0.0.1 that hands every request head to a handler and keeps it for the test to look at."""

    def __init__(self, handler: Handler | bytes, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._handler = handler
        self._tls = tls

    async def __aenter__(self) -> Server:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(head)
            if isinstance(self._handler, bytes):
                writer.write(self._handler)
                await writer.drain()
            else:
                await self._handler(head, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


def names(table: Mapping[str, Sequence[str]]) -> Resolver:
    async def resolver(host: str, port: int) -> Sequence[str]:
        if host not in table:
            raise OSError("no such name")
        return table[host]

    return resolver


def fetcher(
    *ports: int,
    allow: tuple[Network, ...] = LOCAL,
    total: float = 5.0,
    proxy: str | None = None,
    resolver: Resolver | None = None,
    ssl_context: ssl.SSLContext | None = None,
) -> Fetcher:
    policy = FetchPolicy(frozenset(ports), allow, connect_seconds=1.0, total_seconds=total, proxy=proxy)
    return Fetcher(policy, resolver=resolver, ssl_context=ssl_context)


async def fetch(handler: Handler | bytes, *, max_bytes: int = 10_000, total: float = 5.0) -> bytes:
    async with Server(handler) as server:
        return await fetcher(server.port, total=total).fetch(f"http://127.0.0.1:{server.port}/a.jpg", max_bytes=max_bytes)


def reason(handler: Handler | bytes, *, total: float = 5.0) -> str:
    with pytest.raises(DownloadFailed) as caught:
        asyncio.run(fetch(handler, total=total))
    assert str(caught.value) == DownloadFailed.MESSAGE
    return caught.value.reason


GOOD = {
    "length": reply(),
    "no length, closed": b"HTTP/1.1 200 OK\r\n\r\n" + BODY,
    "http 1.0": b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2bc\r\n" + BODY + b"\r\n0\r\n\r\n",
    "identity": reply(Content_Encoding="identity"),
    "more than announced": reply(BODY + b"tail", Content_Length=str(len(BODY))),
    "early hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + reply(),
    "content type lies": reply(Content_Type="text/html"),
}


@pytest.mark.vectors("good", "answers")
@pytest.mark.parametrize("answer", GOOD.values(), ids=GOOD.keys())
def test_good_answers(answer: bytes) -> None:
    assert asyncio.run(fetch(answer, max_bytes=len(BODY))) == BODY


BAD = {
    "empty": reply(b""),
    "not found": reply(status="404 Not Found"),
    "server error": reply(status="500 Internal Server Error"),
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "partial": reply(status="206 Partial Content"),
    "not modified": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "less than announced": reply(Content_Length=str(len(BODY) + 1)),
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 700\r\nContent-Length: 701\r\n\r\n" + BODY,
    "negative length": reply(Content_Length="-1"),
    "broken chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + BODY,
    "unfinished chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2bc\r\n" + BODY,
    "gzip bomb": reply(gzip.compress(bytes(10**7)), Content_Encoding="gzip"),
    "deflate": reply(Content_Encoding="deflate"),
    "not http": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "redis": b"-ERR unknown command\r\n",
    "hang up": b"",
    "endless header": b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 50_000,
    "redirect without place": reply(b"", "302 Found"),
    "redirect to a file": reply(b"", "302 Found", Location="file:///etc/passwd"),
    "redirect to metadata": reply(b"", "302 Found", Location="http://169.254.169.254/latest/"),
    "redirect to another port": reply(b"", "302 Found", Location="http://127.0.0.1:1/"),
    "redirect to a private name": reply(b"", "302 Found", Location="//10.0.0.1/"),
    "redirect with credentials": reply(b"", "302 Found", Location="http://a:b@127.0.0.1/"),
    "redirect in circles": reply(b"", "302 Found", Location="/a.jpg"),
    "redirect to a mapped address": reply(b"", "308 Permanent Redirect", Location="http://[::ffff:127.0.0.1]/"),
    "redirect to a number": reply(b"", "303 See Other", Location="http://2130706433/"),
    "redirect by a relative host": reply(b"", "302 Found", Location="/\\127.0.0.2/"),
    "redirect to another scheme": reply(b"", "302 Found", Location="gopher://127.0.0.1:70/_x"),
    "redirect with control characters": reply(b"", "302 Found", Location="http://127.0.0.1/\ta"),
    "redirect in latin-1": b"HTTP/1.1 302 Found\r\nLocation: http://\xe9.test/\r\nContent-Length: 0\r\n\r\n",
    "two codings": reply(Transfer_Encoding="gzip, chunked"),
    "brotli": reply(Content_Encoding="br"),
    "redirect to ipv6 loopback": reply(b"", "307 Temporary Redirect", Location="http://[::1]/"),
}


@pytest.mark.vectors("hostile", "answers and redirects of servers")
@pytest.mark.parametrize("answer", BAD.values(), ids=BAD.keys())
def test_bad_answers_all_look_the_same_to_the_caller(answer: bytes) -> None:
    assert reason(answer)


@pytest.mark.vectors("hostile", "endless bodies")
def test_too_many_bytes_announced_or_sent() -> None:
    with pytest.raises(ImageTooManyBytes, match="at most 699 bytes, got 700"):
        asyncio.run(fetch(reply(), max_bytes=len(BODY) - 1))
    with pytest.raises(ImageTooManyBytes, match="got more"):
        asyncio.run(fetch(b"HTTP/1.1 200 OK\r\n\r\n" + BODY, max_bytes=len(BODY) - 1))


@pytest.mark.vectors("hostile", "endless bodies")
def test_an_endless_body_ends_at_the_limit() -> None:
    async def endless(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(bytes(65536))
            await writer.drain()

    with pytest.raises(ImageTooManyBytes):
        asyncio.run(fetch(endless, max_bytes=1_000_000))


@pytest.mark.vectors("hostile", "endless bodies")
@pytest.mark.parametrize("forever", [b"8\r\n01234567\r\n", b"1;" + b"a" * 8000 + b"\r\nx\r\n"], ids=["chunks", "extensions of chunks"])
def test_endless_chunks_end_at_the_limit(forever: bytes) -> None:
    async def endless(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(forever * 100)
            await writer.drain()

    with pytest.raises(ImageTooManyBytes):
        asyncio.run(fetch(endless, max_bytes=1000))


@pytest.mark.vectors("hostile", "endless bodies")
@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\nX-A: ", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: ", b""],
    ids=["head", "trailers", "status"],
)
def test_lines_without_end_are_given_up(head: bytes) -> None:
    async def endless(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(b"a" * 65536)
            await writer.drain()

    assert "ProtocolError" in reason(endless)


async def drip(head: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def drip_header(head: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX-A: ")
    while not writer.is_closing():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def silent(head: bytes, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(2)


async def drip_chunks(head: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"1\r\nx\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def drip_hints(head: bytes, writer: asyncio.StreamWriter) -> None:
    while not writer.is_closing():
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


async def drip_redirects(head: bytes, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.15)
    writer.write(reply(b"", "302 Found", Location="/again"))


@pytest.mark.vectors("hostile", "slow answers")
@pytest.mark.parametrize("handler", [drip, drip_header, drip_chunks, drip_hints, drip_redirects, silent])
def test_slow_answers_end_at_the_total_time(handler: Handler) -> None:
    began = time.monotonic()
    assert "more than 0.4 s" in reason(handler, total=0.4)
    assert time.monotonic() - began < 4


@pytest.mark.vectors("hostile", "slow answers")
def test_a_resolver_that_hangs_ends_at_the_connect_time() -> None:
    async def hanging(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(60)
        return []

    began = time.monotonic()
    with pytest.raises(DownloadFailed):
        asyncio.run(Fetcher(FetchPolicy(connect_seconds=0.2, total_seconds=5), resolver=hanging).fetch("http://slow.test/", max_bytes=10))
    assert time.monotonic() - began < 3


def test_what_is_sent() -> None:
    async def scenario() -> bytes:
        async with Server(reply()) as server:
            client = fetcher(server.port, resolver=names({"img.test": ["127.0.0.1"]}))
            assert await client.fetch(f"http://IMG.test:{server.port}/头.jpg?a=1#b", max_bytes=10_000) == BODY
            assert server.connections == 1
            return server.requests[0].replace(str(server.port).encode(), b"PORT")

    head = asyncio.run(scenario())
    assert head.startswith(b"GET /%E5%A4%B4.jpg?a=1 HTTP/1.1\r\n")
    lines = head.lower().split(b"\r\n")
    assert b"host: img.test:port" in lines
    assert b"accept-encoding: identity" in lines
    assert not [line for line in lines if line.startswith((b"cookie", b"authorization", b"referer"))]


def test_redirects_are_followed_to_the_limit() -> None:
    async def scenario(allowed: int) -> bytes:
        async def count_down(head: bytes, writer: asyncio.StreamWriter) -> None:
            left = int(head.split()[1].rpartition(b"/")[2])
            writer.write(reply() if left == 0 else reply(b"ignored", "301 Moved", Location=f"../x/{left - 1}"))

        async with Server(count_down) as server:
            policy = FetchPolicy(frozenset({server.port}), LOCAL, max_redirects=allowed)
            return await Fetcher(policy).fetch(f"http://127.0.0.1:{server.port}/x/3", max_bytes=10_000)

    assert asyncio.run(scenario(3)) == BODY
    with pytest.raises(DownloadFailed) as caught:
        asyncio.run(scenario(2))
    assert "more than 2 redirects" in caught.value.reason


@pytest.mark.vectors("hostile", "redirects from public to private")
def test_every_redirect_is_vetted_before_anything_is_connected_to() -> None:
    async def scenario() -> None:
        async with Server(reply()) as inside, Server(reply(b"", "302 Found", Location=f"http://inside.test:{inside.port}/")) as outside:
            table = {"outside.test": ["127.0.0.1"], "inside.test": ["127.0.0.2"]}
            client = fetcher(outside.port, inside.port, resolver=names(table))
            with pytest.raises(DownloadFailed) as caught:
                await client.fetch(f"http://outside.test:{outside.port}/", max_bytes=10_000)
            assert "127.0.0.2 is not a public address" in caught.value.reason
            assert (outside.connections, inside.connections) == (1, 0)

    asyncio.run(scenario())


@pytest.mark.vectors("hostile", "DNS rebinding")
def test_a_name_that_changes_its_answer_cannot_move_the_connection() -> None:
    async def scenario() -> list[str]:
        asked: list[str] = []

        async def rebinding(host: str, port: int) -> Sequence[str]:
            asked.append(host)
            return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

        async with Server(reply()) as server:
            client = fetcher(server.port, resolver=rebinding)
            url = f"http://rebind.test:{server.port}/"
            # The vetted answer is the one that is used ...
            assert await client.fetch(url, max_bytes=10_000) == BODY
            # ... and the next call vets the next answer.
            with pytest.raises(DownloadFailed) as caught:
                await client.fetch(url, max_bytes=10_000)
            assert "10.0.0.1 is not a public address" in caught.value.reason
            assert server.connections == 1
        return asked

    assert asyncio.run(scenario()) == ["rebind.test"] * 2


@pytest.mark.vectors("hostile", "DNS rebinding")
def test_a_name_that_changes_its_answer_between_redirects_is_refused() -> None:
    async def scenario() -> None:
        asked = 0

        async def rebinding(host: str, port: int) -> Sequence[str]:
            nonlocal asked
            asked += 1
            return ["127.0.0.1"] if asked == 1 else ["127.0.0.1", "169.254.169.254"]

        async with Server(reply(b"", "302 Found", Location="/again")) as server:
            with pytest.raises(DownloadFailed) as caught:
                await fetcher(server.port, resolver=rebinding).fetch(f"http://rebind.test:{server.port}/", max_bytes=10_000)
            assert "169.254.169.254 is not a public address" in caught.value.reason
            assert (server.connections, asked) == (1, 2)

    asyncio.run(scenario())


@pytest.mark.vectors("hostile", "slow answers")
def test_a_handshake_without_end_ends_at_the_connect_time() -> None:
    async def scenario() -> None:
        served: list[asyncio.Task[None] | None] = []

        async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            served.append(asyncio.current_task())
            while await reader.read(100):
                pass
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(swallow, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            policy = FetchPolicy(frozenset({port}), LOCAL, connect_seconds=0.3, total_seconds=10)
            began = time.monotonic()
            with pytest.raises(DownloadFailed):
                await Fetcher(policy).fetch(f"https://127.0.0.1:{port}/", max_bytes=10)
            assert time.monotonic() - began < 5
            await asyncio.gather(*filter(None, served))

    asyncio.run(scenario())


def test_connecting_is_tried_again_once_and_with_the_other_address() -> None:
    async def scenario() -> int:
        asked = 0

        async def counting(host: str, port: int) -> Sequence[str]:
            nonlocal asked
            asked += 1
            return ["127.0.0.9"]

        async with Server(reply()) as server:
            allow = (ipaddress.ip_network("127.0.0.0/24"),)
            both = fetcher(server.port, allow=allow, resolver=names({"both.test": ["127.0.0.9", "127.0.0.1"]}))
            assert await both.fetch(f"http://both.test:{server.port}/", max_bytes=10_000) == BODY
            with pytest.raises(DownloadFailed) as caught:
                await fetcher(server.port, allow=allow, resolver=counting).fetch(f"http://gone.test:{server.port}/", max_bytes=10_000)
            assert "ConnectError" in caught.value.reason
        return asked

    assert asyncio.run(scenario()) == 2


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS contexts of a server that calls itself ``name``, and of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = built.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(pem + private)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem")
    return server, ssl.create_default_context(cadata=pem.decode())


def test_tls_keeps_the_name_and_checks_it(tmp_path: Path) -> None:
    server_context, client_context = certificate(tmp_path, "img.test")
    seen: list[str | None] = []
    server_context.sni_callback = lambda _socket, name, _context: seen.append(name)

    async def scenario() -> None:
        resolver = names({"img.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]})
        async with Server(reply(), server_context) as server:
            trusting = fetcher(server.port, resolver=resolver, ssl_context=client_context)
            assert await trusting.fetch(f"https://img.test:{server.port}/", max_bytes=10_000) == BODY
            for client, host in ((trusting, "other.test"), (fetcher(server.port, resolver=resolver), "img.test")):
                with pytest.raises(DownloadFailed) as caught:
                    await client.fetch(f"https://{host}:{server.port}/", max_bytes=10_000)
                assert "CERTIFICATE_VERIFY_FAILED" in caught.value.reason
            assert len(server.requests) == 1

    asyncio.run(scenario())
    assert seen[0] == "img.test"


def test_the_environment_proxy_is_never_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with Server(reply(b"from the proxy")) as proxy, Server(reply()) as server:
            for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            assert await fetcher(server.port).fetch(f"http://127.0.0.1:{server.port}/", max_bytes=10_000) == BODY
            assert proxy.connections == 0

    asyncio.run(scenario())


def test_a_proxy_of_the_settings_is_used_for_vetted_hosts_only() -> None:
    async def scenario() -> None:
        async with Server(reply()) as proxy:
            client = fetcher(
                80, proxy=f"http://127.0.0.1:{proxy.port}", resolver=names({"a.test": ["93.184.215.14"], "b.test": ["10.0.0.1"]})
            )
            assert await client.fetch("http://a.test/x", max_bytes=10_000) == BODY
            assert proxy.requests[0].startswith(b"GET http://a.test:80/x HTTP/1.1\r\n")
            for url in ("http://b.test/", "http://169.254.169.254/"):
                with pytest.raises(DownloadFailed):
                    await client.fetch(url, max_bytes=10_000)
            assert proxy.connections == 1

    asyncio.run(scenario())


def test_many_at_once() -> None:
    async def echo(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(head.split()[1]))

    async def scenario() -> list[bytes]:
        async with Server(echo) as server:
            client = fetcher(server.port)
            return await asyncio.gather(*(client.fetch(f"http://127.0.0.1:{server.port}/{n}", max_bytes=100) for n in range(30)))

    assert asyncio.run(scenario()) == [f"/{n}".encode() for n in range(30)]


def test_a_failed_download_survives_pickling_with_its_reason() -> None:
    copy = pickle.loads(pickle.dumps(DownloadFailed("port 22")))
    assert (str(copy), copy.reason) == (DownloadFailed.MESSAGE, "port 22")


def test_ports_are_limited_except_in_networks_that_the_operator_allows() -> None:
    async def scenario() -> bytes:
        async with Server(reply()) as server:
            return await fetcher(80, allow=LOCAL).fetch(f"http://127.0.0.1:{server.port}/a.jpg", max_bytes=10_000)

    assert asyncio.run(scenario()) == BODY
    with pytest.raises(DownloadFailed) as caught:
        asyncio.run(fetcher(80, allow=LOCAL, resolver=names({"img.test": ["93.184.216.34"]})).fetch("http://img.test:81/", max_bytes=10))
    assert "port 81 of img.test is not among the allowed ports" in caught.value.reason
