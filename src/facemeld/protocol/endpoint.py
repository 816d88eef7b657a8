"""The ASGI application behind path ``/``: from raw request to reply, in the fixed order of the checks."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import anyio.to_thread
from starlette.types import Receive, Scope, Send

from facemeld.protocol import envelope
from facemeld.protocol.call import CLIENT_GONE, Action, ActionRegistry, Call, CallInfo, CallRecord, Hooks
from facemeld.protocol.common import Common, language_of, read_common
from facemeld.protocol.consent import read_consent
from facemeld.protocol.credentials import Credential, Credentials, CredentialsUnavailable
from facemeld.protocol.errors import (
    V2018,
    ApiError,
    GetAuthInfoError,
    InternalError,
    InvalidParameterValue,
    Language,
    MissingParameter,
    UnsupportedRegion,
)
from facemeld.protocol.options import ProtocolOptions
from facemeld.protocol.parameters import read_parameters
from facemeld.protocol.reading import ClientGone, base_url, head_of, read_body, unless_gone
from facemeld.protocol.request import RawRequest
from facemeld.protocol.schema import to_model
from facemeld.protocol.signature import Verified, check_clock, read_claim, verify
from facemeld.timing import Stages, collecting, stage

logger = logging.getLogger(__name__)

_LONGEST_TRACEPARENT = 256
_REGION = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Hashing more than this would hold up other calls for longer than handing it to a thread does.
_LARGE = 1024 * 1024


@dataclass(slots=True)
class _Exchange:
    """What becomes known of a request while it is answered."""

    request_id: str
    language: Language
    base_url: str
    request: RawRequest
    started: float = field(default_factory=time.perf_counter)
    bytes_in: int = 0
    code: str = ""
    common: Common | None = None
    call: CallInfo | None = None
    stages: Stages = field(default_factory=Stages)

    def record(self, bytes_out: int) -> CallRecord:
        common = self.common
        return CallRecord(
            request_id=self.request_id,
            code=self.code,
            seconds=time.perf_counter() - self.started,
            bytes_in=self.bytes_in,
            bytes_out=bytes_out,
            action=common.action[:64] if common else "",
            version=common.version[:64] if common else "",
            client_address=self.request.client,
            sdk=common.client if common else "",
            call=self.call,
            stages=self.stages.milliseconds,
            spans=self.stages.spans,
            traceparent=self.request.headers.get("traceparent", "")[:_LONGEST_TRACEPARENT],
        )


class ApiEndpoint:
    """Answers cloud API 3.0 requests; mount it at ``/`` for all methods."""

    def __init__(
        self,
        registry: ActionRegistry,
        credentials: Credentials,
        *,
        options: ProtocolOptions | None = None,
        hooks: Hooks | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Wire the endpoint.

        Args:
            registry: The actions.
            credentials: Where keys are looked up.
            options: Limits and choices.
            hooks: Checks and observer around every call.
            clock: Time of the server, UNIX seconds.
        """
        self._registry = registry
        self._credentials = credentials
        self._options = options or ProtocolOptions()
        self._hooks = hooks or Hooks()
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        head = head_of(scope)
        language = language_of(head.headers.get("x-tc-language"), self._options.language)
        exchange = _Exchange(str(uuid.uuid4()), language, base_url(scope, head), head)
        sent = 0
        try:
            with collecting(exchange.stages):
                body = await self._serve(exchange, receive)
                with stage("reply"):
                    answer = envelope.reply(body, head.headers.get("accept-encoding", ""), self._options.gzip_minimum)
                    await send({"type": "http.response.start", "status": 200, "headers": list(answer.headers)})
                    await send({"type": "http.response.body", "body": answer.body})
            sent = len(answer.body)
        except ClientGone:
            exchange.code = CLIENT_GONE
        finally:
            self._hooks.observer.record(exchange.record(sent))

    async def _serve(self, exchange: _Exchange, receive: Receive) -> bytes:
        """The envelope for a request whose body is still to be read."""
        try:
            head = exchange.request
            with stage("receive"):
                exchange.request = head.with_body(await read_body(head, receive, self._options.limits))
        except ApiError as error:
            return self._failure(error, exchange)
        exchange.bytes_in = len(exchange.request.body) + len(head.query)
        return await unless_gone(receive, partial(self._answer, exchange))

    async def _answer(self, exchange: _Exchange) -> bytes:
        """The envelope for a request; never raises, so that every failure has a code and a RequestId."""
        try:
            return await self._dispatch(exchange)
        except ApiError as error:
            return self._failure(error, exchange)
        except Exception:
            logger.exception("Call %s failed unexpectedly", exchange.request_id)
            return self._failure(InternalError(), exchange)

    def _failure(self, error: ApiError, exchange: _Exchange) -> bytes:
        exchange.code = error.code
        return envelope.failure(error, exchange.language, exchange.request_id)

    async def _dispatch(self, exchange: _Exchange) -> bytes:
        with stage("protocol"):
            action, call = await self._prepare(exchange)
        # What the body held lives on in the parameters; its bytes are not needed while the action runs.
        exchange.request = exchange.request.with_body(b"")
        await self._hooks.account.check(call)
        async with self._hooks.billing.charge(call):
            result = await action.handle(call)
            with stage("reply"):
                return envelope.success(result, exchange.request_id, self._options.limits.reply_bytes)

    async def _prepare(self, exchange: _Exchange) -> tuple[Action[Any], Call[Any]]:
        """Check a request in order; the first failure wins."""
        request, options, hooks = exchange.request, self._options, self._hooks
        common = exchange.common = read_common(request, options)
        exchange.language = common.language
        verified = await self._authenticate(request, common)
        info = exchange.call = CallInfo(
            request_id=exchange.request_id,
            account_id=verified.credential.account_id,
            secret_id=verified.credential.secret_id,
            action=common.action,
            version=common.version,
            region=common.region or "",
            language=common.language,
            scheme=common.scheme,
            client_address=request.client,
            base_url=exchange.base_url,
            fault=request.headers.get("x-facemeld-fault", ""),
            policy=verified.credential.policy,
        )
        action = self._registry.resolve(common.version, common.action, options.service)
        self._check_region(common)
        consent = read_consent(request)
        with stage("admission"):
            await hooks.faults.check(info)
            await hooks.permissions.check(info)
            await hooks.rate_limiter.check(info)
            await hooks.addresses.check(info)
        parameters = read_parameters(request, common, options.limits, dotted=verified.dotted)
        params = to_model(action.request_model, parameters.values, strict=options.strict, strings=parameters.strings)
        return action, Call.of(replace(info, consent=consent), params)

    async def _authenticate(self, request: RawRequest, common: Common) -> Verified:
        options = self._options
        claim = read_claim(request, common, options.service if options.strict else None)
        now = self._clock()
        check_clock(claim, common, now, options.clock_skew)
        credential = await self._find(claim.secret_id, common)
        held = [request]

        def check() -> Verified:
            # A thread keeps what it ran a little longer than its caller waits: the body must not stay with it.
            return verify(held.pop(), common, claim, credential, now=now, public_hosts=options.public_hosts)

        return await anyio.to_thread.run_sync(check) if len(request.body) > _LARGE else check()

    async def _find(self, secret_id: str, common: Common) -> Credential | None:
        try:
            with stage("credentials"):
                return await self._credentials.find(secret_id)
        except CredentialsUnavailable:
            logger.exception("The key of a call could not be looked up")
            # Only the older version has a code of its own for this.
            raise (GetAuthInfoError() if common.version == V2018 else InternalError()) from None

    def _check_region(self, common: Common) -> None:
        name = "X-TC-Region" if common.scheme == "v3" else "Region"
        if not common.region:
            if self._options.strict:
                raise MissingParameter(name=name) if common.region is None else InvalidParameterValue(name=name)
            return
        if not _REGION.fullmatch(common.region):
            raise InvalidParameterValue(name=name)
        if self._options.strict and self._options.regions and common.region not in self._options.regions:
            raise UnsupportedRegion()
