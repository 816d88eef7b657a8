"""Accounts and their access keys."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from facemeld.accounts.errors import AccountExists, AccountInvalid, AccountNotFound, KeyNotFound
from facemeld.accounts.types import AccessKey, Account, AccountState, KeyKind, NewKey, StoredCredential
from facemeld.accounts.vault import KeyVault
from facemeld.db.audit import record
from facemeld.db.clock import Clock, utc_now
from facemeld.db.database import Database
from facemeld.db.models import AccessKeyRow, AccountRow

KEY_ID_PREFIX = "AKID"
RANDOM_CHARACTERS = 32
LONGEST_NAME = 64
LONGEST_KEY_ID = 64
_ALPHABET = string.ascii_letters + string.digits

_CREDENTIAL = (
    select(
        AccessKeyRow.secret_ciphertext,
        AccessKeyRow.enabled,
        AccessKeyRow.kind,
        AccountRow.id,
        AccountRow.name,
        AccountRow.state,
    )
    .join(AccountRow, AccountRow.id == AccessKeyRow.account_id)
    .where(AccessKeyRow.secret_id == bindparam("secret_id"))
)


class AccountStore:
    """Creates, finds and changes accounts and keys; every change leaves an entry in the audit log.

    The store keeps nothing in memory: what one process changes, another sees at once.
    """

    def __init__(self, database: Database, vault: KeyVault, clock: Clock = utc_now) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    def create(self, name: str, *, actor: str) -> Account:
        """Create an account in the state ``normal``.

        Args:
            name: 1-64 printable characters, unique.
            actor: Who does it, for the audit log.

        Raises:
            AccountExists: the name is taken.
            AccountInvalid: the name is empty, too long or has unprintable characters.
        """
        _check_name(name)
        try:
            with self._database.transaction() as session:
                return _account(self._add(session, name, actor))
        except IntegrityError as error:
            raise AccountExists(f"the account name must be new, got {name!r}, which exists") from error

    def ensure(self, name: str, *, actor: str) -> Account:
        """The account of this name, created when it does not exist.

        Raises:
            AccountInvalid: the name is not allowed.
        """
        try:
            return self.get(name)
        except AccountNotFound:
            try:
                return self.create(name, actor=actor)
            except AccountExists:  # another process was faster
                return self.get(name)

    def get(self, name: str) -> Account:
        """The account of this name.

        Raises:
            AccountNotFound: there is none.
        """
        with self._database.session() as session:
            return _account(_by_name(session, name))

    def accounts(self) -> tuple[Account, ...]:
        """All accounts, in the order of their creation."""
        with self._database.session() as session:
            return tuple(_account(row) for row in session.scalars(select(AccountRow).order_by(AccountRow.id)))

    def set_state(self, name: str, state: AccountState, *, actor: str) -> Account:
        """Change whether an account may use the service.

        Raises:
            AccountNotFound: there is no such account.
        """
        with self._database.transaction() as session:
            row = _by_name(session, name)
            record(session, self._clock(), actor, "account.state", f"account:{name}", {"from": row.state, "to": state.value})
            row.state = state.value
            return _account(row)

    def create_key(self, account: str, *, actor: str, kind: KeyKind = KeyKind.API) -> NewKey:
        """Create an enabled key for an account; the reply is the only place where the secret can be read.

        Raises:
            AccountNotFound: there is no such account.
        """
        key = NewKey(KEY_ID_PREFIX + _random_text(), _random_text())
        with self._database.transaction() as session:
            owner = _by_name(session, account)
            session.add(
                AccessKeyRow(
                    secret_id=key.secret_id,
                    account_id=owner.id,
                    secret_ciphertext=self._vault.encrypt(key.secret_key.encode(), key.secret_id),
                    kind=kind.value,
                    enabled=True,
                    created_at=self._clock(),
                    last_used_at=None,
                )
            )
            record(session, self._clock(), actor, "key.create", key.secret_id, {"account": account, "kind": kind.value})
        return key

    def keys(self, account: str | None = None) -> tuple[AccessKey, ...]:
        """All keys, or those of one account, oldest first.

        Raises:
            AccountNotFound: there is no such account.
        """
        query = select(AccessKeyRow, AccountRow.name).join(AccountRow, AccountRow.id == AccessKeyRow.account_id)
        with self._database.session() as session:
            if account is not None:
                query = query.where(AccessKeyRow.account_id == _by_name(session, account).id)
            rows = session.execute(query.order_by(AccessKeyRow.created_at, AccessKeyRow.secret_id)).all()
            return tuple(_key(row, name) for row, name in rows)

    def set_key_enabled(self, secret_id: str, enabled: bool, *, actor: str) -> AccessKey:
        """Enable or disable a key; from then on no new call with it is accepted.

        Raises:
            KeyNotFound: there is no such key.
        """
        with self._database.transaction() as session:
            row = session.get(AccessKeyRow, secret_id, with_for_update=True) if _is_key_id(secret_id) else None
            if row is None:
                raise KeyNotFound(f"the SecretId must be an existing one, got {secret_id!r}")
            row.enabled = enabled
            record(session, self._clock(), actor, "key.enable" if enabled else "key.disable", secret_id)
            return _key(row, session.scalars(select(AccountRow.name).where(AccountRow.id == row.account_id)).one())

    def credential(self, secret_id: str) -> StoredCredential | None:
        """What is needed to verify a signature, also of a disabled key; None when the SecretId is unknown.

        Raises:
            VaultError: the key was stored under another master key.
        """
        if not _is_key_id(secret_id):
            return None
        with self._database.connect() as connection:
            row = connection.execute(_CREDENTIAL, {"secret_id": secret_id}).one_or_none()
        if row is None:
            return None
        ciphertext, enabled, kind, account_id, name, state = row
        secret = self._vault.decrypt(ciphertext, secret_id).decode()
        return StoredCredential(secret_id, secret, enabled, KeyKind(kind), account_id, name, AccountState(state))

    def record_use(self, uses: Mapping[str, datetime]) -> None:
        """Note when keys were last used: SecretId to moment. Meant to be called now and then for many calls at once."""
        if not uses:
            return
        with self._database.transaction() as session:
            for secret_id, moment in uses.items():
                session.execute(
                    update(AccessKeyRow)
                    .where(AccessKeyRow.secret_id == secret_id)
                    .where((AccessKeyRow.last_used_at.is_(None)) | (AccessKeyRow.last_used_at < moment))
                    .values(last_used_at=moment)
                )

    def _add(self, session: Session, name: str, actor: str) -> AccountRow:
        row = AccountRow(name=name, state=AccountState.NORMAL.value, created_at=self._clock())
        session.add(row)
        session.flush()
        record(session, self._clock(), actor, "account.create", f"account:{name}")
        return row


def _random_text() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(RANDOM_CHARACTERS))


def _is_key_id(text: str) -> bool:
    # Callers send anything; a database may stumble over a NUL or half a surrogate pair.
    return text.isascii() and text.isalnum() and len(text) <= LONGEST_KEY_ID


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= LONGEST_NAME:
        raise AccountInvalid(f"the account name must have 1-{LONGEST_NAME} characters, got {len(name)}")
    if not name.isprintable() or name != name.strip():
        raise AccountInvalid(f"the account name must be printable and without blanks around it, got {name!r}")


def _by_name(session: Session, name: str) -> AccountRow:
    row = session.scalar(select(AccountRow).where(AccountRow.name == name)) if name.isprintable() else None
    if row is None:
        raise AccountNotFound(f"the account must be an existing one, got {name!r}")
    return row


def _account(row: AccountRow) -> Account:
    return Account(row.id, row.name, AccountState(row.state), row.created_at)


def _key(row: AccessKeyRow, account_name: str) -> AccessKey:
    return AccessKey(row.secret_id, row.account_id, account_name, KeyKind(row.kind), row.enabled, row.created_at, row.last_used_at)
