"""Every call leaves a usage record soon after its reply, without text from unverified callers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from facemeld.api.protocol.call import CallInfo, CallRecord, Notes
from facemeld.db.database import Database
from facemeld.db.errors import DatabaseUnavailable
from facemeld.observe.calls import UsageLog
from facemeld.usage.store import UsageStore
from facemeld.usage.types import Usage
from tests.api.admission.conftest import World


def record(request_id: str, **changes: object) -> CallRecord:
    fields = {"code": "", "seconds": 0.1, "bytes_in": 1, "bytes_out": 2, "action": "", "version": "", "client_address": "", "sdk": ""}
    return CallRecord(request_id=request_id, call=None, **{**fields, **changes})  # type: ignore[arg-type]  # fields by name


def stored(usage: UsageStore) -> list[Usage]:
    return [kept for _, kept in usage.records(limit=1000)][::-1]


def test_calls_are_recorded_with_their_outcome_and_keys_with_their_last_use(open_world: Callable[..., World]) -> None:
    world = open_world()
    application = world.application
    log = UsageLog(application.usage, application.accounts)
    world = open_world(log)
    world.change(balance=9)
    answers = [
        world.call(),
        world.call("FuseFaceUltra", do="fail"),
        world.call("No\u00e4ction"),
        world.call(key=replace(world.key, secret_key="wrong")),
    ]
    asyncio.run(log.flush())
    rows = stored(application.usage)
    assert [row.request_id for row in rows] == [answer.response["RequestId"] for answer in answers]
    assert [row.code for row in rows] == ["", "FailedOperation.NoFaceDetected", "InvalidAction", "AuthFailure.SignatureFailure"]
    assert [row.action for row in rows] == ["FuseFace", "FuseFaceUltra", "", ""]
    assert [row.charged for row in rows] == [True, False, False, False]
    assert [row.faces for row in rows] == [2, 0, 0, 0]
    account = application.accounts.get("acme").id
    assert [row.account_id for row in rows] == [account, account, account, None]
    assert [row.secret_id for row in rows] == [world.key.secret_id] * 3 + [None]
    assert all(row.bytes_in > 0 and row.bytes_out > 0 for row in rows)
    assert {"protocol", "credentials", "admission", "reply"} <= set(rows[0].stages)
    assert all(0 < sum(row.stages.values()) <= row.milliseconds + 1 for row in rows)
    (used,) = (key for key in application.accounts.keys("acme") if key.secret_id == world.key.secret_id)
    assert used.last_used_at == rows[2].at


def test_records_are_written_by_themselves(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facemeld.observe.calls.FLUSH_SECONDS", 0.01)
    log = UsageLog(world.application.usage, world.application.accounts)

    async def serve() -> None:
        task = asyncio.create_task(log.run())
        log.record(record("a"))
        for _ in range(200):
            await asyncio.sleep(0.01)
            if stored(world.application.usage):
                break
        task.cancel()

    asyncio.run(serve())
    assert [row.request_id for row in stored(world.application.usage)] == ["a"]


def test_a_record_that_cannot_be_stored_holds_up_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("facemeld.observe.calls.FLUSH_SECONDS", 0.01)
    log = UsageLog(world.application.usage, world.application.accounts)

    async def serve() -> None:
        task = asyncio.create_task(log.run())
        log.record(record("refused", bytes_in=2**63))
        await asyncio.sleep(0.1)
        log.record(record("good"))
        for _ in range(200):
            await asyncio.sleep(0.01)
            if stored(world.application.usage):
                break
        task.cancel()

    asyncio.run(serve())
    assert [row.request_id for row in stored(world.application.usage)] == ["good"]
    assert "could not be stored and are lost" in caplog.text


def test_what_the_database_does_not_take_waits_and_only_then_is_dropped(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = UsageLog(world.application.usage, world.application.accounts, most_waiting=3)

    def broken(_: Database) -> None:
        raise DatabaseUnavailable("the database must answer, got: locked")

    with monkeypatch.context() as broke:
        broke.setattr(Database, "transaction", broken)
        for name in "abcde":
            log.record(record(name))
            asyncio.run(log.flush())
    log.record(record("f"))
    asyncio.run(log.flush())
    log.record(record("g"))
    asyncio.run(log.flush())
    assert [row.request_id for row in stored(world.application.usage)] == ["a", "b", "c", "g"]
    assert sum("was lost" in line for line in caplog.messages) == 3


def test_what_a_call_named_and_what_was_found_are_kept_but_no_text_of_strangers(world: World) -> None:
    found = Notes(project_id="at_1", model_id="mt\0\u00e4", consent="form 7", incoming=({"input": "photo 1", "kind": "manifest"},))
    call = CallInfo(
        request_id="a",
        account_id=1,
        secret_id="AKID",
        action="FuseFace",
        version="2022-09-27",
        region="",
        language="en-US",
        scheme="v3",
        client_address="",
        base_url="",
        notes=found,
    )
    log = UsageLog(world.application.usage, world.application.accounts)
    log.record(replace(record("a", client_address="2001:db8::1%eth0"), call=call))
    log.record(record("b", client_address="<script>"))
    silent = UsageLog(world.application.usage, world.application.accounts, clients=False)
    silent.record(record("c", client_address="192.0.2.1"))
    asyncio.run(log.flush())
    asyncio.run(silent.flush())
    first, second, third = stored(world.application.usage)
    assert (first.project_id, first.model_id, first.consent, first.incoming) == ("at_1", "", "form 7", found.incoming)
    assert [usage.client for usage in (first, second, third)] == ["2001:db8::1%eth0", "", ""]
