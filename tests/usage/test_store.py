"""Usage records are stored, summed up and deleted on time."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest

from facemeld.db.database import Database
from facemeld.usage.store import UsageStore
from facemeld.usage.types import Grouping, Usage, UsageTotal
from tests.db.state import SettableClock


@pytest.fixture
def store(database: Database) -> UsageStore:
    return UsageStore(database)


def call(clock: SettableClock, **changes: Any) -> Usage:
    fields: dict[str, Any] = {
        "at": clock.now,
        "request_id": str(uuid.uuid4()),
        "account_id": 1,
        "secret_id": "AKID1",
        "action": "FuseFace",
        "version": "2022-09-27",
        "code": "",
        "milliseconds": 100,
        "faces": 1,
        "bytes_in": 1000,
        "bytes_out": 2000,
        "charged": True,
    }
    return Usage(**{**fields, **changes})


def test_records_come_back_newest_first_and_by_account(store: UsageStore, clock: SettableClock) -> None:
    anonymous = call(clock, account_id=None, secret_id=None, action="", version="", code="AuthFailure.SignatureFailure", charged=False)
    rich = {
        "project_id": "at_1",
        "model_id": "mt_2",
        "consent": "form 7",
        "incoming": ({"input": "photo 1", "kind": "aigc-label", "detail": "made by another"},),
        "stages": {"decode": 1.25},
        "client": "2001:db8::1",
    }
    calls = [call(clock), anonymous, call(clock, account_id=2, bytes_in=2**40, **rich)]
    store.add(calls)
    store.add([])
    assert [usage for _, usage in store.records()] == calls[::-1]
    assert [usage for _, usage in store.records(account_id=2)] == calls[2:]
    ((newest, _),) = store.records(limit=1)
    assert [usage for _, usage in store.records(before=newest)] == calls[1::-1]


def test_calls_are_summed_up_by_day_action_and_code(store: UsageStore, clock: SettableClock) -> None:
    store.add([call(clock), call(clock, milliseconds=201, faces=3)])
    clock.advance(days=1)
    store.add([call(clock, action="DescribeMaterialList", code="RequestLimitExceeded", faces=0, charged=False)])
    store.add([call(clock, account_id=2)])
    first = UsageTotal(group="2026-07-01", calls=2, failed=0, charged=2, faces=4, bytes_in=2000, bytes_out=4000, milliseconds=150.5)
    last = UsageTotal(group="2026-07-02", calls=1, failed=1, charged=0, faces=0, bytes_in=1000, bytes_out=2000, milliseconds=100)
    assert store.totals(Grouping.DAY, account_id=1) == (first, last)
    assert store.totals(Grouping.DAY, account_id=1, since=clock.now) == (last,)
    assert [(total.group, total.calls) for total in store.totals(Grouping.ACTION)] == [("DescribeMaterialList", 1), ("FuseFace", 3)]
    assert [(total.group, total.calls) for total in store.totals(Grouping.CODE)] == [("", 3), ("RequestLimitExceeded", 1)]
    assert store.totals(Grouping.CODE, account_id=99) == ()


def test_old_records_are_forgotten(store: UsageStore, clock: SettableClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facemeld.usage.store.PURGED_AT_ONCE", 4)
    store.add([call(clock) for _ in range(10)])
    clock.advance(days=2)
    kept = call(clock)
    store.add([kept])
    assert store.purge(clock.now - timedelta(days=1)) == 10
    assert [usage for _, usage in store.records()] == [kept]
    assert store.purge(clock.now - timedelta(days=1)) == 0
