"""Every check around a call refuses on its own trigger only, with the code and message of the API version."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from facemeld.accounts.store import AccountStore
from facemeld.accounts.types import AccountState, parse_networks
from facemeld.api.checks import STATE_ERRORS
from facemeld.api.protocol.errors import BY_CODE
from facemeld.api.protocol.errors.base import V2018, V2022
from facemeld.db.errors import DatabaseUnavailable
from facemeld.errors import FacemeldError
from tests.api.admission.conftest import VERSIONS, World
from tests.tables import table

STATES = [
    ("frozen", "ResourceUnavailable.Freeze", "ResourceUnavailable.Freeze"),
    ("arrears", "ResourceUnavailable.InArrears", "ResourceUnavailable.InArrears"),
    ("opening", "ResourceUnavailable.IsOpening", "ResourceUnavailable.Delivering"),
    ("not_exist", "ResourceUnavailable.NotExist", "ResourceUnavailable.NotExist"),
    ("recover", "ResourceUnavailable.Recover", "ResourceUnavailable.Recover"),
    ("stop_using", "ResourceUnavailable.StopUsing", "ResourceUnavailable.StopUsing"),
    ("delivering", "ResourceUnavailable.IsOpening", "ResourceUnavailable.Delivering"),
    ("low_balance", "ResourceUnavailable.InArrears", "ResourceUnavailable.LowBalance"),
    ("not_ready", "ResourceUnavailable.NotExist", "ResourceUnavailable.NotReady"),
    ("unknown", "ResourceUnavailable.NotExist", "ResourceUnavailable.UnknownStatus"),
]


@pytest.mark.answers(
    "ResourceUnavailable.Freeze",
    "ResourceUnavailable.InArrears",
    "ResourceUnavailable.IsOpening",
    "ResourceUnavailable.Delivering",
    "ResourceUnavailable.NotExist",
    "ResourceUnavailable.Recover",
    "ResourceUnavailable.StopUsing",
    "ResourceUnavailable.LowBalance",
    "ResourceUnavailable.NotReady",
    "ResourceUnavailable.UnknownStatus",
)
@pytest.mark.parametrize(("state", "newer", "older"), STATES)
def test_a_state_has_a_code_in_each_version(world: World, state: str, newer: str, older: str) -> None:
    world.change(state=AccountState(state))
    assert [world.call(version=version).code for version in VERSIONS] == [newer, older]
    for action in ("FuseFaceUltra", "DescribeMaterialList"):
        assert world.call(action).code == newer
    world.change(state=AccountState.NORMAL)
    assert world.call().code == ""


def test_every_state_has_codes_that_its_versions_know() -> None:
    assert {state for state, _, _ in STATES} == set(STATE_ERRORS) == set(AccountState) - {AccountState.NORMAL}
    for newer, older in STATE_ERRORS.values():
        assert V2022 in newer.versions
        assert V2018 in older.versions


def test_a_state_is_told_in_the_callers_language(world: World) -> None:
    world.change(state=AccountState.FROZEN)
    assert world.call().response["Error"]["Message"] == "The account has been frozen."
    assert world.call(headers={"x-tc-language": "zh-CN"}).response["Error"]["Message"] == "账号已被冻结。"


@pytest.mark.answers("AuthFailure.UnauthorizedOperation")
def test_a_key_may_call_only_what_it_is_allowed(world: World) -> None:
    key = world.application.accounts.create_key("acme", actor="test", actions=["FuseFace", "DescribeMaterialList"])
    assert [world.call(action, key=key).code for action in ("FuseFace", "DescribeMaterialList")] == ["", ""]
    refused = world.call("FuseFaceUltra", key=key)
    assert refused.code == "AuthFailure.UnauthorizedOperation"
    expected = "you are not authorized to perform operation (facefusion:FuseFaceUltra)\nresource (*) has no permission"
    assert refused.response["Error"]["Message"] == expected
    assert world.call("FuseFaceUltra").code == ""
    world.application.accounts.set_key_actions(key.secret_id, ["FuseFaceUltra"], actor="test")
    assert [world.call(action, key=key).code for action in ("FuseFaceUltra", "FuseFace")] == ["", "AuthFailure.UnauthorizedOperation"]


@pytest.mark.answers(
    "IpInBlacklist",
    "IpNotInWhitelist",
)
@pytest.mark.parametrize(
    ("lists", "account", "code"),
    [
        ({}, {"denied": "192.0.2.7"}, "IpInBlacklist"),
        ({}, {"denied": "192.0.2.0/24"}, "IpInBlacklist"),
        ({}, {"denied": "192.0.2.8,10.0.0.0/8"}, ""),
        ({}, {"allowed": "10.0.0.0/8"}, "IpNotInWhitelist"),
        ({}, {"allowed": "10.0.0.0/8,192.0.2.7"}, ""),
        ({}, {"allowed": "192.0.2.7", "denied": "192.0.2.7"}, "IpInBlacklist"),
        ({"api": {"deny_ips": "192.0.2.7"}}, {}, "IpInBlacklist"),
        ({"api": {"deny_ips": "192.0.2.7"}}, {"allowed": "192.0.2.7"}, "IpInBlacklist"),
        ({"api": {"allow_ips": "10.0.0.0/8"}}, {}, "IpNotInWhitelist"),
        ({"api": {"allow_ips": "10.0.0.0/8"}}, {"allowed": "192.0.2.7"}, "IpNotInWhitelist"),
        ({"api": {"allow_ips": "192.0.2.0/24"}}, {"allowed": "192.0.2.7"}, ""),
    ],
)
def test_addresses_are_compared_with_both_lists(
    open_world: Callable[..., World], lists: dict[str, str], account: dict[str, str], code: str
) -> None:
    world = open_world(**lists)
    world.change(**{name: parse_networks(networks) for name, networks in account.items()})
    assert world.call().code == code


@pytest.mark.answers("AuthFailure.TokenFailure")
def test_a_temporary_key_needs_its_token_and_ends(open_world: Callable[..., World]) -> None:
    world = open_world()
    accounts = world.application.accounts
    key = accounts.create_temporary_key(world.key.secret_id, timedelta(hours=1), actor="test")
    good: dict[str, Any] = {"key": key, "headers": {"x-tc-token": key.token}}
    assert world.call(**good).code == ""
    assert world.call(key=key).code == "AuthFailure.TokenFailure"
    assert world.call(key=key, headers={"x-tc-token": key.token[:-1] + "!"}).code == "AuthFailure.TokenFailure"
    assert world.call(headers={"x-tc-token": key.token}).code == "AuthFailure.TokenFailure"
    end = int(key.expires_at.timestamp())
    assert open_world(now=end - 1).call(time=end - 1, **good).code == ""
    assert open_world(now=end).call(time=end, **good).code == "AuthFailure.TokenFailure"
    accounts.set_key_actions(world.key.secret_id, ["DescribeMaterialList"], actor="test")
    assert world.call(**good).code == "AuthFailure.UnauthorizedOperation"
    accounts.set_key_enabled(world.key.secret_id, False, actor="test")
    assert world.call(**good).code == "AuthFailure.SecretIdNotFound"


@pytest.mark.answers(
    "InternalError",
    "ResourceUnavailable.GetAuthInfoError",
)
def test_accounts_that_cannot_be_read_have_a_code(world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: object) -> None:
        raise DatabaseUnavailable("the database must answer, got: disk I/O error")

    monkeypatch.setattr(AccountStore, "credential", broken)
    assert world.call(version="2018-12-01").code == "ResourceUnavailable.GetAuthInfoError"
    assert world.call().code == "InternalError"
    assert "disk I/O error" in caplog.text
    assert "disk" not in world.call().raw.decode()


@pytest.fixture
def faulty(open_world: Callable[..., World]) -> World:
    """A world whose callers may ask for faults."""
    return open_world(api={"fault_header": True})


@table("code", sorted(BY_CODE))
def test_any_code_can_be_asked_for_when_the_operator_allows_it(faulty: World, code: str) -> None:
    answer = faulty.call(headers={"x-facemeld-fault": code})
    assert answer.code == code
    assert "{" not in answer.response["Error"]["Message"]


def test_no_code_can_be_asked_for_otherwise(world: World, open_world: Callable[..., World]) -> None:
    assert world.call(headers={"x-facemeld-fault": "InternalError"}).code == ""
    allowed = open_world(api={"fault_header": True})
    assert allowed.call().code == ""
    assert allowed.call(headers={"x-facemeld-fault": "No.SuchCode"}).code == "InvalidParameterValue"
    stranger = allowed.ask(headers={"x-facemeld-fault": "InternalError"})
    stranger.secret_key = "wrong"
    assert stranger.to(allowed.endpoint).code == "AuthFailure.SignatureFailure"


def test_a_share_of_calls_gets_a_fault_and_costs_nothing(open_world: Callable[..., World]) -> None:
    world = open_world(api={"faults": "FailedOperation.RpcFail=0.3, InternalError=0.3"})
    world.change(balance=1000)
    codes = [world.call().code for _ in range(300)]
    assert set(codes) == {"FailedOperation.RpcFail", "InternalError", ""}
    # Six standard deviations around the expected count of 300 calls.
    assert all(
        abs(codes.count(code) - share * 300) < 6 * (300 * share * (1 - share)) ** 0.5 for code, share in (("", 0.4), ("InternalError", 0.3))
    )
    assert world.left() == 1000 - codes.count("")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"api": {"faults": "FailedOperation.RpcFial=0.1"}}, "with a code of the catalogue, got 'FailedOperation.RpcFial=0.1'"),
        ({"api": {"faults": "InternalError"}}, "must be a number from 0 to 1, got ''"),
        ({"api": {"faults": "InternalError=2"}}, "must be a number from 0 to 1, got '2'"),
        ({"api": {"faults": "InternalError=nan"}}, "must be a number from 0 to 1, got 'nan'"),
        ({"api": {"faults": "InternalError=0.6,FailedOperation.RpcFail=0.6"}}, "must make at most 1, got 1.2"),
        ({"rates": {"limits": "FuseFaec=1"}}, "a rate must name one of"),
        ({"rates": {"limits": "FuseFace=often"}}, "must be 1 to 1000000 calls a second"),
        ({"rates": {"storage": "mongodb://localhost"}}, "the rates' storage must be one of memory, redis"),
        ({"api": {"deny_ips": "localhost"}}, "must be comma-separated IP addresses and networks, such as 10.0.0.0/8, got 'localhost'"),
    ],
)
def test_settings_that_make_no_sense_are_refused_at_the_start(
    open_world: Callable[..., World], settings: dict[str, dict[str, str]], message: str
) -> None:
    with pytest.raises(FacemeldError, match=message):
        open_world(**settings)
