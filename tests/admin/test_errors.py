"""The one shape of all errors, and what provokes each."""

from __future__ import annotations

import logging
import re
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facemeld.users.types import Role
from tests.admin.world import PASSWORD, UPLOAD_BYTES, World
from tests.tables import table

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
JPEG = {"Content-Type": "image/jpeg"}


@table(
    ("method", "path", "options", "status", "code"),
    [
        ("GET", "/nothing", {}, 404, "not_found"),
        ("GET", "/me/", {}, 404, "not_found"),
        ("GET", "", {}, 404, "not_found"),
        ("PUT", "/me", {}, 405, "method_not_allowed"),
        ("GET", "/me", {"role": None}, 401, "unauthorized"),
        ("GET", "/me", {"role": "fmu_" + "x" * 43}, 401, "unauthorized"),
        ("GET", "/me", {"role": None, "headers": {"Authorization": "Basic b3duZXI6eA=="}}, 401, "unauthorized"),
        ("POST", "/login", {"role": None, "json": {"name": "owner", "password": "wrong"}}, 401, "unauthorized"),
        ("GET", "/users", {"role": Role.VIEWER}, 403, "forbidden"),
        ("POST", "/login", {"json": {"name": "owner"}}, 400, "invalid_request"),
        ("POST", "/login", {"content": b"{", "headers": {"Content-Type": "application/json"}}, 400, "invalid_request"),
        ("POST", "/login", {"content": b"\xff\xfe", "headers": {"Content-Type": "application/json"}}, 400, "invalid_request"),
        ("POST", "/accounts", {"json": {"name": "a", "colour": "red"}}, 400, "invalid_request"),
        ("GET", "/accounts?limit=0", {}, 400, "invalid_request"),
        ("GET", "/accounts?limit=201", {}, 400, "invalid_request"),
        ("GET", "/accounts?cursor=nonsense", {}, 400, "invalid_cursor"),
        ("GET", "/materials?cursor=YWNjb3VudHM6MQ", {}, 400, "invalid_cursor"),
        ("GET", "/materials?status=4", {}, 400, "invalid_request"),
        ("GET", "/usage?since=yesterday", {}, 400, "invalid_request"),
        ("GET", "/usage?since=0.5", {}, 400, "invalid_request"),
        ("GET", "/usage/calls?until=1e9", {}, 400, "invalid_request"),
        ("GET", "/audit?until=20260815", {}, 400, "invalid_request"),
        ("POST", "/accounts/nobody/packages", {"json": {"calls": 1, "expires_at": 1e9}}, 400, "invalid_request"),
        ("PATCH", "/accounts/nobody", {"json": {"auto_open": 0}}, 400, "invalid_request"),
        ("PATCH", "/accounts/nobody", {"json": {"balance": False}}, 400, "invalid_request"),
        ("PATCH", "/accounts/nobody", {"json": {"rates": {"account": True}}}, 400, "invalid_request"),
        ("POST", "/accounts/nobody/packages", {"json": {"calls": True}}, 400, "invalid_request"),
        ("POST", "/accounts/nobody/packages", {"json": {"calls": "1"}}, 400, "invalid_request"),
        ("POST", "/keys/AKIDnobody/temporary", {"json": {"minutes": "1"}}, 400, "invalid_request"),
        ("POST", "/me/tokens", {"json": {"days": "1"}}, 400, "invalid_request"),
        ("PATCH", "/activities/at_1", {"json": {"shape_degree": "0"}}, 400, "invalid_request"),
        ("PATCH", "/materials/mt_1", {"json": {"feature_degree": False}}, 400, "invalid_request"),
        ("PATCH", "/activities/at_1", {"json": {"consent_required": "yes"}}, 400, "invalid_request"),
        ("PATCH", "/materials/mt_1", {"json": {"inherit_degrees": 1}}, 400, "invalid_request"),
        ("GET", "/accounts/nobody", {}, 404, "not_found"),
        ("GET", "/keys?account=nobody", {}, 404, "not_found"),
        ("PATCH", "/keys/AKIDnobody", {"json": {"enabled": True}}, 404, "not_found"),
        ("GET", "/activities/at_1", {}, 404, "not_found"),
        ("GET", "/activities/nonsense", {}, 404, "not_found"),
        ("GET", "/materials/mt_1", {}, 404, "not_found"),
        ("GET", "/materials/mt_1/thumbnail", {}, 404, "not_found"),
        ("GET", "/users/Nobody", {}, 404, "not_found"),
        ("DELETE", "/me/tokens/999999999", {}, 404, "not_found"),
        ("POST", "/users", {"json": {"name": "viewer", "password": PASSWORD}}, 409, "conflict"),
        ("POST", "/users", {"json": {"name": "short", "password": "short"}}, 400, "invalid_request"),
        ("POST", "/accounts", {"json": {"name": ""}}, 400, "invalid_request"),
        ("POST", "/activities/at_1/materials?name=a", {"content": b"x", "headers": {"Content-Type": "text/html"}}, 415, "unsupported_type"),
        ("POST", "/activities/at_1/materials?name=a", {"content": b"x" * (UPLOAD_BYTES + 1), "headers": JPEG}, 413, "too_large"),
        ("POST", "/activities/at_1/materials", {"content": b"x", "headers": JPEG}, 400, "invalid_request"),
        ("POST", "/activities/at_1/materials?name=a", {"content": b"x", "headers": JPEG}, 404, "not_found"),
        ("POST", "/login", {"content": b" " * 70_000}, 413, "too_large"),
        ("POST", "/users", {"role": None, "content": b" " * 70_000}, 413, "too_large"),
    ],
)
def test_every_error_has_the_same_shape(shared: World, method: str, path: str, options: dict[str, Any], status: int, code: str) -> None:
    reply = shared.call(method, path, **{"role": Role.OWNER, **options})
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
    assert_shape(reply.json(), reply.headers["X-Request-Id"])
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


