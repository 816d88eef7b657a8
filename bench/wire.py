"""Requests of the API byte by byte: every way to carry and sign parameters, and a reader of replies that trusts nothing."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import hmac
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

Header = tuple[bytes, bytes]
BOUNDARY = b"0123456789abcdef"
JSON, FORM, MULTIPART = "application/json", "application/x-www-form-urlencoded", f"multipart/form-data; boundary={BOUNDARY.decode()}"


@dataclass(frozen=True, slots=True)
class Key:
    """A key and the host for which it signs."""

    secret_id: str
    secret_key: str = field(repr=False)
    host: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it goes over the wire; ``Content-Length`` is added where no header tells the length."""

    method: bytes
    target: bytes
    headers: tuple[Header, ...]
    body: bytes = field(repr=False)

    def file(self) -> bytes:
        """Its bytes."""
        told = any(name.lower() in {b"content-length", b"transfer-encoding"} for name, _ in self.headers)
        headers = self.headers if told else (*self.headers, (b"Content-Length", str(len(self.body)).encode()))
        return b"%s %s HTTP/1.1\r\n%s\r\n%s" % (self.method, self.target, b"".join(b"%s: %s\r\n" % header for header in headers), self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: status, headers by lower-case name, body as sent."""

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body, decoded.

        Raises:
            ValueError: it is no JSON.
        """
        return json.loads(gzip.decompress(self.body) if self.headers.get(b"content-encoding") == b"gzip" else self.body)


def flatten(tree: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Nested parameters as names with dots and texts, as queries and forms carry them."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield from flatten(value, f"{path}.{name}" if path else str(name))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from flatten(value, f"{path}.{index}")
    else:
        yield path, tree if isinstance(tree, str) else json.dumps(tree)


def query(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Names and texts as a query string."""
    return "&".join(f"{quote_plus(name, errors='replace')}={quote_plus(value, errors='replace')}" for name, value in pairs).encode()


def multipart(tree: Mapping[str, Any]) -> bytes:
    """Parameters as parts: texts as they are, everything else as JSON."""
    parts = []
    for name, value in tree.items():
        head = f'Content-Disposition: form-data; name="{name}"\r\n'.encode(errors="replace")
        text = isinstance(value, str)
        content = value.encode(errors="replace") if text else json.dumps(value).encode()
        kind = b"" if text else b"Content-Type: application/json\r\n"
        parts.append(b"--%s\r\n%s%s\r\n%s\r\n" % (BOUNDARY, head, kind, content))
    return b"".join(parts) + b"--%s--\r\n" % BOUNDARY


def v3(key: Key, action: str, version: str, *, method: str = "POST", content_type: str = JSON, payload: bytes = b"") -> Request:
    """A request with signature TC3-HMAC-SHA256; the payload is the body of a POST and the query of a GET."""
    now = int(time.time())
    date = time.strftime("%Y-%m-%d", time.gmtime(now))
    sent, body = (payload, b"") if method == "GET" else (b"", payload)
    canonical = b"%s\n/\n%s\ncontent-type:%s\nhost:%s\n\ncontent-type;host\n%s" % (
        method.encode(),
        sent,
        content_type.encode(),
        key.host.encode(),
        hashlib.sha256(body).hexdigest().encode(),
    )
    scope = f"{date}/facefusion/tc3_request"
    secret = ("TC3" + key.secret_key).encode()
    for part in (date, "facefusion", "tc3_request", f"TC3-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical).hexdigest()}"):
        secret = hmac.digest(secret, part.encode(), "sha256")
    authorization = f"TC3-HMAC-SHA256 Credential={key.secret_id}/{scope}, SignedHeaders=content-type;host, Signature={secret.hex()}"
    headers = {
        "Host": key.host,
        "Content-Type": content_type,
        "Authorization": authorization,
        "X-TC-Action": action,
        "X-TC-Version": version,
        "X-TC-Timestamp": str(now),
        "X-TC-Region": "ap-guangzhou",
    }
    target = b"/?" + sent if sent else b"/"
    return Request(method.encode(), target, tuple((name.encode(), value.encode()) for name, value in headers.items()), body)


def v1(
    key: Key, action: str, version: str, pairs: Iterable[tuple[str, str]], *, method: str = "POST", algorithm: str = "HmacSHA1"
) -> Request:
    """A request with signature HmacSHA1 or HmacSHA256, whose common parameters are among the others."""
    common = {"Action": action, "Version": version, "Timestamp": str(int(time.time())), "Nonce": "1", "SecretId": key.secret_id}
    values = {**dict(pairs), **common, "Region": "ap-guangzhou", "SignatureMethod": algorithm}
    flat = "&".join(f"{name}={values[name]}" for name in sorted(values))
    digest = hmac.digest(key.secret_key.encode(), f"{method}{key.host}/?{flat}".encode(errors="replace"), algorithm[4:].lower())
    payload = query([*values.items(), ("Signature", base64.b64encode(digest).decode())])
    headers = ((b"Host", key.host.encode()), (b"Content-Type", FORM.encode()))
    return Request(b"GET", b"/?" + payload, headers, b"") if method == "GET" else Request(b"POST", b"/", headers, payload)


class Caller:
    """Sends bytes to a server on this machine, over connections that stay open where that is safe."""

    def __init__(self, port: int, seconds: float) -> None:
        self._port = port
        self._seconds = seconds
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def send(self, data: bytes, *, whole: bool) -> Reply | str:
        """Send a request and read the reply.

        Args:
            data: The request.
            whole: Whether it is well formed; the connection is kept for others then. After one that is not, nothing more is sent.

        Returns:
            The reply, or why there is none: ``closed``, ``garbage`` or ``late``.
        """
        try:
            async with asyncio.timeout(self._seconds):
                return await self._exchange(data, whole)
        except TimeoutError:
            return "late"
        except (ConnectionError, asyncio.IncompleteReadError):
            return "closed"
        except (ValueError, asyncio.LimitOverrunError):
            return "garbage"

    async def _exchange(self, data: bytes, whole: bool) -> Reply:
        fresh = not (whole and self._free)
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20) if fresh else self._free.pop()
        try:
            writer.write(data)
            await writer.drain()
            if not whole:
                writer.write_eof()
            reply = await _read(reader, head_only=data.startswith(b"HEAD "))
        except BaseException:
            writer.close()
            raise
        if whole and reply.headers.get(b"connection", b"").lower() != b"close":
            self._free.append((reader, writer))
        else:
            writer.close()
        return reply

    def close(self) -> None:
        """Close the connections."""
        for _, writer in self._free:
            writer.close()


async def _read(reader: asyncio.StreamReader, *, head_only: bool) -> Reply:
    while True:
        lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        version, status, *_ = lines[0].split(b" ")
        if not version.startswith(b"HTTP/1."):
            raise ValueError(f"a reply must begin with its version, got {version[:20]!r}")
        if status != b"100":
            break
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:] if line)}
    length = headers.get(b"content-length")
    if head_only or status in {b"204", b"304"}:
        body = b""
    elif length is not None:
        body = await reader.readexactly(int(length))
    else:
        body = await reader.read()
    return Reply(int(status), headers, body)
