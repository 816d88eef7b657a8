"""Calls of the API from within the server, such as the playground's: the same checks, charges and records, without a signature."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from facemeld.api.protocol.call import CLIENT_GONE, ActionRegistry, CallInfo, Dispatcher, Exchange, Hooks
from facemeld.api.protocol.errors.base import V2022
from facemeld.api.protocol.request import Parameters, ProtocolOptions, check_consent
from facemeld.timing import collecting

CONSOLE = "console"
"""The caller's address in records of direct calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectCall:
    """A call to make.

    Attributes:
        account_id: Account of the call: its state, credit and rates count, and the record names it.
        action: Name of the action, of version 2022-09-27.
        parameters: As a program would send them.
        consent: Reference to the consent of the people shown, or None.
        language: Language of messages and of texts in results.
        base_url: Address under which the result can be fetched, without a trailing slash.
    """

    account_id: int
    action: str
    parameters: Mapping[str, Any] = field(repr=False)
    consent: str | None = None
    language: Literal["zh-CN", "en-US"] = "en-US"
    base_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectReply:
    """The reply to a direct call.

    Attributes:
        request_id: RequestId of the call, under which its record is found.
        code: Code of the error; empty for success.
        reply: The envelope as a program gets it.
        milliseconds: Duration of the call.
        stages: Milliseconds by stage.
    """

    request_id: str
    code: str
    reply: Mapping[str, Any] = field(repr=False)
    milliseconds: float
    stages: Mapping[str, float]


class DirectCalls:
    """Makes calls without a signature; users of this class must have checked who asks.

    Args:
        registry: The actions.
        hooks: Checks, charges and observers of all calls.
        policy: Returns the policy of an account, by its number.
        options: The operator's choices.
    """

    def __init__(self, registry: ActionRegistry, hooks: Hooks, policy: Callable[[int], object], options: ProtocolOptions) -> None:
        self._dispatcher = Dispatcher(registry, hooks.for_users(), options)
        self._policy = policy

    async def call(self, call: DirectCall) -> DirectReply:
        """Answer a call as the API does, with the same checks, charges, marks and records. Errors of the API are part of the reply.

        Raises:
            AccountNotFound: there is no such account.
        """
        policy = await asyncio.to_thread(self._policy, call.account_id)
        exchange = _DirectExchange(
            language=call.language,
            client_address=CONSOLE,
            action=call.action,
            version=V2022,
            sdk=CONSOLE,
            direct=call,
            policy=policy,
            bytes_in=json_size(call.parameters),
        )
        body = b""
        try:
            with collecting(exchange.stages):
                body = await self._dispatcher.answer(exchange)
        except asyncio.CancelledError:
            exchange.code = CLIENT_GONE
            raise
        finally:
            record = exchange.record(len(body))
            self._dispatcher.hooks.observer.record(record)
        return DirectReply(
            request_id=record.request_id,
            code=record.code,
            reply=json.loads(body),
            milliseconds=record.seconds * 1000,
            stages=dict(record.stages),
        )


@dataclass(slots=True, kw_only=True)
class _DirectExchange(Exchange):
    """A direct call on its way to a reply."""

    direct: DirectCall
    policy: object = field(repr=False)

    async def identify(self) -> CallInfo:
        return CallInfo(
            request_id=self.request_id,
            account_id=self.direct.account_id,
            secret_id="",
            action=self.action,
            version=self.version,
            region="",
            language=self.language,
            scheme="v3",
            client_address=self.client_address,
            base_url=self.direct.base_url,
            policy=self.policy,
        )

    def read_consent(self) -> str | None:
        if self.direct.consent is not None:
            check_consent(self.direct.consent)
        return self.direct.consent

    def take_parameters(self) -> Parameters:
        return Parameters(dict(self.direct.parameters), strings=False)


def json_size(value: object) -> int:
    """Return the size of a value as JSON, in bytes, without encoding it, because photos are megabytes. Escapes count as one byte."""
    if isinstance(value, str):
        return len(value) + 2
    if isinstance(value, Mapping):
        return 2 * max(1, len(value)) + sum(json_size(name) + 2 + json_size(item) for name, item in value.items())
    if isinstance(value, list | tuple):
        return 2 * max(1, len(value)) + sum(json_size(item) for item in value)
    return len(json.dumps(value))
