"""Accounts, keys, activities, usage, results and the audit log, through HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from facemeld.db.errors import utc_now
from facemeld.results.types import ResultId
from facemeld.usage.types import Usage
from facemeld.users.types import Role
from tests.admin.world import World, make_world
from tests.tables import table


def test_an_account_is_created_changed_and_read(shared: World) -> None:
    made = shared.send("POST", "/accounts", {"name": "museum"})
    assert (made["name"], made["state"], made["balance"], made["calls_left"]) == ("museum", "normal", None, None)
    change = {"state": "frozen", "balance": 100, "rates": {"FuseFace": 20}, "allow_ips": ["10.0.0.0/8"], "deny_ips": ["10.1.0.0/16"]}
    changed = shared.send("PATCH", "/accounts/museum", change)
    assert {name: changed[name] for name in change} == change
    packed = shared.send("POST", "/accounts/museum/packages", {"calls": 50, "action": "FuseFace", "expires_at": "2099-01-01T00:00:00Z"})
    assert (packed["calls_left"], packed["packages"][0]["calls"]) == (150, 50)
    assert shared.send("PATCH", "/accounts/museum", {"balance": "unlimited", "rates": {"FuseFace": "default"}})["rates"] == {}
    assert shared.get("/accounts/museum")["balance"] is None
    for wrong in ({"balance": "much"}, {"rates": {"Nothing": 1}}, {"rates": {"FuseFace": "fast"}}, {"allow_ips": ["x"]}, {"state": "odd"}):
        assert shared.call("PATCH", "/accounts/museum", json=wrong).status_code == 400, wrong
    assert shared.call("POST", "/accounts/museum/packages", json={"calls": 1, "action": "Nothing"}).status_code == 400


def test_a_key_shows_its_secret_once(shared: World) -> None:
    shared.application.accounts.ensure("booth", actor="test")
    key = shared.send("POST", "/accounts/booth/keys", {"actions": ["FuseFace"]}, Role.OPERATOR)
    assert set(key) == {"secret_id", "secret_key"}
    stored = shared.application.accounts.credential(key["secret_id"])
    assert stored is not None
    assert stored.secret_key == key["secret_key"]
    reply = shared.call("GET", "/keys", params={"account": "booth"})
    assert key["secret_key"] not in reply.text
    (listed,) = reply.json()["items"]
    assert (listed["secret_id"], listed["account"], listed["enabled"], listed["actions"]) == (key["secret_id"], "booth", True, ["FuseFace"])
    assert shared.send("PATCH", f"/keys/{key['secret_id']}", {"enabled": False})["enabled"] is False
    assert shared.call("POST", "/accounts/booth/keys", json={"actions": ["Nothing"]}).status_code == 400


def test_an_activity_is_created_changed_and_read(shared: World, activity: str) -> None:
    changed = shared.send("PATCH", f"/activities/{activity}", {"name": "summer", "published": False, "shape_degree": 10}, Role.OPERATOR)
    assert (changed["name"], changed["published"], changed["disabled"], changed["shape_degree"]) == ("summer", False, False, 10)
    assert shared.get(f"/activities/{activity}") == changed
    assert shared.call("PATCH", f"/activities/{activity}", json={"shape_degree": 101}).status_code == 400
    assert shared.call("POST", "/activities", json={"account": "acme", "name": "x" * 33}).status_code == 400


def test_every_change_is_logged_in_the_name_of_who_made_it(shared: World, activity: str) -> None:
    shared.send("PATCH", f"/activities/{activity}", {"name": "autumn"}, Role.OPERATOR)
    (change, creation) = shared.get("/audit", subject=activity)["items"]
    assert (change["actor"], change["act"], change["detail"]) == ("user:operator", "activity.change", {"name": "autumn"})
    assert (creation["actor"], creation["act"]) == ("user:owner", "activity.create")


def usage(at: datetime, code: str = "", account: int | None = None) -> Usage:
    return Usage(
        at=at,
        request_id="0" * 36,
        account_id=account,
        secret_id=None,
        action="FuseFace",
        version="2022-09-27",
        code=code,
        milliseconds=100,
        faces=1,
        bytes_in=10,
        bytes_out=20,
        charged=not code,
    )


def test_usage_is_summed_and_listed(shared: World) -> None:
    number = shared.application.accounts.ensure("counted", actor="test").id
    first = datetime(2026, 7, 1, 12, tzinfo=UTC)
    calls = [
        usage(first, "InternalError", number),
        usage(first + timedelta(days=1), "", number),
        usage(first + timedelta(days=1), "", number),
    ]
    shared.application.usage.add(calls)
    days = shared.get("/usage", by="day", account="counted")["items"]
    assert [(day["group"], day["calls"], day["failed"], day["charged"]) for day in days] == [
        ("2026-07-01", 1, 1, 0),
        ("2026-07-02", 2, 0, 2),
    ]
    assert [code["group"] for code in shared.get("/usage", by="code", account="counted")["items"]] == ["", "InternalError"]
    (later,) = shared.get("/usage", account="counted", since="2026-07-02")["items"]
    assert later["calls"] == 2
    listed = shared.pages("/usage/calls", 2, account="counted")
    assert [call["code"] for call in listed] == ["", "", "InternalError"]
    assert "account_id" not in listed[0]


def test_a_call_is_found_by_the_marks_of_its_result(shared: World) -> None:
    mark = {"input": "photo 1", "kind": "manifest", "detail": "Valid, by Camera 9"}
    name = "8d1c0943-c29d-4040-9ae3-24cb4e7afb06"
    made = replace(usage(utc_now()), request_id=name, project_id="at_1", model_id="mt_1", incoming=(mark,))
    shared.application.usage.add([made])
    for named in ({"request_id": made.request_id}, {"mark": "8d1c0943c29d4040"}, {"mark": "8D1C0943C29D4040"}):
        (call,) = shared.get("/usage/calls", **named)["items"]
        assert (call["request_id"], call["project_id"], call["model_id"]) == (made.request_id, "at_1", "mt_1")
        assert call["incoming"] == [mark]
    assert shared.get("/usage/calls", mark="8d1c0943c29d4041")["items"] == []
    assert shared.call("GET", "/usage/calls", params={"mark": "8d1c"}).status_code == 400


def test_results_are_listed_without_addresses_and_can_be_ended(shared: World) -> None:
    store = shared.application.results
    made = store.put(b"pixels", "image/jpeg", utc_now() + timedelta(hours=1))
    reply = shared.call("GET", "/results", Role.VIEWER)
    assert "signature" not in reply.text
    (listed,) = [result for result in reply.json()["items"] if result["id"] == str(made)]
    assert (listed["media_type"], listed["size"]) == ("image/jpeg", 6)
    assert shared.call("DELETE", f"/results/{made}", Role.OPERATOR).status_code == 204
    assert shared.call("DELETE", f"/results/{made}", Role.OPERATOR).status_code == 404
    assert str(made) not in shared.call("GET", "/results").text
    (entry,) = shared.get("/audit", subject=str(made))["items"]
    assert (entry["actor"], entry["act"]) == ("user:operator", "result.expire")


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, bundle_path: Path) -> Iterator[World]:
    """An admin API with more of everything than fits on a page."""
    with make_world(tmp_path_factory.mktemp("full") / "data", bundle_path) as world:
        accounts, now = world.application.accounts, utc_now()
        for number in range(7):
            owner = accounts.create(f"account{number}", actor="test")
            accounts.create_key(owner.name, actor="test")
            world.application.activities.create(owner.id, f"activity{number}", actor="test")
            world.application.results.put(b"x", "image/png", now + timedelta(hours=number + 1))
            world.send("POST", "/me/tokens", {})
        world.application.usage.add([usage(now, account=1) for _ in range(7)])
        yield world


@table("limit", [1, 2, 3, 7, 200])
@table(
    ("path", "key", "count"),
    [
        ("/accounts", "name", 7),
        ("/keys", "secret_id", 7),
        ("/activities", "id", 7),
        ("/results", "id", 7),
        ("/me/tokens", "id", 8),
        ("/users", "name", 4),
        ("/users/owner/tokens", "id", 8),
        ("/usage/calls", "at", 7),
        ("/audit", "id", None),
    ],
)
def test_pages_put_together_are_the_whole_list_once(full: World, path: str, key: str, count: int | None, limit: int) -> None:
    whole = [item[key] for item in full.get(path, limit=200)["items"]]
    assert [item[key] for item in full.pages(path, limit)] == whole
    assert count is None or len(whole) == count


def test_what_is_added_while_paging_shifts_nothing(full: World) -> None:
    first = full.get("/audit", limit=3)
    full.send("POST", "/accounts", {"name": f"late{utc_now().timestamp()}"})
    second = full.get("/audit", limit=3, cursor=first["next"])
    ids = [entry["id"] for entry in first["items"] + second["items"]]
    assert ids == list(range(ids[0], ids[0] - 6, -1))


def test_ids_of_results_are_what_the_store_says(full: World) -> None:
    assert all(ResultId.parse(result["id"]) for result in full.get("/results")["items"])
