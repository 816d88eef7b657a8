"""The ASGI application behind path ``/``, which answers signed requests."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from facemeld.api.protocol import request as incoming
from facemeld.api.protocol import signature
from facemeld.api.protocol.call import CLIENT_GONE, ActionRegistry, CallInfo, Dispatcher, Exchange, Hooks
from facemeld.api.protocol.decoding import ProtocolLimits, check_query_size
from facemeld.api.protocol.errors import common as errors
from facemeld.api.protocol.errors.base import V2018, ApiError
from facemeld.api.protocol.errors.facefusion import GetAuthInfoError
from facemeld.api.protocol.messages import reply
from facemeld.errors import FacemeldError
from facemeld.http.bodies import read_bounded
from facemeld.timing import collecting, stage

T = TypeVar("T")


class ClientGone(FacemeldError):
    """The client hung up before the reply."""


def head_of(scope: Scope) -> incoming.RawRequest:
    """Return the request without its body."""
    query: bytes = scope.get("query_string", b"")
    target = "/?" + query.decode("latin-1") if query else "/"
    client = scope.get("client")
    return incoming.RawRequest.of(scope["method"], target, scope["headers"], client=client[0] if client else "")


def base_url(scope: Scope, head: incoming.RawRequest) -> str:
    """Return the scheme and host under which the client reached the server; some clients send a URL as their host."""
    host = head.headers.get("host", "")
    if host.lower().startswith(("http://", "https://")):
        return host.rstrip("/")
    if not host and scope.get("server"):
        name, port = scope["server"]
        host = f"{name}:{port}" if port else str(name)
    return f"{scope.get('scheme', 'http')}://{host}"


async def read_body(head: incoming.RawRequest, receive: Receive, limits: ProtocolLimits) -> bytes:
    """Read the body of a request.

    Raises:
        UnsupportedProtocol: The method is neither GET nor POST.
        RequestSizeLimitExceeded: The query or the body is too large.
        SignatureFailure: The body is too large for signature v1.
        InvalidRequest: The body did not arrive in time.
        ClientGone: The client hung up before the end of the body.
    """
    v1 = incoming.is_v1(head)
    limit = limits.v1_body_bytes if v1 else limits.body_bytes
    arrived, body = False, None
    try:
        with anyio.move_on_after(limits.body_seconds):
            body = await read_bounded(receive, limit, head.headers.get("content-length"))
            arrived = True
    except ClientDisconnect as error:
        raise ClientGone("The client must send the whole body, but hung up before its end") from error
    if head.method not in ("GET", "POST"):
        raise errors.UnsupportedProtocol()
    if head.method == "GET":
        check_query_size(head.query, limits)
    if not arrived:
        raise errors.InvalidRequest(seconds=f"{limits.body_seconds:g}")
    if body is None and v1:
        raise errors.SignatureFailure(method=signature.ALGORITHM)
    if body is None:
        raise errors.RequestSizeLimitExceeded(detail=f"A body must have at most {limit} bytes.")
    return body


async def unless_gone(receive: Receive, work: Callable[[], Awaitable[T]]) -> T:
    """Do some work, but cancel it as soon as the client hangs up.

    Args:
        receive: The connection, after the whole body was read.
        work: Must not raise.

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


logger = logging.getLogger(__name__)

_LONGEST_TRACEPARENT = 256
_REGION = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Hashing a larger body would delay other calls for longer than the handover to a thread.
_LARGE = 1024 * 1024


