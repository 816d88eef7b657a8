"""Calls of the API by users of the console: the actions, checks, charges and records of all calls, without a signature."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from facemeld.accounts import CallPolicy
from facemeld.protocol import envelope
from facemeld.protocol.call import CLIENT_GONE, ActionRegistry, Call, CallInfo, CallRecord, Hooks
from facemeld.protocol.consent import check_consent
from facemeld.protocol.errors import V2022, ApiError, InternalError
from facemeld.protocol.options import ProtocolOptions
from facemeld.protocol.schema import to_model
from facemeld.services.trying import CONSOLE, Trial, Tried
from facemeld.timing import Stages, collecting, stage

logger = logging.getLogger("facemeld")


@dataclass(frozen=True, slots=True)
class DirectCalls:
    """Answers calls; implements ``services.trying.Caller``.

    Permissions belong to keys and networks to their callers' addresses: neither is asked for here. Everything else is.

    Attributes:
        registry: The actions.
        hooks: Checks, charges and observers of all calls.
        policy: What an account may do, by its number.
        options: The operator's choices.
    """

    registry: ActionRegistry
    hooks: Hooks
    policy: Callable[[int], CallPolicy]
    options: ProtocolOptions

    async def call(self, trial: Trial) -> Tried:
        """See ``services.trying.Caller.call``."""
        policy = await asyncio.to_thread(self.policy, trial.account_id)
        info = CallInfo(
            request_id=str(uuid.uuid4()),
            account_id=trial.account_id,
            secret_id="",
            action=trial.action,
            version=V2022,
            region="",
            language=trial.language,
            scheme="v3",
            client_address=CONSOLE,
            base_url=trial.base_url,
            policy=policy,
            consent=trial.consent,
        )
        stages, started = Stages(), time.perf_counter()
        code, body = CLIENT_GONE, b""
        try:
            with collecting(stages):
                code, body = await self._answer(info, trial)
        finally:
            took = time.perf_counter() - started
            self.hooks.observer.record(_record(info, code, took, json_size(trial.parameters), len(body), stages))
        return Tried(
            request_id=info.request_id, code=code, reply=json.loads(body), milliseconds=took * 1000, stages=dict(stages.milliseconds)
        )

    async def _answer(self, info: CallInfo, trial: Trial) -> tuple[str, bytes]:
        """Code and envelope; never raises, so that every failure has a code and a RequestId."""
        try:
            return "", await self._dispatch(info, trial)
        except ApiError as error:
            refused = error
        except Exception:
            logger.exception("Call %s failed unexpectedly", info.request_id)
            refused = InternalError()
        return refused.code, envelope.failure(refused, info.language, info.request_id)

    async def _dispatch(self, info: CallInfo, trial: Trial) -> bytes:
        with stage("protocol"):
            action = self.registry.resolve(info.version, info.action, self.options.service)
            if trial.consent is not None:
                check_consent(trial.consent)
        with stage("admission"):
            await self.hooks.faults.check(info)
            await self.hooks.rate_limiter.check(info)
        with stage("protocol"):
            params = to_model(action.request_model, dict(trial.parameters), strict=self.options.strict, strings=False)
        await self.hooks.account.check(info)
        async with self.hooks.billing.charge(info):
            result = await action.handle(Call.of(info, params))
            with stage("reply"):
                return envelope.success(result, info.request_id, self.options.limits.reply_bytes)


def _record(info: CallInfo, code: str, seconds: float, bytes_in: int, bytes_out: int, stages: Stages) -> CallRecord:
    return CallRecord(
        request_id=info.request_id,
        code=code,
        seconds=seconds,
        bytes_in=bytes_in,
        bytes_out=bytes_out,
        action=info.action,
        version=info.version,
        client_address=info.client_address,
        sdk=CONSOLE,
        call=info,
        stages=stages.milliseconds,
        spans=stages.spans,
    )


def json_size(value: object) -> int:
    """Bytes of a value as JSON, counted without writing it: base64 text of a photo has megabytes. Escapes count as one byte."""
    if isinstance(value, str):
        return len(value) + 2
    if isinstance(value, Mapping):
        return 2 * max(1, len(value)) + sum(json_size(name) + 2 + json_size(item) for name, item in value.items())
    if isinstance(value, list | tuple):
        return 2 * max(1, len(value)) + sum(json_size(item) for item in value)
    return len(json.dumps(value))
