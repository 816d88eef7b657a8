"""Accounts and keys: creation, look-up, states, the audit trail, other processes."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facemeld.accounts.store import AccountStore
from facemeld.accounts.types import AccountExists, AccountInvalid, AccountNotFound, AccountState, KeyKind, KeyNotFound, VaultError
from facemeld.accounts.vault import KeyVault
from facemeld.db.audit import AuditLog
from facemeld.db.database import Database
from tests.db.state import SettableClock

CREATE = """
import sys
from facemeld.accounts.store import AccountStore; from facemeld.accounts.vault import KeyVault
from facemeld.db.database import Database
database = Database(sys.argv[1])
store = AccountStore(database, KeyVault.from_secret("a master secret of the tests, long enough"))
for _ in range(10):
    account = store.ensure("shared", actor="test")
    print(account.id, store.create_key("shared", actor="test").secret_id)
database.close()
"""


def test_a_new_account_is_normal_and_can_be_found(account_store: AccountStore, clock: SettableClock) -> None:
    created = account_store.create("公司 acme", actor="cli:root")
    assert (created.name, created.state, created.created_at) == ("公司 acme", AccountState.NORMAL, clock.now)
    assert account_store.get("公司 acme") == created
    assert account_store.accounts() == (created,)
    assert account_store.ensure("公司 acme", actor="cli:root") == created


def test_a_name_is_taken_only_once(account_store: AccountStore) -> None:
    account_store.create("acme", actor="test")
    with pytest.raises(AccountExists):
        account_store.create("acme", actor="test")


@pytest.mark.parametrize("name", ["", " acme", "acme\n", "a\0b", "x" * 65, "\udcff"])
def test_a_bad_name_is_refused(account_store: AccountStore, name: str) -> None:
    with pytest.raises(AccountInvalid):
        account_store.create(name, actor="test")
    with pytest.raises(AccountNotFound):
        account_store.get(name)


def test_a_key_has_the_form_of_the_clouds(account_store: AccountStore) -> None:
    account_store.create("acme", actor="test")
    keys = [account_store.create_key("acme", actor="test") for _ in range(20)]
    assert all(re.fullmatch(r"AKID[A-Za-z0-9]{32}", key.secret_id) for key in keys)
    assert all(re.fullmatch(r"[A-Za-z0-9]{32}", key.secret_key) for key in keys)
    assert len({key.secret_id for key in keys} | {key.secret_key for key in keys}) == 40


def test_a_credential_is_what_was_shown_at_creation(account_store: AccountStore) -> None:
    account = account_store.create("acme", actor="test")
    key = account_store.create_key("acme", actor="test", kind=KeyKind.CONSOLE)
    stored = account_store.credential(key.secret_id)
    assert stored is not None
    assert (stored.secret_id, stored.secret_key, stored.enabled) == (key.secret_id, key.secret_key, True)
    assert (stored.kind, stored.account_id, stored.account_name) == (KeyKind.CONSOLE, account.id, "acme")
    assert stored.account_state is AccountState.NORMAL


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=80))
def test_whatever_a_caller_sends_as_a_secret_id_is_just_unknown(account_store: AccountStore, secret_id: str) -> None:
    assert account_store.credential(secret_id) is None
    with pytest.raises(KeyNotFound):
        account_store.set_key_enabled(secret_id, False, actor="test")


def test_secrets_are_nowhere_in_the_clear(account_store: AccountStore, database: Database, database_file: Path) -> None:
    account_store.create("acme", actor="test")
    key = account_store.create_key("acme", actor="test")
    database.close()
    stored = b"".join(file.read_bytes() for file in database_file.parent.iterdir())
    assert key.secret_id.encode() in stored
    assert key.secret_key.encode() not in stored
    assert key.secret_key not in repr(key) + repr(account_store.credential(key.secret_id)) + repr(account_store.keys())


def test_another_master_key_cannot_read_the_secrets(account_store: AccountStore, database: Database) -> None:
    account_store.create("acme", actor="test")
    key = account_store.create_key("acme", actor="test")
    stranger = AccountStore(database, KeyVault.from_secret("some other secret of the right length"))
    with pytest.raises(VaultError, match=key.secret_id):
        stranger.credential(key.secret_id)


def test_states_and_keys_change_at_once_and_leave_a_trail(account_store: AccountStore, database: Database) -> None:
    account_store.create("acme", actor="test")
    key = account_store.create_key("acme", actor="test")
    account_store.set_state("acme", AccountState.FROZEN, actor="ann")
    assert account_store.set_key_enabled(key.secret_id, False, actor="bob").enabled is False
    stored = account_store.credential(key.secret_id)
    assert stored is not None
    assert (stored.account_state, stored.enabled) == (AccountState.FROZEN, False)
    assert account_store.set_key_enabled(key.secret_id, True, actor="bob").enabled is True
    trail = [(entry.actor, entry.act, entry.subject, entry.detail) for entry in AuditLog(database).entries()]
    assert trail == [
        ("bob", "key.enable", key.secret_id, {}),
        ("bob", "key.disable", key.secret_id, {}),
        ("ann", "account.state", "account:acme", {"from": "normal", "to": "frozen"}),
        ("test", "key.create", key.secret_id, {"account": "acme", "kind": "api"}),
        ("test", "account.create", "account:acme", {}),
    ]


def test_keys_are_listed_by_account(account_store: AccountStore, clock: SettableClock) -> None:
    keys: dict[str, list[str]] = {}
    for name in ("acme", "zenith", "empty"):
        account_store.create(name, actor="test")
    for name in ("acme", "zenith", "acme"):
        clock.advance(seconds=1)
        keys.setdefault(name, []).append(account_store.create_key(name, actor="test").secret_id)
    own = account_store.keys("acme")
    assert [key.secret_id for key in own] == keys["acme"]
    everybody = account_store.keys()
    assert [key.account_name for key in everybody] == ["acme", "zenith", "acme"]
    assert account_store.keys("empty") == ()
    with pytest.raises(AccountNotFound):
        account_store.keys("nobody")


def test_the_last_use_only_moves_forward(account_store: AccountStore, clock: SettableClock) -> None:
    account_store.create("acme", actor="test")
    key = account_store.create_key("acme", actor="test")
    assert account_store.keys()[0].last_used_at is None
    account_store.record_use({})
    account_store.record_use({key.secret_id: clock.now, "unknown": clock.now})
    account_store.record_use({key.secret_id: clock.now - timedelta(hours=1)})
    assert account_store.keys()[0].last_used_at == clock.now


def test_an_unknown_account_gets_no_key(account_store: AccountStore) -> None:
    with pytest.raises(AccountNotFound, match="'nobody'"):
        account_store.create_key("nobody", actor="test")


def test_several_processes_create_keys_on_one_file(account_store: AccountStore, database_file: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", CREATE, f"sqlite:///{database_file}"]
    creators = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    lines = [line.split() for creator in creators for line in creator.communicate(timeout=60)[0].splitlines()]
    assert [creator.returncode for creator in creators] == [0] * 3
    assert len({account for account, _ in lines}) == 1
    stored = account_store.keys("shared")
    assert {key.secret_id for key in stored} == {secret_id for _, secret_id in lines}
    assert len(lines) == 30
