"""What operators look for: calls, acts, settings, marks of results; and what they may do about keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from facemeld.db.errors import utc_now
from facemeld.settings.catalogue import SETTINGS, load_settings
from facemeld.upkeep.administration import HIDDEN, Source, read_configuration
from facemeld.users.types import Role
from tests.admin.test_objects import usage
from tests.admin.world import World, make_world


@pytest.fixture
def alone(tmp_path: Path, bundle_path: Path) -> Iterator[World]:
    """An admin API without other records: spans of time are found quickly because records come in the order of time."""
    with make_world(tmp_path / "data", bundle_path) as world:
        yield world


def test_calls_are_found_by_activity_code_and_time(alone: World) -> None:
    """Success and failure have names of their own; conditions can be joined."""
    number = alone.application.accounts.ensure("searched", actor="test").id
    start = datetime(2026, 5, 1, tzinfo=UTC)
    calls = [
        usage(start, "", number),
        replace(usage(start + timedelta(hours=1), "InternalError", number), project_id="at_77"),
        replace(usage(start + timedelta(hours=2), "", number), project_id="at_77"),
        usage(start + timedelta(hours=3), "RequestLimitExceeded", number),
    ]
    alone.application.usage.add(calls)

    def found(**query: str) -> list[int]:
        items = alone.pages("/usage/calls", 2, account="searched", **query)
        return [(datetime.fromisoformat(item["at"]) - start) // timedelta(hours=1) for item in items]

    assert found() == [3, 2, 1, 0]
    assert found(code="error") == [3, 1]
    assert found(code="OK") == [2, 0]
    assert found(code="InternalError") == [1]
    assert found(activity="at_77") == [2, 1]
    assert found(activity="at_77", code="OK") == [2]
    assert found(since="2026-05-01T01:00:00", until="2026-05-01T03:00:00Z") == [2, 1]
    assert found(code="Nothing") == []


def test_acts_are_found_by_actor_kind_and_time(shared: World) -> None:
    """An act is named wholly or by the object that it is about."""
    shared.application.accounts.ensure("logged", actor="test")
    key = shared.send("POST", "/accounts/logged/keys", {}, Role.OPERATOR)["secret_id"]
    shared.send("PATCH", f"/keys/{key}", {"enabled": False}, Role.OWNER)
    assert [one["act"] for one in shared.get("/audit", subject=key)["items"]] == ["key.disable", "key.create"]
    assert [one["act"] for one in shared.get("/audit", subject=key, actor="user:operator")["items"]] == ["key.create"]
    assert [one["act"] for one in shared.get("/audit", subject=key, act="key")["items"]] == ["key.disable", "key.create"]
    assert [one["act"] for one in shared.get("/audit", subject=key, act="key.disable")["items"]] == ["key.disable"]
    assert shared.get("/audit", subject=key, act="k%y")["items"] == []
    assert shared.get("/audit", subject=key, until="2026-01-01")["items"] == []
    assert len(shared.get("/audit", subject=key, since="2026-01-01")["items"]) == 2


def test_permissions_of_a_key_are_changed(shared: World) -> None:
    """To some actions, to all, together with being accepted; a change must say what it changes."""
    shared.application.accounts.ensure("allowed", actor="test")
    path = f"/keys/{shared.send('POST', '/accounts/allowed/keys', {})['secret_id']}"
    assert shared.send("PATCH", path, {"actions": ["FuseFace"]}, Role.OPERATOR)["actions"] == ["FuseFace"]
    changed = shared.send("PATCH", path, {"all_actions": True, "enabled": False})
    assert (changed["actions"], changed["enabled"]) == (None, False)
    for wrong in ({}, {"actions": ["FuseFace"], "all_actions": True}, {"actions": []}, {"actions": ["Nothing"]}):
        assert shared.call("PATCH", path, json=wrong).status_code == 400, wrong


def test_a_temporary_key_stands_for_another(shared: World) -> None:
    """Its secret and token are shown once; it is listed with its end."""
    shared.application.accounts.ensure("visitor", actor="test")
    parent = shared.send("POST", "/accounts/visitor/keys", {})["secret_id"]
    made = shared.send("POST", f"/keys/{parent}/temporary", {"minutes": 5}, Role.OPERATOR)
    stored = shared.application.accounts.credential(made["secret_id"])
    assert stored is not None
    assert (stored.secret_key, stored.token) == (made["secret_key"], made["token"])
    assert timedelta(minutes=4) < datetime.fromisoformat(made["expires_at"]) - utc_now() <= timedelta(minutes=5)
    reply = shared.call("GET", "/keys", params={"account": "visitor"})
    assert made["token"] not in reply.text
    assert shared.call("POST", f"/keys/{made['secret_id']}/temporary", json={}).status_code == 400
    assert shared.call("POST", f"/keys/{parent}/temporary", json={"minutes": 100_000}).status_code == 400


def test_settings_are_read_without_secrets(shared: World) -> None:
    """All of them, with where their values come from."""
    found = {one["name"]: one for one in shared.get("/settings")["items"]}
    assert set(found) == set(SETTINGS)
    assert (found["data"]["source"], found["server.port"]["source"], found["server.port"]["value"]) == ("command", "default", "8080")
    assert found["master_key"]["secret"]
    assert not found["server.port"]["secret"]


def test_secrets_in_settings_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are secret as a whole, and passwords within addresses."""
    monkeypatch.setenv("FACEMELD_MASTER_KEY", "k" * 40)
    monkeypatch.setenv("FACEMELD_DATABASE_URL", "postgresql+psycopg://ann:s3cret@db/face?sslmode=require&sslpassword=s3cret")
    monkeypatch.setenv("FACEMELD_RATES_STORAGE", "redis://:s3cret@cache:6379/0")
    monkeypatch.setenv("FACEMELD_PORT", "9000")
    found = {one.name: one for one in read_configuration(load_settings({"server.port": 9001}))}
    assert found["master_key"].value == HIDDEN
    assert found["database.url"].value == f"postgresql+psycopg://ann:{HIDDEN}@db/face?sslmode=require&sslpassword={HIDDEN}"
    assert found["rates.storage"].value == f"redis://:{HIDDEN}@cache:6379/0"
    assert (found["database.url"].source, found["server.port"].source) == (Source.ENVIRONMENT, Source.COMMAND)
    assert (found["server.port"].value, found["trace.share"].value, found["api.strict"].value) == ("9001", "1", "false")
    assert "s3cret" not in str(found)
    assert "k" * 40 not in str(found)


def test_what_the_command_line_replaced_may_be_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong variable that counts for nothing does not keep the settings from being shown."""
    monkeypatch.setenv("FACEMELD_PORT", "nonsense")
    assert {one.name: one.source for one in read_configuration(load_settings({"server.port": 9001}))}["server.port"] is Source.COMMAND


def test_marks_of_a_stored_result_are_read(shared: World, portrait: bytes) -> None:
    """From its file; a picture without marks has none, and a result that is not there is said not to be."""
    made = shared.application.results.put(portrait, "image/jpeg", utc_now() + timedelta(hours=1))
    report = shared.get(f"/results/{made}/marks")
    assert report["Label"] is None
    assert report["Format"] == "jpeg"
    assert shared.call("GET", f"/results/{str(made).replace('jpg', 'png')}/marks").status_code == 404
