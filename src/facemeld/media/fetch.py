"""Download pictures from URLs that strangers send, without letting them reach the operator's network.

Names are resolved here, every address is vetted, and the connection goes to the vetted address itself, so that a second answer of
the name server cannot change it. The name stays in the ``Host`` header and in the TLS handshake. No HTTP client does this by
itself: httpx, requests and aiohttp connect to whatever a name resolves to, and a check before the call leaves time for another
answer. ``httpcore`` lets us replace the function that connects, and does the rest.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import anyio
import httpcore

from facemeld.counts import Counts, Family
from facemeld.media.errors import AddressRefused, DownloadFailed, DownloadTooSlow, IllegalUrl, ImageTooManyBytes
from facemeld.media.urls import Address, Network, Url, follow, listed, parse_host, parse_url, refusal

Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host name and port, in the order in which they should be tried."""

_SocketOption: TypeAlias = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CONNECT_RETRIES = 1
_MAX_ADDRESSES = 4
_USER_AGENT = b"facemeld"


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """The rules for downloads.

    Attributes:
        ports: Ports that may be connected to.
        allow: Networks that may be reached, on any port, although they are not public.
        max_redirects: Redirects that are followed.
        connect_seconds: Longest wait for a connection, seconds.
        total_seconds: Longest time for a download, redirects included, seconds.
        proxy: URL of an HTTP proxy; proxies of the environment are never used. Names are resolved and vetted here, but the proxy
            resolves them again, so it must restrict its own connections as well.
    """

    ports: frozenset[int] = frozenset({80, 443})
    allow: tuple[Network, ...] = ()
    max_redirects: int = 3
    connect_seconds: float = 5.0
    total_seconds: float = 15.0
    proxy: str | None = None


class Fetcher:
    """Downloads pictures under a policy; keeps no connection between calls and may be used by many tasks at once.

    Args:
        policy: The rules; the defaults of ``FetchPolicy`` without one.
        resolver: Resolves host names; the system's by default.
        ssl_context: TLS settings; by default the usual certificate authorities and the system's are trusted.
        counts: Counters of downloads by outcome.
    """

    def __init__(
        self,
        policy: FetchPolicy | None = None,
        *,
        resolver: Resolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
        counts: Counts | None = None,
    ) -> None:
        self._policy = policy or FetchPolicy()
        self._resolver = resolver or resolve
        self._ssl_context = ssl_context or _trusting_context()
        self._counts = counts or Counts()

    async def fetch(self, url: str, *, max_bytes: int) -> bytes:
        """Download one file.

        Args:
            url: an absolute http or https URL of at most 2048 characters.
            max_bytes: longest file accepted.

        Raises:
            IllegalUrl: ``url`` is not such a URL; no connection was made.
            ImageTooManyBytes: the file is longer than ``max_bytes``.
            DownloadFailed: the download failed in any other way; the message is always the same, ``reason`` is for the operator's log.
        """
        try:
            target = parse_url(url)
            data = await self._in_time(target, max_bytes)
        except (IllegalUrl, ImageTooManyBytes, DownloadFailed) as error:
            self._counts.add(Family.FETCHES, _outcome(error))
            raise
        self._counts.add(Family.FETCHES, "ok")
        self._counts.add(Family.FETCHED_BYTES, amount=len(data))
        return data

    async def _in_time(self, target: Url, max_bytes: int) -> bytes:
        try:
            with anyio.fail_after(self._policy.total_seconds):
                return await self._follow_redirects(target, max_bytes)
        except TimeoutError as error:
            raise DownloadTooSlow(f"{target.host_text} took more than {self._policy.total_seconds:g} s") from error

    async def _follow_redirects(self, url: Url, max_bytes: int) -> bytes:
        for _ in range(self._policy.max_redirects + 1):
            answer = await self._request(url, max_bytes)
            if isinstance(answer, bytes):
                return answer
            url = answer
        raise DownloadFailed(f"more than {self._policy.max_redirects} redirects, the last to {url.host_text}")

    async def _request(self, url: Url, max_bytes: int) -> bytes | Url:
        """Return the body at a URL, or the URL that it redirects to."""
        headers = [
            (b"Host", url.authority.encode()),
            (b"User-Agent", _USER_AGENT),
            (b"Accept", b"image/*"),
            (b"Accept-Encoding", b"identity"),
        ]
        wait = self._policy.connect_seconds
        limits = {"connect": wait, "read": self._policy.total_seconds, "write": self._policy.total_seconds, "pool": wait}
        address = httpcore.URL(scheme=url.scheme, host=url.host_text.strip("[]"), port=url.port, target=url.target)
        try:
            async with (
                await self._pool(url) as pool,
                pool.stream("GET", address, headers=headers, extensions={"timeout": limits}) as response,
            ):
                return await _read(url, response, max_bytes)
        except (httpcore.TimeoutException, TimeoutError) as error:
            raise DownloadTooSlow(f"{url.host_text}: {type(error).__name__} {error}".strip()) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError, OSError) as error:
            raise DownloadFailed(f"{url.host_text}: {type(error).__name__} {error}".strip()) from error

    async def _pool(self, url: Url) -> httpcore.AsyncConnectionPool:
        if self._policy.proxy is None:
            backend = _VettedBackend(self._resolver, self._policy)
            return httpcore.AsyncConnectionPool(ssl_context=self._ssl_context, retries=_CONNECT_RETRIES, network_backend=backend)
        await _vetted(url.host, url.port, self._resolver, self._policy)
        return httpcore.AsyncHTTPProxy(self._policy.proxy, ssl_context=self._ssl_context, retries=_CONNECT_RETRIES)


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses that the system's resolver has for a name."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(entry[4][0] for entry in found))


