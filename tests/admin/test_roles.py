"""Roles and their rights: every endpoint against every role."""

from __future__ import annotations

from typing import Any

from facemeld.users.types import Role
from tests.admin.world import World
from tests.tables import table

# Every endpoint and the lowest role that may call it; None needs no sign-in. The requests name things that do not exist.
MATRIX: dict[tuple[str, str], Role | None] = {
    ("POST", "/login"): None,
    ("POST", "/logout"): Role.VIEWER,
    ("GET", "/me"): Role.VIEWER,
    ("POST", "/me/password"): Role.VIEWER,
    ("GET", "/me/tokens"): Role.VIEWER,
    ("POST", "/me/tokens"): Role.VIEWER,
    ("DELETE", "/me/tokens/{token_id}"): Role.VIEWER,
    ("GET", "/users"): Role.OWNER,
    ("POST", "/users"): Role.OWNER,
    ("GET", "/users/{name}"): Role.OWNER,
    ("PATCH", "/users/{name}"): Role.OWNER,
    ("GET", "/users/{name}/tokens"): Role.OWNER,
    ("POST", "/users/{name}/tokens"): Role.OWNER,
    ("DELETE", "/users/{name}/tokens/{token_id}"): Role.OWNER,
    ("GET", "/accounts"): Role.VIEWER,
    ("POST", "/accounts"): Role.OWNER,
    ("GET", "/accounts/{name}"): Role.VIEWER,
    ("PATCH", "/accounts/{name}"): Role.OWNER,
    ("POST", "/accounts/{name}/packages"): Role.OWNER,
    ("GET", "/keys"): Role.VIEWER,
    ("POST", "/accounts/{name}/keys"): Role.OPERATOR,
    ("PATCH", "/keys/{secret_id}"): Role.OPERATOR,
    ("POST", "/keys/{secret_id}/temporary"): Role.OPERATOR,
    ("GET", "/activities"): Role.VIEWER,
    ("POST", "/activities"): Role.OPERATOR,
    ("GET", "/activities/{activity_id}"): Role.VIEWER,
    ("PATCH", "/activities/{activity_id}"): Role.OPERATOR,
    ("POST", "/activities/{activity_id}/materials"): Role.OPERATOR,
    ("GET", "/materials"): Role.VIEWER,
    ("GET", "/materials/{material_id}"): Role.VIEWER,
    ("PATCH", "/materials/{material_id}"): Role.OPERATOR,
    ("DELETE", "/materials/{material_id}"): Role.OPERATOR,
    ("PUT", "/materials/{material_id}/picture"): Role.OPERATOR,
    ("POST", "/materials/{material_id}/approve"): Role.REVIEWER,
    ("POST", "/materials/{material_id}/reject"): Role.REVIEWER,
    ("POST", "/materials/{material_id}/appeal"): Role.OPERATOR,
    ("GET", "/materials/{material_id}/history"): Role.REVIEWER,
    ("GET", "/materials/{material_id}/picture"): Role.VIEWER,
    ("GET", "/materials/{material_id}/thumbnail"): Role.VIEWER,
    ("GET", "/results"): Role.VIEWER,
    ("DELETE", "/results/{result_id}"): Role.OPERATOR,
    ("GET", "/results/{result_id}/marks"): Role.VIEWER,
    ("GET", "/settings"): Role.OPERATOR,
    ("GET", "/audit"): Role.OPERATOR,
    ("GET", "/audit/verify"): Role.OPERATOR,
    ("GET", "/deletions"): Role.OPERATOR,
    ("POST", "/deletions"): Role.OPERATOR,
    ("GET", "/deletions/{number}"): Role.OPERATOR,
    ("GET", "/usage"): Role.VIEWER,
    ("GET", "/usage/calls"): Role.VIEWER,
}

NAMES = {
    "token_id": "999999",
    "name": "nobody",
    "secret_id": "AKIDnobody",
    "activity_id": "at_1",
    "material_id": "mt_1",
    "result_id": "nothing.jpg",
    "number": "999999",
}
BODIES: dict[str, dict[str, Any]] = {
    "/accounts/{name}/packages": {"calls": 1},
    "/keys/{secret_id}": {"enabled": True},
    "/me/password": {"current": "not the password", "new": "x" * 12},
    "/users": {"name": "NOT ALLOWED", "password": "x" * 12},
    "/accounts": {"name": ""},
    "/activities": {"account": "nobody", "name": "x"},
    "/me/tokens": {"label": "\n"},
}


def endpoints(world: World) -> set[tuple[str, str]]:
    paths = world.call("GET", "/openapi.json", None).json()["paths"]
    return {(method.upper(), path) for path, operations in paths.items() for method in operations}


def test_the_table_lists_every_endpoint(shared: World) -> None:
    assert endpoints(shared) == set(MATRIX)


@table("role", [None, *Role], ids=lambda role: "nobody" if role is None else role.value)
@table(("method", "path"), [key for key, needed in MATRIX.items() if needed], ids=lambda part: part.strip("/"))
def test_an_endpoint_answers_exactly_the_roles_that_it_is_for(shared: World, method: str, path: str, role: Role | None) -> None:
    needed = MATRIX[method, path]
    assert needed is not None
    token: Role | str | None = role
    if role is not None and path == "/logout":
        token = shared.send("POST", "/me/tokens", {}, role)["token"]
    reply = shared.call(method, path.format(**NAMES), token, json=BODIES.get(path, {}) if method in {"POST", "PATCH"} else None)
    if role is None:
        assert reply.status_code == 401
        assert reply.headers["WWW-Authenticate"] == "Bearer"
    elif role.allows(needed):
        assert reply.status_code != 403
        assert reply.status_code != 401 or path == "/me/password"
    else:
        assert reply.status_code == 403
        assert reply.json()["error"]["message"] == f"the role must be at least {needed.value}, {role.value}'s is {role.value}"


def test_a_refused_request_is_refused_before_its_body_is_judged(shared: World) -> None:
    assert shared.call("POST", "/users", Role.VIEWER, json={"nonsense": 1}).status_code == 403
    assert shared.call("POST", "/users", None, json={"nonsense": 1}).status_code == 401
    assert shared.call("POST", "/users", Role.OWNER, json={"nonsense": 1}).status_code == 400


def test_a_token_never_gets_more_than_its_maker_may(shared: World) -> None:
    for role in Role:
        made = shared.send("POST", "/me/tokens", {"role": "owner"}, role)
        assert shared.call("GET", "/me", made["token"]).json()["role"] == role.value
    weak = shared.send("POST", "/me/tokens", {"role": "viewer"}, Role.OWNER)["token"]
    assert shared.call("GET", "/me", weak).json() == {"name": "owner", "role": "viewer", "acts": ["read"]}
    weaker = shared.call("POST", "/me/tokens", weak, json={"role": "owner"}).json()["token"]
    assert shared.call("GET", "/users", weaker).status_code == 403


def test_a_new_role_holds_from_the_next_request(shared: World) -> None:
    shared.send("POST", "/users", {"name": "changing", "password": "x" * 12, "role": "operator"})
    token = shared.send("POST", "/users/changing/tokens", {})["token"]
    assert shared.call("GET", "/audit", token).status_code == 200
    shared.send("PATCH", "/users/changing", {"role": "viewer"})
    assert shared.call("GET", "/audit", token).status_code == 403
    shared.send("PATCH", "/users/changing", {"disabled": True})
    assert shared.call("GET", "/me", token).status_code == 401
