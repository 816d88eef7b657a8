"""Operations on accounts, keys, results and calls that all operators' interfaces share."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from facemeld.accounts.credit import Reserve
from facemeld.accounts.types import UNLIMITED, AccountChange, AccountInvalid, AccountNotFound, AccountState, KeyNotFound
from facemeld.app.composition import Application, Services
from facemeld.db.errors import utc_now
from facemeld.results.types import ResultId, ResultNotFound
from facemeld.upkeep.administration import Administration, account_change, checked_actions
from facemeld.usage.types import Usage
from facemeld.users.types import Role
from tests.tables import table

CALL = Usage(
    at=utc_now(),
    request_id="00000000-0000-4000-8000-000000000000",
    account_id=1,
    secret_id=None,
    action="FuseFace",
    version="2022-09-27",
    code="",
    milliseconds=100,
    faces=1,
    bytes_in=0,
    bytes_out=0,
    charged=False,
)


@pytest.fixture
def admin(use_cases: Services) -> Administration:
    return use_cases.administration


def test_an_account_is_shown_with_all_its_credit(admin: Administration) -> None:
    number = admin.accounts.create("acme", actor="test").id
    assert admin.account("acme").calls_left is None
    admin.accounts.change("acme", AccountChange(balance=3), actor="test")
    admin.accounts.add_package("acme", 10, actor="test")
    admin.charges.apply([Reserve("call", number, "FuseFace")])
    view = admin.account("acme")
    assert (view.account.name, len(view.packages), view.calls_under_way) == ("acme", 1, 1)
    # A reserved charge counts as used, first from the package.
    assert view.calls_left == 12
    with pytest.raises(AccountNotFound):
        admin.account("nobody")


def test_a_package_that_is_over_counts_no_more(admin: Administration) -> None:
    admin.accounts.create("acme", actor="test")
    admin.accounts.change("acme", AccountChange(balance=0), actor="test")
    admin.accounts.add_package("acme", 10, expires_at=utc_now() + timedelta(hours=1), actor="test")
    assert admin.account("acme").calls_left == 10
    assert replace(admin, clock=lambda: utc_now() + timedelta(hours=2)).account("acme").calls_left == 0


def test_pages_of_accounts_follow_the_order_of_creation(admin: Administration) -> None:
    for name in ("zoo", "acme", "museum"):
        admin.accounts.create(name, actor="test")
    first = admin.account_page(None, 2)
    assert ([view.account.name for view in first.items], first.total) == (["zoo", "acme"], 3)
    second = admin.account_page(first.next, 2)
    assert ([view.account.name for view in second.items], second.next) == (["museum"], None)
    assert admin.account_number("acme") == first.items[1].account.id
    assert admin.account_number(None) is None


def test_pages_of_keys_hold_every_key_once(admin: Administration) -> None:
    for name in ("acme", "acme", "acme", "zoo"):
        admin.accounts.ensure(name, actor="test")
        admin.accounts.create_key(name, actor="test")
    first, following = admin.key_page("acme", None, 2)
    rest, end = admin.key_page("acme", following, 2)
    listed = [key.secret_id for key in (*first, *rest)]
    assert (listed, len(set(listed)), end) == (sorted(listed), 3, None)
    assert len(admin.key_page(None, None, 10)[0]) == 4


@pytest.fixture
def key(admin: Administration) -> str:
    """SecretId of a key of acme."""
    admin.accounts.create("acme", actor="test")
    return admin.accounts.create_key("acme", actor="test").secret_id


def test_a_key_is_changed_in_what_is_named(admin: Administration, key: str) -> None:
    changed = admin.change_key(key, enabled=False, actions=["FuseFace"], all_actions=False, actor="user:ann")
    assert (changed.enabled, changed.actions) == (False, frozenset({"FuseFace"}))
    changed = admin.change_key(key, enabled=True, actions=None, all_actions=False, actor="user:ann")
    assert (changed.enabled, changed.actions) == (True, frozenset({"FuseFace"}))
    changed = admin.change_key(key, enabled=None, actions=None, all_actions=True, actor="user:ann")
    assert (changed.enabled, changed.actions) == (True, None)
    assert [entry.actor for entry in admin.audit.entries() if key in entry.subject].count("user:ann") == 4


@table(
    ("enabled", "actions", "all_actions"),
    [(None, None, False), (None, ["FuseFace"], True), (True, ["FuseFace"], True), (True, ["FuseFaec"], False), (None, [], False)],
)
def test_a_change_of_a_key_must_be_clear(
    admin: Administration, key: str, enabled: bool | None, actions: list[str] | None, all_actions: bool
) -> None:
    before = admin.key_page("acme", None, 1)
    with pytest.raises(AccountInvalid):
        admin.change_key(key, enabled=enabled, actions=actions, all_actions=all_actions, actor="test")
    assert admin.key_page("acme", None, 1) == before


def test_a_key_that_is_none_cannot_be_changed(admin: Administration) -> None:
    for change in ({"enabled": True, "actions": None}, {"enabled": None, "actions": ["FuseFace"]}):
        with pytest.raises(KeyNotFound):
            admin.change_key("AKIDnobody", all_actions=False, actor="test", **change)  # type: ignore[arg-type]  # fields by name


def test_a_token_for_a_program_lives_for_days(admin: Administration) -> None:
    admin.users.create("ann", "correct horse battery", Role.OWNER, actor="test")
    token = admin.create_token("ann", days=2, label="backup", role=Role.VIEWER, actor="user:ann")
    principal = admin.users.authenticate(token.text)
    assert (principal.name, principal.role) == ("ann", Role.VIEWER)
    (listed,) = admin.users.tokens("ann")
    assert abs(listed.expires_at - utc_now() - timedelta(days=2)) < timedelta(minutes=1)


def results(application: Application, count: int) -> list[ResultId]:
    return [application.results.put(b"pixels", "image/png", utc_now() + timedelta(hours=1 + number)) for number in range(count)]


def test_results_are_listed_by_expiry_and_expired_by_hand(admin: Administration, application: Application) -> None:
    made = results(application, 3)
    first, following = admin.result_page(None, 2)
    rest, end = admin.result_page(following, 2)
    assert ([result.id for result in (*first, *rest)], end) == (made, None)
    admin.expire_result(str(made[0]), actor="user:ann")
    assert [result.id for result in admin.result_page(None, 5)[0]] == made[1:]
    (entry,) = admin.audit.entries(subject=str(made[0]))
    assert (entry.act, entry.actor) == ("result.expire", "user:ann")
    with pytest.raises(ResultNotFound):
        admin.expire_result(str(made[0]), actor="user:ann")


@table("text", ["", "nothing.jpg", "../facemeld.sqlite3"])
def test_what_is_no_result_is_not_found(admin: Administration, text: str) -> None:
    with pytest.raises(ResultNotFound):
        admin.result_page(text, 1)
    with pytest.raises(ResultNotFound):
        admin.expire_result(text, actor="test")
    with pytest.raises(ResultNotFound):
        asyncio.run(admin.result_marks(text))


def test_results_of_a_call_are_those_that_live(admin: Administration, application: Application) -> None:
    life = [timedelta(hours=1), timedelta(hours=3)]
    made = [application.results.put(b"pixels", "image/png", utc_now() + hours, CALL.request_id) for hours in life]
    results(application, 1)
    assert sorted(map(str, admin.results_of(CALL.request_id))) == sorted(map(str, made))
    later = replace(admin, clock=lambda: utc_now() + timedelta(hours=2))
    assert later.results_of(CALL.request_id) == (made[1],)
    assert admin.results_of("00000000-0000-4000-8000-000000000001") == ()


def test_a_result_without_marks_says_so(admin: Administration, application: Application, hopper_path: Path) -> None:
    stored = application.results.put(hopper_path.read_bytes(), "image/jpeg", utc_now() + timedelta(hours=1))
    report = asyncio.run(admin.result_marks(str(stored)))
    assert (report["Format"], report["Label"], report["Credentials"]) == ("jpeg", None, None)
    assert admin.calls_of(report) == ()


def test_changes_of_an_account_are_read_as_people_write_them() -> None:
    change = account_change(
        state=AccountState.FROZEN,
        balance=UNLIMITED,
        auto_open=True,
        rates={"FuseFace": 20, "account": "unlimited", "global": "default"},
        allow_ips=["10.0.0.0/8", "::1"],
        deny_ips=[],
    )
    assert (change.state, change.balance, change.auto_open) == (AccountState.FROZEN, UNLIMITED, True)
    assert change.allowed == (ip_network("10.0.0.0/8"), ip_network("::1"))
    assert change.denied == ()
    assert set(change.rates or {}) == {"FuseFace", "account", "global"}
    assert account_change(balance=3).balance == 3
    untouched = account_change()
    assert (untouched.state, untouched.balance, untouched.allowed, untouched.denied) == (None, None, None, None)


@table(
    ("field", "message"),
    [
        ({"balance": "much"}, "a number of calls or unlimited, got 'much'"),
        ({"rates": {"FuseFaec": 1}}, "a rate must name one of"),
        ({"rates": {"published": 1}}, "a rate must name one of"),
        ({"rates": {"FuseFace": "often"}}, "must be 1 to 1000000 calls a second"),
        ({"allow_ips": ["localhost"]}, "must hold IP addresses and networks, got 'localhost'"),
    ],
)
def test_changes_that_cannot_be_read_are_refused(field: dict[str, object], message: str) -> None:
    with pytest.raises(AccountInvalid, match=message):
        account_change(**field)  # type: ignore[arg-type]  # fields by name


def test_no_list_of_actions_means_all() -> None:
    assert checked_actions(None) is None
    assert checked_actions([]) == frozenset()
    with pytest.raises(AccountInvalid):
        checked_actions(["FuseFaec"])