class ApiEndpoint:
    """Answers cloud API 3.0 requests; mount it at ``/`` for all methods. ``clock`` returns UNIX seconds."""

    def __init__(
        self,
        registry: ActionRegistry,
        credentials: signature.Credentials,
        *,
        options: incoming.ProtocolOptions | None = None,
        hooks: Hooks | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._dispatcher = Dispatcher(registry, hooks or Hooks(), options or incoming.ProtocolOptions())
        self._credentials = credentials
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        options, head = self._dispatcher.options, head_of(scope)
        exchange = _SignedCall(
            language=incoming.language_of(head.headers.get("x-tc-language"), options.language),
            client_address=head.client,
            traceparent=head.headers.get("traceparent", "")[:_LONGEST_TRACEPARENT],
            base_url=base_url(scope, head),
            request=head,
            options=options,
            credentials=self._credentials,
            clock=self._clock,
        )
        sent = 0
        try:
            with collecting(exchange.stages):
                body = await self._serve(exchange, receive)
                with stage("reply"):
                    answer = reply(body, head.headers.get("accept-encoding", ""), options.gzip_minimum)
                    await send({"type": "http.response.start", "status": 200, "headers": list(answer.headers)})
                    await send({"type": "http.response.body", "body": answer.body})
            sent = len(answer.body)
        except ClientGone:
            exchange.code = CLIENT_GONE
        finally:
            self._dispatcher.hooks.observer.record(exchange.record(sent))

    async def _serve(self, exchange: _SignedCall, receive: Receive) -> bytes:
        """Return the envelope for a request whose body is still to be read."""
        head = exchange.request
        try:
            with stage("receive"):
                exchange.request = head.with_body(await read_body(head, receive, self._dispatcher.options.limits))
        except ApiError as error:
            return exchange.failure(error)
        exchange.bytes_in = len(exchange.request.body) + len(head.query)
        return await unless_gone(receive, partial(self._dispatcher.answer, exchange))


@dataclass(slots=True, kw_only=True)
class _SignedCall(Exchange):
    """A signed request over HTTP."""

    request: incoming.RawRequest
    base_url: str
    options: incoming.ProtocolOptions
    credentials: signature.Credentials
    clock: Callable[[], float]
    common: incoming.Common | None = None
    dotted: bool = False

    async def identify(self) -> CallInfo:
        request = self.request
        common = self.common = incoming.read_common(request, self.options)
        self.language, self.sdk = common.language, common.client
        self.action, self.version = common.action[:64], common.version[:64]
        verified = await self._authenticate(request, common)
        self.dotted = verified.dotted
        return CallInfo(
            request_id=self.request_id,
            account_id=verified.credential.account_id,
            secret_id=verified.credential.secret_id,
            action=common.action,
            version=common.version,
            region=common.region or "",
            language=common.language,
            scheme=common.scheme,
            client_address=request.client,
            base_url=self.base_url,
            fault=request.headers.get("x-facemeld-fault", ""),
            policy=verified.credential.policy,
        )

    def read_consent(self) -> str | None:
        _check_region(self._known(), self.options)
        return incoming.read_consent(self.request)

    def take_parameters(self) -> incoming.Parameters:
        parameters = incoming.read_parameters(self.request, self._known(), self.options.limits, dotted=self.dotted)
        # The action may run for seconds and needs only the parameters.
        self.request = self.request.with_body(b"")
        return parameters

    def _known(self) -> incoming.Common:
        if self.common is None:
            raise RuntimeError("a call must be identified before it is read")
        return self.common

    async def _authenticate(self, request: incoming.RawRequest, common: incoming.Common) -> signature.Verified:
        options = self.options
        claim = signature.read_claim(request, common, options.service if options.strict else None)
        now = self.clock()
        signature.check_clock(claim, common, now, options.clock_skew)
        credential = await self._find(claim.secret_id, common)
        held = [request]

        def check() -> signature.Verified:
            # A thread keeps the arguments of its last job until the next job; it must not keep the body.
            return signature.verify(held.pop(), common, claim, credential, now=now, public_hosts=options.public_hosts)

        return await anyio.to_thread.run_sync(check) if len(request.body) > _LARGE else check()

    async def _find(self, secret_id: str, common: incoming.Common) -> signature.Credential | None:
        try:
            with stage("credentials"):
                return await self.credentials.find(secret_id)
        except signature.CredentialsUnavailable:
            logger.exception("The key of a call could not be looked up")
            # Only the older version has a code for this.
            raise (GetAuthInfoError() if common.version == V2018 else errors.InternalError()) from None


def _check_region(common: incoming.Common, options: incoming.ProtocolOptions) -> None:
    name = "X-TC-Region" if common.scheme == "v3" else "Region"
    if not common.region:
        if options.strict:
            raise errors.MissingParameter(name=name) if common.region is None else errors.InvalidParameterValue(name=name)
        return
    if not _REGION.fullmatch(common.region):
        raise errors.InvalidParameterValue(name=name)
    if options.strict and options.regions and common.region not in options.regions:
        raise errors.UnsupportedRegion()
