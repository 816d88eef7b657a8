"""A database of an older version keeps what it holds when it is brought up to date."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from facemeld.accounts.store import AccountStore
from facemeld.accounts.types import AccountState, KeyKind
from facemeld.accounts.vault import KeyVault
from facemeld.db.audit import AuditLog
from facemeld.db.database import HEAD_REVISION, Database, configuration

MOMENT = "2026-01-02 03:04:05"
OLD = (
    f"INSERT INTO accounts VALUES (7, 'acme', 'frozen', '{MOMENT}')",
    f"INSERT INTO activities VALUES (1, 7, 'spring', '', 1, 0, 50, 50, '{MOMENT}', '{MOMENT}')",
)
OLD_LOG = (
    f"INSERT INTO audit_log VALUES (3, '{MOMENT}', 'cli:root', 'account.create', 'acme', '{{\"count\": 1}}')",
    f"INSERT INTO audit_log VALUES (5, '{MOMENT}.250000', 'cli:\u00e4', 'key.create', 'AKIDold', '{{}}')",
)


def test_the_first_schema_is_brought_up_to_date_with_its_accounts(tmp_path: Path, vault: KeyVault) -> None:
    database = Database.at(tmp_path / "old.db")
    with database.engine.connect() as connection:
        command.upgrade(configuration(connection), "0001")
    secret = vault.encrypt(b"secret", "AKIDold")
    with database.transaction() as session:
        for statement in OLD:
            session.execute(text(statement))
        key = f"INSERT INTO access_keys VALUES ('AKIDold', 7, :secret, 'api', 1, '{MOMENT}', NULL)"
        session.execute(text(key), {"secret": secret})
    database.upgrade()
    assert database.revision() == HEAD_REVISION
    store = AccountStore(database, vault)
    (account,) = store.accounts()
    assert (account.id, account.state, account.balance, account.auto_open, dict(account.rates)) == (7, AccountState.FROZEN, None, False, {})
    stored = store.credential("AKIDold")
    assert stored is not None
    assert (stored.secret_key, stored.kind, stored.token, stored.policy.metered) == ("secret", KeyKind.API, None, False)
    assert stored.policy.actions is None
    with database.session() as session:
        assert session.scalar(text("SELECT count(*) FROM activities")) == 1
    database.close()


def test_the_audit_log_of_an_older_version_is_chained_and_stays_closed(tmp_path: Path) -> None:
    database = Database.at(tmp_path / "old.db")
    with database.engine.connect() as connection:
        command.upgrade(configuration(connection), "0003")
    with database.transaction() as session:
        for statement in OLD_LOG:
            session.execute(text(statement))
    database.upgrade()
    log = AuditLog(database)
    log.record("cli:root", "test.act", "subject")
    assert [entry.id for entry in log.entries()] == [6, 5, 3]
    assert (log.verify().sound, log.verify().entries, log.verify().head) == (True, 3, log.head())
    for act in ("UPDATE audit_log SET hash = ''", "DELETE FROM audit_log"):
        with pytest.raises(IntegrityError, match="append-only"), database.transaction() as session:
            session.execute(text(act))
    database.close()
