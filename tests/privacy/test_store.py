"""Consents are durable, deletions begin before they end, and no reference survives one."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from facemeld.db.audit import AuditLog
from facemeld.db.database import Database
from facemeld.db.errors import DatabaseUnavailable
from facemeld.privacy.store import PrivacyStore
from facemeld.privacy.types import DeletionInvalid, Demand, Receipt, ReceiptNotFound
from facemeld.usage.store import UsageStore
from facemeld.usage.types import Usage
from tests.db.state import SettableClock

FIRST, SECOND, THIRD = (str(uuid.UUID(int=number)) for number in (1, 2, 3))


def usage(clock: SettableClock, request_id: str, consent: str | None, **changes: Any) -> Usage:
    fields: dict[str, Any] = {"secret_id": "AKID", "action": "FuseFace", "version": "2022-09-27", "code": "", "charged": False}
    numbers = {"milliseconds": 1, "faces": 1, "bytes_in": 1, "bytes_out": 1}
    return Usage(**{"at": clock.now, "request_id": request_id, "account_id": 1, "consent": consent, **fields, **numbers, **changes})


def finish(store: PrivacyStore, demand: Demand, requests: tuple[str, ...]) -> Receipt:
    return store.finish(demand, requests, ("{}", "sig"), actor="test", subject="the receipt", detail={"calls": len(requests)})


def test_a_consent_comes_back_as_it_was_kept(store: PrivacyStore, clock: SettableClock) -> None:
    store.keep(1, 7, FIRST, "form 1")
    store.keep(2, None, SECOND, "form 1")
    (consent,) = store.consents(FIRST)
    assert (consent.at, consent.account_id, consent.activity_id, consent.reference) == (clock.now, 1, 7, "form 1")
    assert (consent.deleted_at, store.is_deleted(FIRST), store.consents(THIRD)) == (None, False, ())
    assert store.consents(SECOND)[0].activity_id is None


def test_a_consent_that_cannot_be_stored_is_reported(store: PrivacyStore, small_files_only: None) -> None:
    def keep_many() -> None:
        for _ in range(1000):
            store.keep(1, 7, FIRST, "x" * 128)

    with pytest.raises(DatabaseUnavailable):
        keep_many()


def test_a_deletion_stops_deliveries_first_and_can_be_taken_up_again(store: PrivacyStore, clock: SettableClock) -> None:
    for request in (FIRST, SECOND):
        store.keep(1, 7, request, "form 1")
    store.keep(1, 7, THIRD, "form 2")
    demand = Demand(reference="form 1")
    assert store.begin(demand) == (FIRST, SECOND)
    began = store.consents(FIRST)[0].deleted_at
    assert [store.is_deleted(request) for request in (FIRST, SECOND, THIRD)] == [True, True, False]
    clock.advance(hours=1)
    assert store.begin(demand) == (FIRST, SECOND)
    assert store.consents(FIRST)[0].deleted_at == began
    finish(store, demand, (FIRST, SECOND))
    assert store.begin(demand) == ()
    assert [store.consents(request)[0].reference for request in (FIRST, SECOND, THIRD)] == ["", "", "form 2"]


def test_the_end_of_a_deletion_is_one_transaction(database: Database, store: PrivacyStore, clock: SettableClock) -> None:
    records = UsageStore(database)
    store.keep(1, 7, FIRST, "form 1")
    records.add([usage(clock, FIRST, "form 1"), usage(clock, SECOND, "form 2"), usage(clock, THIRD, None)])
    demand = Demand(reference="form 1", account_id=1)
    receipt = finish(store, demand, store.begin(demand))
    assert [record.consent for _, record in records.records()] == [None, "form 2", ""]
    assert store.receipts() == (receipt,)
    assert store.receipt(receipt.number) == receipt
    (entry,) = AuditLog(database).entries()
    assert (entry.actor, entry.act, entry.subject, entry.detail) == ("test", "results.delete", "the receipt", {"calls": 1})
    assert AuditLog(database).verify().sound
    with pytest.raises(ReceiptNotFound):
        store.receipt(receipt.number + 1)


def test_a_usage_record_that_comes_after_the_deletion_has_no_reference(
    database: Database, store: PrivacyStore, clock: SettableClock
) -> None:
    store.keep(1, 7, FIRST, "form 1")
    store.begin(Demand(request_id=FIRST))
    UsageStore(database).add([usage(clock, FIRST, "form 1"), usage(clock, SECOND, "form 2")])
    assert [record.consent for _, record in UsageStore(database).records()] == ["form 2", ""]


def test_many_calls_are_deleted_at_once(database: Database, store: PrivacyStore, clock: SettableClock) -> None:
    requests = [str(uuid.UUID(int=number)) for number in range(1200)]
    with database.transaction() as session:
        from facemeld.db.models import ConsentRow

        session.add_all(ConsentRow(at=clock.now, account_id=1, request_id=request, reference="form 1") for request in requests)
    demand = Demand(reference="form 1")
    assert store.begin(demand) == tuple(requests)
    finish(store, demand, tuple(requests))
    assert store.begin(demand) == ()
    UsageStore(database).add([usage(clock, request, "form 1") for request in requests])
    assert {record.consent for _, record in UsageStore(database).records(limit=2000)} == {""}


def test_a_reference_of_several_accounts_needs_the_account(store: PrivacyStore) -> None:
    store.keep(1, 7, FIRST, "form 1")
    store.keep(2, 8, SECOND, "form 1")
    with pytest.raises(DeletionInvalid, match="got one that 2 use"):
        store.begin(Demand(reference="form 1"))
    assert not store.is_deleted(FIRST)
    assert store.begin(Demand(reference="form 1", account_id=2)) == (SECOND,)
    assert store.begin(Demand(reference="form 1", account_id=3)) == ()


def test_a_call_without_consent_is_known_by_its_usage(database: Database, store: PrivacyStore, clock: SettableClock) -> None:
    UsageStore(database).add([usage(clock, FIRST, None, account_id=5)])
    assert store.begin(Demand(request_id=FIRST)) == (FIRST,)
    assert store.begin(Demand(request_id=FIRST, account_id=5)) == (FIRST,)
    assert store.begin(Demand(request_id=FIRST, account_id=6)) == ()
    assert store.begin(Demand(request_id=SECOND)) == ()


def test_receipts_are_read_page_by_page(store: PrivacyStore) -> None:
    receipts = [finish(store, Demand(request_id=FIRST), (FIRST,)) for _ in range(5)][::-1]
    assert store.receipts(limit=2) == tuple(receipts[:2])
    assert store.receipts(before=receipts[1].number) == tuple(receipts[2:])


def test_nothing_of_a_reference_stays_in_the_files_of_the_database(store: PrivacyStore, database_file: Path) -> None:
    store.keep(1, 7, FIRST, "a-reference-to-a-person")
    demand = Demand(reference="a-reference-to-a-person")
    finish(store, demand, store.begin(demand))
    assert store.consents(FIRST)[0].reference == ""
    content = b"".join(file.read_bytes() for file in database_file.parent.glob(f"{database_file.name}*"))
    assert b"a-reference-to-a-person" not in content
    assert b"results.delete" in content


def test_a_deletion_waits_for_no_reader(store: PrivacyStore, database: Database) -> None:
    store.keep(1, 7, FIRST, "form 1")
    with database.session() as reading:
        reading.execute(text("SELECT * FROM consents"))
        finish(store, Demand(request_id=FIRST), store.begin(Demand(request_id=FIRST)))
    assert store.consents(FIRST)[0].reference == ""
