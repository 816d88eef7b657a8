"""Deletions with receipts and the check of the audit log, through HTTP."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from facemeld.db.errors import utc_now
from facemeld.privacy.deletion import parse_receipt, verify_receipt
from facemeld.usage.types import Usage
from facemeld.users.types import Role
from tests.admin.world import World, make_world


@pytest.fixture
def fresh(tmp_path: Path, bundle_path: Path) -> Iterator[World]:
    with make_world(tmp_path / "data", bundle_path) as made:
        made.application.accounts.create("acme", actor="test")
        yield made


def call_of(world: World, consent: str, account: str = "acme") -> str:
    """RequestId of a call with a stored result."""
    request_id, application = str(uuid.uuid4()), world.application
    application.privacy.keep(application.accounts.get(account).id, None, request_id, consent)
    application.results.put(b"pixels", "image/png", utc_now() + timedelta(hours=2), request_id)
    return request_id


MORE = ("192.0.2.9", {"fuse": 1.5})


def used(world: World, request_id: str, consent: str) -> Usage:
    """The record of such a call."""
    return Usage(
        at=utc_now(),
        request_id=request_id,
        account_id=world.application.accounts.get("acme").id,
        secret_id="AKID",
        action="FuseFaceUltra",
        version="2022-09-27",
        code="",
        milliseconds=2,
        faces=1,
        bytes_in=1,
        bytes_out=1,
        charged=False,
        consent=consent,
        client="192.0.2.9",
        stages={"fuse": 1.5},
    )


def test_results_are_deleted_and_receipts_listed(fresh: World) -> None:
    mine = [call_of(fresh, "form 1"), call_of(fresh, "form 1")]
    other = call_of(fresh, "form 2")
    fresh.application.usage.add([used(fresh, mine[0], "form 1"), used(fresh, other, "form 2")])
    assert [call["consent"] for call in fresh.get("/usage/calls")["items"]] == ["form 2", "form 1"]
    done = fresh.send("POST", "/deletions", {"consent": "form 1", "account": "acme"}, Role.OPERATOR)
    verify_receipt(*parse_receipt(json.dumps(done["receipt"])), fresh.application.receipts.public_key)
    assert [call["request_id"] for call in done["receipt"]["body"]["calls"]] == mine
    assert fresh.get("/results")["items"] != []
    listed = fresh.get("/usage/calls", account="acme")["items"]
    assert [(call["consent"], call["client"], call["stages"]) for call in listed] == [("form 2", *MORE), ("", *MORE)]
    by_id = fresh.send("POST", "/deletions", {"request_id": other}, Role.OPERATOR)
    assert fresh.get("/results")["items"] == []
    assert fresh.pages("/deletions", limit=1) == [by_id, done]
    assert fresh.get(f"/deletions/{done['number']}") == done
    (entry,) = fresh.get("/audit", subject=done["receipt"]["body"]["id"])["items"]
    assert (entry["actor"], entry["act"], entry["detail"]["files"]) == ("user:operator", "results.delete", 2)
    assert "form 1" not in json.dumps(fresh.get("/audit"))


def test_demands_that_cannot_be_followed_are_refused(shared: World) -> None:
    statuses = {
        json.dumps(body): shared.call("POST", "/deletions", json=body).status_code
        for body in (
            {},
            {"consent": "nobody's"},
            {"request_id": str(uuid.uuid4())},
            {"request_id": "1"},
            {"request_id": str(uuid.uuid4()), "consent": "x"},
            {"consent": "x", "account": "nowhere"},
            {"consent": "x", "surprise": 1},
        )
    }
    assert list(statuses.values()) == [400, 404, 404, 400, 400, 404, 400]
    assert shared.call("GET", "/deletions/0").status_code == 400
    assert shared.call("GET", f"/deletions/{2**63}").status_code == 400


def test_the_audit_log_can_be_checked(fresh: World) -> None:
    first = fresh.get("/audit/verify")
    assert (first["sound"], first["bad_id"], first["fault"]) == (True, None, "")
    assert first["head_id"] == fresh.get("/audit", limit=1)["items"][0]["id"]
    fresh.application.accounts.create("museum", actor="test")
    assert fresh.get("/audit/verify", anchor=first["head_hash"])["entries"] == first["entries"] + 1
    assert not fresh.get("/audit/verify", anchor="0" * 63 + "1")["sound"]
    assert fresh.call("GET", "/audit/verify", params={"anchor": "x"}).status_code == 400
    with closing(sqlite3.connect(fresh.application.settings.data / "facemeld.sqlite3")) as connection:
        connection.execute("DROP TRIGGER audit_log_refuse_UPDATE")
        connection.execute("UPDATE audit_log SET actor = 'forger' WHERE id = 2")
        connection.commit()
    broken = fresh.get("/audit/verify")
    assert (broken["sound"], broken["bad_id"], broken["head_id"]) == (False, 2, 1)


def test_an_activity_can_demand_consent_and_have_a_rate(shared: World, activity: str) -> None:
    assert (shared.get(f"/activities/{activity}")["consent_required"], shared.get(f"/activities/{activity}")["rate"]) == (False, "")
    changed = shared.send("PATCH", f"/activities/{activity}", {"consent_required": True, "rate": "20/second"}, Role.OPERATOR)
    assert (changed["consent_required"], changed["rate"]) == (True, "20/second")
    made = shared.send("POST", "/activities", {"account": "acme", "name": "strict", "consent_required": True, "rate": "5/second"})
    assert (made["consent_required"], made["rate"]) == (True, "5/second")
    assert shared.call("PATCH", f"/activities/{activity}", json={"rate": "20/minute"}).status_code == 400
    assert shared.send("PATCH", f"/activities/{activity}", {"rate": ""})["rate"] == ""
