"""Rates, networks and permissions as text: valid values survive a round trip, invalid ones are refused."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facemeld.accounts.store import AccountStore
from facemeld.accounts.types import (
    AccountChange,
    AccountInvalid,
    KeyKind,
    KeyNotFound,
    Network,
    format_networks,
    format_rates,
    includes,
    parse_actions,
    parse_networks,
    parse_rates,
)
from facemeld.db.audit import AuditLog
from facemeld.db.database import Database
from tests.db.state import SettableClock
from tests.tables import table

NAMES = st.from_regex(r"(2022-09-27:)?[A-Za-z][A-Za-z0-9]{0,20}", fullmatch=True)


@given(st.dictionaries(NAMES, st.none() | st.integers(1, 1_000_000)))
def test_rates_survive_being_written(rates: dict[str, int | None]) -> None:
    assert parse_rates(format_rates(rates)) == rates


@given(st.lists(st.ip_addresses().map(ip_network)))
def test_networks_survive_being_written(networks: list[Network]) -> None:
    assert list(parse_networks(format_networks(networks))) == networks


@table("text", ["FuseFace", "FuseFace=0", "FuseFace=1.5", "=5", "Fuse Face=5", "FuseFace=-1", "FuseFace=1000001", "a:b=1"])
def test_a_bad_rate_is_refused(text: str) -> None:
    with pytest.raises(AccountInvalid):
        parse_rates(text)


@table("text", ["nonsense", "10.0.0.1/8", "300.1.1.1", "::g"])
def test_a_bad_network_is_refused(text: str) -> None:
    with pytest.raises(AccountInvalid, match="got"):
        parse_networks(text)


@table("text", ["fuseFace", "Fuse Face", "*", "Fuse\0"])
def test_a_bad_action_is_refused(text: str) -> None:
    with pytest.raises(AccountInvalid, match="must be letters and digits"):
        parse_actions(text)


@table(
    ("networks", "address", "inside"),
    [
        ("192.0.2.0/24", "192.0.2.7", True),
        ("192.0.2.0/24", "192.0.3.7", False),
        ("192.0.2.7", "::ffff:192.0.2.7", True),
        ("2001:db8::/32", "2001:db8::1", True),
        ("fe80::/10", "fe80::1%eth0", True),
        ("0.0.0.0/0", "2001:db8::1", False),
        ("0.0.0.0/0,::/0", "", False),
        ("0.0.0.0/0", "unix socket", False),
        ("", "192.0.2.7", False),
    ],
)
def test_an_address_lies_in_a_network_or_not(networks: str, address: str, inside: bool) -> None:
    assert includes(parse_networks(networks), address) is inside


def test_the_policy_comes_with_the_credential(account_store: AccountStore) -> None:
    account_store.create("acme", actor="test")
    key = account_store.create_key("acme", actor="test", actions=["FuseFace", "DescribeMaterialList"])
    rates = {"FuseFace": 20, "account": None}
    allowed, denied = parse_networks("10.0.0.0/8"), parse_networks("10.6.6.6,10.7.7.7")
    account_store.change("acme", AccountChange(balance=3, rates=rates, allowed=allowed, denied=denied), actor="test")
    account_store.change("acme", AccountChange(rates={"FuseFace": "default", "FuseFaceUltra": 2}), actor="test")
    stored = account_store.credential(key.secret_id)
    assert stored is not None
    policy = stored.policy
    assert (policy.metered, policy.auto_open, policy.rates) == (True, False, {"account": None, "FuseFaceUltra": 2})
    assert (policy.allowed, policy.denied) == (allowed, denied)
    assert policy.actions == {"FuseFace", "DescribeMaterialList"}
    account_store.change("acme", AccountChange(allowed=(), denied=()), actor="test")
    assert account_store.get("acme").allowed == ()


def test_permissions_change_and_leave_a_trail(account_store: AccountStore, database: Database) -> None:
    account_store.create("acme", actor="test")
    key = account_store.create_key("acme", actor="test")
    assert account_store.set_key_actions(key.secret_id, ["FuseFace"], actor="ann").actions == {"FuseFace"}
    assert account_store.set_key_actions(key.secret_id, None, actor="ann").actions is None
    trail = [(entry.act, entry.detail) for entry in AuditLog(database).entries(subject=key.secret_id, limit=2)]
    assert trail == [("key.actions", {"from": "FuseFace", "to": None}), ("key.actions", {"from": None, "to": "FuseFace"})]
    with pytest.raises(AccountInvalid, match="at least one action"):
        account_store.set_key_actions(key.secret_id, [], actor="ann")


def test_a_temporary_key_has_a_token_an_end_and_the_permissions_of_its_parent(account_store: AccountStore, clock: SettableClock) -> None:
    account_store.create("acme", actor="test")
    parent = account_store.create_key("acme", actor="test", actions=["FuseFace"])
    key = account_store.create_temporary_key(parent.secret_id, timedelta(hours=1), actor="ann")
    stored = account_store.credential(key.secret_id)
    assert stored is not None
    assert (stored.secret_key, stored.token, stored.expires_at) == (key.secret_key, key.token, clock.now + timedelta(hours=1))
    assert (stored.kind, stored.enabled, stored.policy.actions) == (KeyKind.TEMPORARY, True, {"FuseFace"})
    account_store.set_key_actions(parent.secret_id, ["FuseFaceUltra"], actor="ann")
    account_store.set_key_enabled(parent.secret_id, False, actor="ann")
    stored = account_store.credential(key.secret_id)
    assert stored is not None
    assert (stored.enabled, stored.policy.actions) == (False, {"FuseFaceUltra"})
    assert account_store.purge_temporary(clock.now + timedelta(hours=1)) == 0
    assert account_store.purge_temporary(clock.now + timedelta(hours=1, seconds=1)) == 1
    (left,) = account_store.keys()
    assert left.secret_id == parent.secret_id


def test_the_token_is_nowhere_in_the_clear(account_store: AccountStore, database: Database, database_file: Path) -> None:
    account_store.create("acme", actor="test")
    parent = account_store.create_key("acme", actor="test")
    key = account_store.create_temporary_key(parent.secret_id, timedelta(hours=1), actor="ann")
    database.close()
    stored = b"".join(file.read_bytes() for file in database_file.parent.iterdir())
    assert key.token.encode() not in stored
    assert key.token not in repr(key) + repr(account_store.credential(key.secret_id))


def test_only_a_permanent_enabled_key_has_temporary_ones(account_store: AccountStore) -> None:
    account_store.create("acme", actor="test")
    parent = account_store.create_key("acme", actor="test")
    child = account_store.create_temporary_key(parent.secret_id, timedelta(hours=1), actor="ann")
    with pytest.raises(AccountInvalid, match="must be a permanent one"):
        account_store.create_temporary_key(child.secret_id, timedelta(hours=1), actor="ann")
    with pytest.raises(AccountInvalid, match="those of the key it stands for"):
        account_store.set_key_actions(child.secret_id, None, actor="ann")
    with pytest.raises(AccountInvalid, match="must be made by create_temporary_key"):
        account_store.create_key("acme", actor="ann", kind=KeyKind.TEMPORARY)
    for life in (timedelta(0), timedelta(hours=37)):
        with pytest.raises(AccountInvalid, match="at most 36 hours"):
            account_store.create_temporary_key(parent.secret_id, life, actor="ann")
    account_store.set_key_enabled(parent.secret_id, False, actor="ann")
    with pytest.raises(KeyNotFound, match="which is disabled"):
        account_store.create_temporary_key(parent.secret_id, timedelta(hours=1), actor="ann")
