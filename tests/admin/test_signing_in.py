"""Signing in, staying signed in, and the limit on attempts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from facemeld.users.types import Role
from tests.admin.world import PASSWORD, World, make_world


@pytest.fixture
def world(tmp_path: Path, bundle_path: Path) -> Iterator[World]:
    with make_world(tmp_path / "data", bundle_path, console={"sign_in_attempts": 3}) as made:
        yield made


def login(world: World, name: str, password: str = PASSWORD, address: str = "192.0.2.1") -> int:
    return world.call("POST", "/login", None, address=address, json={"name": name, "password": password}).status_code


def test_a_session_lasts_until_it_is_ended(shared: World) -> None:
    reply = shared.call("POST", "/login", None, json={"name": "operator", "password": PASSWORD}).json()
    assert (reply["user"]["name"], reply["user"]["role"]) == ("operator", "operator")
    token = reply["token"]
    assert shared.call("GET", "/me", token).json() == {
        "name": "operator",
        "role": "operator",
        "acts": ["read", "decide", "edit", "keys", "audit", "settings"],
    }
    (session, *_) = shared.call("GET", "/me/tokens", token).json()["items"]
    assert (session["kind"], session["revoked_at"]) == ("session", None)
    assert shared.call("POST", "/logout", token).status_code == 204
    assert shared.call("GET", "/me", token).status_code == 401


def test_the_own_password_can_be_changed_by_who_knows_it(shared: World) -> None:
    shared.send("POST", "/users", {"name": "forgetful", "password": PASSWORD})
    token = shared.call("POST", "/login", None, json={"name": "forgetful", "password": PASSWORD}).json()["token"]
    assert shared.call("POST", "/me/password", token, json={"current": "wrong", "new": "y" * 12}).status_code == 401
    assert shared.call("POST", "/me/password", token, json={"current": PASSWORD, "new": "short"}).status_code == 400
    assert shared.call("POST", "/me/password", token, json={"current": PASSWORD, "new": "y" * 12}).status_code == 204
    assert shared.call("GET", "/me", token).status_code == 401
    assert login(shared, "forgetful") == 401
    assert login(shared, "forgetful", "y" * 12) == 200


def test_passwords_cannot_be_tried_without_end(world: World) -> None:
    assert [login(world, "owner", "wrong") for _ in range(3)] == [401, 401, 401]
    refused = world.call("POST", "/login", None, json={"name": "owner", "password": PASSWORD})
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_requests")
    assert refused.headers["Retry-After"] == "300"
    assert login(world, "owner", address="198.51.100.7") == 429
    # The lock is the name's: others still get in, and so do tokens of the locked user.
    assert login(world, "viewer") == 200
    assert world.call("GET", "/me", Role.OWNER).status_code == 200


def test_a_right_password_forgives_the_wrong_ones_before(world: World) -> None:
    for _ in range(3):
        assert [login(world, "owner", "wrong"), login(world, "owner")] == [401, 200]


@pytest.mark.slow
def test_one_address_cannot_try_many_names(world: World) -> None:
    assert {login(world, f"user{number}", "wrong") for number in range(15)} == {401}
    assert login(world, "owner") == 429
    assert login(world, "owner", address="198.51.100.7") == 200


def test_attempts_side_by_side_are_all_counted(world: World) -> None:
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(login(world, "owner", "wrong"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [401] * 3 + [429] * 5