@table(
    ("method", "path", "allowed"),
    [
        ("PUT", "/me", {"GET"}),
        ("OPTIONS", "/accounts", {"GET", "POST"}),
        ("DELETE", "/deletions", {"GET", "POST"}),
        ("PUT", "/materials/mt_1", {"GET", "PATCH", "DELETE"}),
        ("PATCH", "/materials/mt_1/picture", {"GET", "PUT"}),
        ("POST", "/openapi.json", {"GET", "HEAD"}),
    ],
)
def test_a_refused_method_is_told_all_that_are_allowed(shared: World, method: str, path: str, allowed: set[str]) -> None:
    reply = shared.call(method, path)
    assert (reply.status_code, set(reply.headers["Allow"].split(", "))) == (405, allowed)


def assert_shape(body: Any, request_id: str) -> None:
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "request_id"}
    assert body["error"]["request_id"] == request_id
    assert UUID.fullmatch(request_id)
    assert re.fullmatch(r"[a-z_]+", body["error"]["code"])
    assert body["error"]["message"]


def test_what_nobody_foresaw_has_the_shape_too_and_is_logged(
    shared: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("the reason")

    monkeypatch.setattr(type(shared.application.users), "users", fail)
    reply = shared.call("GET", "/users")
    assert (reply.status_code, reply.json()["error"]["code"]) == (500, "internal_error")
    assert_shape(reply.json(), reply.headers["X-Request-Id"])
    assert "the reason" not in reply.text
    assert f"Admin request {reply.headers['X-Request-Id']} failed" in caplog.text
    assert "ZeroDivisionError: the reason" in caplog.text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"]),
    path=st.text(st.characters(codec="utf-8", exclude_characters="?#"), max_size=30)
    | st.sampled_from(["users", "materials", "activities/at_1/materials", "login", "usage/calls"]),
    query=st.text(max_size=30),
    body=st.binary(max_size=50),
)
def test_no_request_leaves_the_shape(shared: World, method: str, path: str, query: str, body: bytes) -> None:
    reply = shared.call(
        method, "/" + quote(path, safe="/"), params={"cursor": query}, content=body, headers={"Content-Type": "application/json"}
    )
    if reply.status_code >= 400:
        assert_shape(reply.json(), reply.headers["X-Request-Id"])
    assert reply.status_code < 500


def test_the_log_names_user_and_path_but_no_secret(shared: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "facemeld")
    token = shared.call("POST", "/login", None, json={"name": "owner", "password": PASSWORD}).json()["token"]
    shared.call("POST", "/login", None, json={"name": "viewer", "password": "a wrong password"})
    shared.call("GET", "/accounts", token, params={"cursor": "secret-cursor"})
    shared.call("POST", "/users", token, json={"name": "x", "password": ["not text, but a secret"]})
    assert "admin GET /accounts 400" in caplog.text
    assert "by user:owner" in caplog.text
    assert not any(secret in caplog.text for secret in (PASSWORD, token, "a wrong password", "secret-cursor", "not text"))


def test_a_faulty_value_is_not_sent_back(shared: World) -> None:
    reply = shared.call("POST", "/users", json={"name": "x", "password": ["my secret"]})
    assert reply.json()["error"]["message"] == "password: Input should be a valid string"
