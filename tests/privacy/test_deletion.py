"""Deletion on demand: every file of the calls is deleted, the receipt says so, and a crash in between is made up for."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from facemeld.accounts.types import AccountNotFound
from facemeld.app.composition import Application, open_application
from facemeld.db.audit import AuditLog
from facemeld.db.errors import utc_now
from facemeld.privacy.deletion import Consents, verify_receipt
from facemeld.privacy.store import PrivacyStore
from facemeld.privacy.types import ConsentMissing, DeletionInvalid, NothingToDelete
from facemeld.results.local import LocalResultStore
from facemeld.results.types import ResultExpired, ResultId, ResultNotFound, ResultNotSaved
from facemeld.settings.catalogue import Settings

WEEK = timedelta(days=7)


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    """The stores of an empty data folder with the accounts acme and museum."""
    with open_application(Settings(data=tmp_path / "data")) as opened:
        for name in ("acme", "museum"):
            opened.accounts.create(name, actor="test")
        yield opened


def made(
    application: Application, consent: str | None = None, *, account: str = "acme", content: bytes = b"pixels"
) -> tuple[str, ResultId]:
    """RequestId and result of a call."""
    request_id = str(uuid.uuid4())
    if consent is not None:
        application.privacy.keep(application.accounts.get(account).id, 7, request_id, consent)
    return request_id, application.results.put(content, "image/jpeg", utc_now() + WEEK, request_id)


def delete(application: Application, **demand: Any) -> dict[str, Any]:
    """Delete, and return the content of the verified receipt."""
    receipt = application.deletion.delete(**demand, actor="test")
    verify_receipt(receipt.body, receipt.signature, application.receipts.public_key)
    body: dict[str, Any] = json.loads(receipt.body)
    return body


def stored(application: Application, result: ResultId) -> bool:
    try:
        application.results.open(result).stream.close()
    except ResultNotFound:
        return False
    return True


def test_a_receipt_says_what_was_deleted(application: Application) -> None:
    first, second = made(application, "form 1", content=b"one"), made(application, "form 1", content=b"three")
    other = made(application, "form 2")
    body = delete(application, consent="form 1")
    assert body["calls"] == [
        {"request_id": first[0], "outcome": "deleted", "files": [{"sha256": hashlib.sha256(b"one").hexdigest(), "bytes": 3}]},
        {"request_id": second[0], "outcome": "deleted", "files": [{"sha256": hashlib.sha256(b"three").hexdigest(), "bytes": 5}]},
    ]
    digest = hashlib.sha256(b"form 1").hexdigest()
    assert body["demand"] == {"request_id": None, "consent_sha256": digest, "account": None}
    assert body["server"].startswith("facemeld ")
    assert [stored(application, result) for _, result in (first, second, other)] == [False, False, True]
    (entry,) = application.audit.entries(limit=1)
    assert (entry.act, entry.subject) == ("results.delete", body["id"])
    assert entry.detail == {"calls": 2, "files": 2, "by": "consent", "account": None}


def test_a_result_is_found_by_its_request_id_even_without_any_record(application: Application) -> None:
    request_id, result = made(application)
    with pytest.raises(NothingToDelete):
        delete(application, request_id=request_id, account="acme")
    assert delete(application, request_id=request_id)["calls"][0]["outcome"] == "deleted"
    assert not stored(application, result)
    with pytest.raises(NothingToDelete):
        delete(application, request_id=request_id)


def test_an_account_limits_a_deletion(application: Application) -> None:
    mine, theirs = made(application, "form 1"), made(application, "form 1", account="museum")
    with pytest.raises(DeletionInvalid, match="account"):
        delete(application, consent="form 1")
    body = delete(application, consent="form 1", account="museum")
    assert (body["demand"]["account"], [call["request_id"] for call in body["calls"]]) == ("museum", [theirs[0]])
    assert [stored(application, result) for _, result in (mine, theirs)] == [True, False]
    with pytest.raises(NothingToDelete):
        delete(application, request_id=mine[0], account="museum")
    with pytest.raises(AccountNotFound):
        delete(application, consent="form 1", account="nobody")


def test_an_expired_result_that_is_still_on_the_disk_is_deleted_too(application: Application) -> None:
    request_id, result = made(application, "form 1")
    later = LocalResultStore(application.settings.data / "results", bytes(32), lambda: utc_now() + 2 * WEEK)
    with pytest.raises(ResultExpired):
        later.open(result)
    assert delete(application, request_id=request_id)["calls"][0]["outcome"] == "deleted"
    assert [path for path in (application.settings.data / "results").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "demand",
    [
        {},
        {"request_id": str(uuid.uuid4()), "consent": "form 1"},
        {"request_id": "../../etc/passwd"},
        {"request_id": "a" * 36},
        {"consent": "x" * 129},
        {"consent": "f\u00f6rm"},
        {"consent": "form\n1"},
    ],
)
def test_a_demand_that_cannot_be_followed_is_refused(application: Application, demand: dict[str, str]) -> None:
    with pytest.raises(DeletionInvalid):
        delete(application, **demand)


def test_a_deletion_that_broke_off_is_taken_up_again(application: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = [made(application, "form 1") for _ in range(3)]
    erase, erased = LocalResultStore.erase, list[ResultId]()

    def break_off(self: LocalResultStore, result: ResultId) -> Any:
        if erased:
            raise ResultNotSaved("the store must be writable, got: a broken disk")
        erased.append(result)
        return erase(self, result)

    with monkeypatch.context() as broken:
        broken.setattr(LocalResultStore, "erase", break_off)
        with pytest.raises(ResultNotSaved):
            delete(application, consent="form 1")
    assert application.privacy.receipts() == ()
    assert all(application.privacy.is_deleted(request) for request, _ in calls)
    body = delete(application, consent="form 1")
    assert [call["request_id"] for call in body["calls"]] == [request for request, _ in calls]
    assert sorted(call["outcome"] for call in body["calls"]) == ["deleted", "deleted", "nothing stored"]
    assert not any(stored(application, result) for _, result in calls)


def test_a_file_that_the_purge_took_first_is_no_error(application: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    request_id, result = made(application, "form 1")
    monkeypatch.setattr(LocalResultStore, "find", lambda *_: {request_id: (result,)})
    application.results.remove(result)
    assert delete(application, request_id=request_id)["calls"] == [{"request_id": request_id, "outcome": "nothing stored", "files": []}]


def test_the_name_of_a_result_depends_on_the_key(tmp_path: Path) -> None:
    request_id, expiry = str(uuid.uuid4()), utc_now() + WEEK
    stores = [LocalResultStore(tmp_path / str(number), bytes([number]) * 32) for number in (1, 2)]
    names = [store.put(b"pixels", "image/png", expiry, request_id) for store in stores]
    assert names[0].random != names[1].random
    assert dict(stores[0].find([request_id, "other"])) == {request_id: (names[0],)}
    assert dict(stores[1].find([])) == {}
    anonymous = stores[0].put(b"pixels", "image/png", expiry)
    assert anonymous.random != names[0].random


def test_every_file_of_a_call_is_found(tmp_path: Path) -> None:
    store = LocalResultStore(tmp_path / "results", bytes(32))
    made = {store.put(b"x", kind, utc_now() + life, "r") for kind in ("image/png", "video/mp4") for life in (WEEK, timedelta(hours=30))}
    (tmp_path / "results" / "2026-01-01T00").mkdir()
    (tmp_path / "results" / "2026-01-01T00" / "-stray.jpg").write_bytes(b"")
    assert set(store.find(["r"])["r"]) == made
    assert len(made) == 4


def test_consent_is_demanded_by_the_activity_or_the_settings(application: Application) -> None:
    store: PrivacyStore = application.privacy
    Consents(store).demand(None)
    for reference in ("form 1", "-"):
        Consents(store, required=True).demand(reference, by_activity=True)
    for consents, by_activity in ((Consents(store, required=True), False), (Consents(store), True)):
        with pytest.raises(ConsentMissing):
            consents.demand(None, by_activity=by_activity)


def test_the_audit_log_stays_sound(application: Application) -> None:
    for number in range(3):
        delete(application, request_id=made(application, f"form {number}")[0])
    assert AuditLog(application.database).verify().sound
    assert len(application.privacy.receipts()) == 3
