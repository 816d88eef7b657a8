"""Calls that the console makes for its users: the checks and records of all calls, without a signature."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from facemeld.accounts.types import AccountState, CallPolicy
from facemeld.api.calls import DirectCall, DirectCalls, DirectReply
from facemeld.api.protocol.call import Action, ActionRegistry, Call, CallRecord, Hooks
from facemeld.api.protocol.errors.base import ApiError
from facemeld.api.protocol.errors.common import AuthFailureUnauthorizedOperation, IpInBlacklist, RequestLimitExceeded
from facemeld.api.protocol.errors.facefusion import InArrears
from facemeld.api.protocol.request import ProtocolOptions

from .toy import EchoRequest, Refuse

POLICY = CallPolicy(account_id=7, state=AccountState.NORMAL, metered=False, auto_open=False, rates={}, allowed=(), denied=(), actions=None)
CALL = DirectCall(account_id=7, action="Measure", parameters={"Name": "abc"})


async def measure(call: Call[EchoRequest]) -> Mapping[str, Any]:
    return {"Length": len(call.params.name), "Account": call.account_id}


class Desk:
    """Makes direct calls of one action, and keeps their records."""

    def __init__(self, **checks: Refuse) -> None:
        self.records: list[CallRecord] = []
        registry = ActionRegistry([Action("Measure", "2022-09-27", EchoRequest, measure)])
        self.calls = DirectCalls(registry, Hooks(**checks, observer=self), lambda _: POLICY, ProtocolOptions())

    def record(self, record: CallRecord) -> None:
        self.records.append(record)

    def call(self, call: DirectCall) -> DirectReply:
        return asyncio.run(self.calls.call(call))


def test_the_reply_and_the_record_are_those_of_a_call() -> None:
    desk = Desk()
    answer = desk.call(CALL)
    assert answer.code == ""
    assert answer.reply == {"Response": {"Length": 3, "Account": 7, "RequestId": answer.request_id}}
    (record,) = desk.records
    assert (record.action, record.version, record.client_address, record.sdk) == ("Measure", "2022-09-27", "console", "console")
    assert record.request_id == answer.request_id
    assert record.bytes_out == len(json.dumps(answer.reply, separators=(",", ":")))
    assert record.call is not None
    assert record.call.policy is POLICY


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (replace(CALL, action="Other"), "InvalidAction"),
        (replace(CALL, parameters={}), "MissingParameter"),
        (replace(CALL, consent="form\n1"), "InvalidParameterValue"),
    ],
)
def test_faults_of_the_caller_are_part_of_the_reply(call: DirectCall, code: str) -> None:
    desk = Desk()
    answer = desk.call(call)
    assert answer.code == answer.reply["Response"]["Error"]["Code"] == desk.records[0].code == code


@pytest.mark.parametrize(
    ("check", "error", "code"),
    [
        ("faults", InArrears, InArrears.code),
        ("rate_limiter", RequestLimitExceeded, RequestLimitExceeded.code),
        ("account", InArrears, InArrears.code),
        # Permissions belong to keys and networks to addresses; a call from the console has neither.
        ("permissions", AuthFailureUnauthorizedOperation, ""),
        ("addresses", IpInBlacklist, ""),
    ],
)
def test_all_checks_hold_but_those_of_keys_and_addresses(check: str, error: type[ApiError], code: str) -> None:
    assert Desk(**{check: Refuse(error)}).call(CALL).code == code


def test_the_size_of_a_request_is_counted_without_writing_it_out() -> None:
    desk = Desk()
    photo = "A" * (16 << 20)
    parameters = {"Name": photo, "Count": 12, "Degree": None, "Items": [{"Url": "a"}, {}], "Rest": [True, 0.5]}
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        answer = desk.call(replace(CALL, parameters=parameters))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.reply["Response"]["Length"] == len(photo)
    assert peak - before < len(photo) / 2
    assert desk.records[0].bytes_in == len(json.dumps(parameters))
