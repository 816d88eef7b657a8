"""Reads a request off an ASGI connection once, within size and time limits, and watches for clients that hang up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
from starlette.types import Receive, Scope

from facemeld.errors import FacemeldError
from facemeld.protocol.common import is_v1
from facemeld.protocol.decoding import check_query_size
from facemeld.protocol.errors import InvalidRequest, RequestSizeLimitExceeded, SignatureFailure, UnsupportedProtocol
from facemeld.protocol.options import ProtocolLimits
from facemeld.protocol.request import RawRequest
from facemeld.protocol.signature import ALGORITHM

T = TypeVar("T")


class ClientGone(FacemeldError):
    """The client hung up; there is nobody left to answer."""


def head_of(scope: Scope) -> RawRequest:
    """The request without its body."""
    query: bytes = scope.get("query_string", b"")
    target = "/?" + query.decode("latin-1") if query else "/"
    client = scope.get("client")
    return RawRequest.of(scope["method"], target, scope["headers"], client=client[0] if client else "")


def base_url(scope: Scope, head: RawRequest) -> str:
    """Scheme and host under which the client reached the server; clients that send a URL as host are understood."""
    host = head.headers.get("host", "")
    if host.lower().startswith(("http://", "https://")):
        return host.rstrip("/")
    if not host and scope.get("server"):
        name, port = scope["server"]
        host = f"{name}:{port}" if port else str(name)
    return f"{scope.get('scheme', 'http')}://{host}"


async def read_body(head: RawRequest, receive: Receive, limits: ProtocolLimits) -> bytes:
    """Read the body of a request.

    Raises:
        UnsupportedProtocol: The method is neither GET nor POST.
        RequestSizeLimitExceeded: The query or the body is too large.
        SignatureFailure: The body is too large for signature v1.
        InvalidRequest: The body did not arrive in time.
        ClientGone: The client hung up before the end of the body.
    """
    v1 = is_v1(head)
    limit = limits.v1_body_bytes if v1 else limits.body_bytes
    announced = head.headers.get("content-length", "")
    arrived, body = False, None
    if announced.isascii() and announced.isdigit() and int(announced) > limit:
        arrived = True
    else:
        with anyio.move_on_after(limits.body_seconds):
            body = await _collect(receive, limit)
            arrived = True
    if head.method not in ("GET", "POST"):
        raise UnsupportedProtocol()
    if head.method == "GET":
        check_query_size(head.query, limits)
    if not arrived:
        raise InvalidRequest(seconds=f"{limits.body_seconds:g}")
    if body is None:
        raise SignatureFailure(method=ALGORITHM) if v1 else RequestSizeLimitExceeded(detail=f"A body must have at most {limit} bytes.")
    return body


async def _collect(receive: Receive, limit: int) -> bytes | None:
    """The body, or None as soon as it is over the limit; its rest is the server's to throw away."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone("The client must send the whole body, but hung up before its end")
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            return None
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


async def unless_gone(receive: Receive, work: Callable[[], Awaitable[T]]) -> T:
    """Do some work, but cancel it as soon as the client hangs up.

    Args:
        receive: The connection, after the whole body was read from it.
        work: What to do; must not raise.

    Raises:
        ClientGone: The client hung up before the work was done.
    """
    done: list[T] = []
    async with anyio.create_task_group() as group:

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()

        group.start_soon(watch)
        done.append(await work())
        group.cancel_scope.cancel()
    if not done:
        raise ClientGone("The client must wait for the reply, but hung up before it")
    return done[0]