async def _vetted(host: str | Address, port: int, resolver: Resolver, policy: FetchPolicy) -> list[str]:
    """Return the addresses of a host that may be connected to.

    Raises:
        DownloadFailed: there is none.
        AddressRefused: any of them may not be reached, because a name with both kinds is an attack.
    """
    addresses = [str(host)]
    if isinstance(host, str):
        try:
            addresses = list(await resolver(host, port))
        except OSError as error:
            raise DownloadFailed(f"{host} has no address: {error}") from error
    if not addresses:
        raise DownloadFailed(f"{host} has no address")
    for address in addresses:
        if (why := refusal(address, policy.allow)) is not None:
            raise AddressRefused(f"{host}: {why}")
        if port not in policy.ports and not listed(address, policy.allow):
            raise AddressRefused(f"port {port} of {host} is not among the allowed ports")
    return addresses[:_MAX_ADDRESSES]


async def _read(url: Url, response: httpcore.Response, max_bytes: int) -> bytes | Url:
    headers = {name.lower(): value for name, value in response.headers}
    if response.status in _REDIRECTS:
        location = headers.get(b"location")
        if location is None:
            raise DownloadFailed(f"{url.host_text} redirects without saying where to")
        return follow(url, location.decode("utf-8", "replace"))
    if response.status != 200:
        raise DownloadFailed(f"{url.host_text} answered with status {response.status}")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise DownloadFailed(f"{url.host_text} sent a compressed body although it was asked not to")
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced) > max_bytes:
        raise ImageTooManyBytes(f"a file behind a URL must have at most {max_bytes} bytes, got {int(announced)}")
    body = bytearray()
    async for chunk in response.aiter_stream():
        body += chunk
        if len(body) > max_bytes:
            raise ImageTooManyBytes(f"a file behind a URL must have at most {max_bytes} bytes, got more")
    if not body:
        raise DownloadFailed(f"{url.host_text} sent no bytes")
    return bytes(body)


class _VettedBackend(httpcore.AsyncNetworkBackend):
    """Connects only to vetted addresses."""

    def __init__(self, resolver: Resolver, policy: FetchPolicy) -> None:
        self._resolver = resolver
        self._policy = policy
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[_SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        parsed = parse_host(f"[{host}]" if ":" in host else host)
        with anyio.fail_after(timeout):
            addresses = await _vetted(parsed, port, self._resolver, self._policy)
        failure: Exception | None = None
        for address in addresses:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError(f"{host} has no address")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[_SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise DownloadFailed("sockets of this machine are never connected to")

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


def _outcome(error: IllegalUrl | ImageTooManyBytes | DownloadFailed) -> str:
    match error:
        case IllegalUrl():
            return "illegal"
        case ImageTooManyBytes():
            return "too large"
        case AddressRefused():
            return "refused"
        case DownloadTooSlow():
            return "too slow"
        case _:
            return "failed"


def _trusting_context() -> ssl.SSLContext:
    """Return TLS settings that trust the usual certificate authorities and the system's."""
    context = httpcore.default_ssl_context()
    context.load_default_certs()
    return context
