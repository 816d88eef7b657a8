"""Access keys, permanent and temporary: creation, permissions, and what verifying a call needs to know about them."""

from __future__ import annotations

import secrets
import string
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.orm import Session, aliased

from facemeld.accounts.types import (
    AccessKey,
    AccountInvalid,
    AccountNotFound,
    AccountState,
    CallPolicy,
    KeyKind,
    KeyNotFound,
    NewKey,
    NewTemporaryKey,
    StoredCredential,
    format_actions,
    parse_actions,
    parse_networks,
    parse_rates,
)
from facemeld.accounts.vault import KeyVault
from facemeld.db.audit import record
from facemeld.db.database import Database
from facemeld.db.errors import Clock, utc_now
from facemeld.db.models import AccessKeyRow, AccountRow

KEY_ID_PREFIX = "AKID"
RANDOM_CHARACTERS = 32
TOKEN_CHARACTERS = 128
LONGEST_KEY_ID = 64
LONGEST_TEMPORARY = timedelta(hours=36)
_ALPHABET = string.ascii_letters + string.digits

_Parent = aliased(AccessKeyRow)
_CREDENTIAL = (
    select(
        AccessKeyRow.secret_ciphertext,
        # A temporary key ends with the key that it stands for, and may never do more.
        func.coalesce(_Parent.enabled, True).label("parent_enabled"),
        AccessKeyRow.enabled,
        AccessKeyRow.kind,
        AccessKeyRow.token_ciphertext,
        AccessKeyRow.expires_at,
        func.coalesce(_Parent.actions, AccessKeyRow.actions).label("actions"),
        AccountRow.id,
        AccountRow.name,
        AccountRow.state,
        AccountRow.balance,
        AccountRow.auto_open,
        AccountRow.rates,
        AccountRow.allowed_networks,
        AccountRow.denied_networks,
    )
    .join(AccountRow, AccountRow.id == AccessKeyRow.account_id)
    .outerjoin(_Parent, _Parent.secret_id == AccessKeyRow.parent_id)
    .where(AccessKeyRow.secret_id == bindparam("secret_id"))
)


class KeyStore:
    """Creates, finds and changes keys; every change leaves an entry in the audit log."""

    def __init__(self, database: Database, vault: KeyVault, clock: Clock = utc_now) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    def create_key(self, account: str, *, actor: str, kind: KeyKind = KeyKind.API, actions: Collection[str] | None = None) -> NewKey:
        """Create an enabled key for an account; the reply is the only place where the secret can be read.

        Args:
            account: Name of the owner.
            actor: Who does it, for the audit log.
            kind: What the key is for, ``api`` or ``console``.
            actions: The only actions that it may call; None for all.

        Raises:
            AccountNotFound: there is no such account.
            AccountInvalid: a name cannot be that of an action, or the kind is ``temporary``.
        """
        if kind is KeyKind.TEMPORARY:
            raise AccountInvalid("a temporary key must be made by create_temporary_key")
        allowed = _actions_text(actions)
        key = NewKey(KEY_ID_PREFIX + _random_text(RANDOM_CHARACTERS), _random_text(RANDOM_CHARACTERS))
        with self._database.transaction() as session:
            owner = account_row(session, account)
            session.add(self._row(key, owner.id, kind, allowed))
            detail = {"account": account, "kind": kind.value} | ({} if allowed is None else {"actions": allowed})
            record(session, self._clock(), actor, "key.create", key.secret_id, detail)
        return key

    def create_temporary_key(self, secret_id: str, life: timedelta, *, actor: str) -> NewTemporaryKey:
        """Create a key that acts on behalf of another for a while; it must be used with its token.

        Args:
            secret_id: The permanent, enabled key that it stands for; its permissions and its end are the new key's too.
            life: How long, up to 36 hours.
            actor: Who does it, for the audit log.

        Raises:
            KeyNotFound: there is no such key, or it is disabled.
            AccountInvalid: the key is not permanent, or the life is not in range.
        """
        if not timedelta(0) < life <= LONGEST_TEMPORARY:
            raise AccountInvalid(f"the life of a temporary key must be more than 0 and at most 36 hours, got {life}")
        token = _random_text(TOKEN_CHARACTERS)
        key = NewKey(KEY_ID_PREFIX + _random_text(RANDOM_CHARACTERS), _random_text(RANDOM_CHARACTERS))
        expires = (self._clock() + life).replace(microsecond=0)
        with self._database.transaction() as session:
            parent = _key_row(session, secret_id)
            if not parent.enabled:
                raise KeyNotFound(f"the SecretId must be an enabled one, got {secret_id!r}, which is disabled")
            if parent.kind != KeyKind.API:
                raise AccountInvalid(f"the key must be a permanent one that may call the API, got one of the kind {parent.kind}")
            row = self._row(key, parent.account_id, KeyKind.TEMPORARY, None)
            row.parent_id = parent.secret_id
            row.token_ciphertext = self._vault.encrypt(token.encode(), _token_subject(key.secret_id))
            row.expires_at = expires
            session.add(row)
            record(session, self._clock(), actor, "key.temporary", key.secret_id, {"for": secret_id, "expires": expires.isoformat()})
        return NewTemporaryKey(key.secret_id, key.secret_key, token, expires)

    def keys(self, account: str | None = None) -> tuple[AccessKey, ...]:
        """All keys, or those of one account, oldest first.

        Raises:
            AccountNotFound: there is no such account.
        """
        query = select(AccessKeyRow, AccountRow.name).join(AccountRow, AccountRow.id == AccessKeyRow.account_id)
        with self._database.session() as session:
            if account is not None:
                query = query.where(AccessKeyRow.account_id == account_row(session, account).id)
            rows = session.execute(query.order_by(AccessKeyRow.created_at, AccessKeyRow.secret_id)).all()
            return tuple(_key(row, name) for row, name in rows)

    def key_page(self, account: str | None, after: str | None, limit: int) -> tuple[AccessKey, ...]:
        """Keys of one account or of all, by SecretId; ``after`` is that of the last one of the page before.

        Raises:
            AccountNotFound: there is no such account.
        """
        query = select(AccessKeyRow, AccountRow.name).join(AccountRow, AccountRow.id == AccessKeyRow.account_id)
        if after is not None:
            query = query.where(AccessKeyRow.secret_id > after)
        with self._database.session() as session:
            if account is not None:
                query = query.where(AccessKeyRow.account_id == account_row(session, account).id)
            rows = session.execute(query.order_by(AccessKeyRow.secret_id).limit(limit)).all()
            return tuple(_key(row, name) for row, name in rows)

    def set_key_enabled(self, secret_id: str, enabled: bool, *, actor: str) -> AccessKey:
        """Enable or disable a key; from then on no new call with it, or with a temporary key for it, is accepted.

        Raises:
            KeyNotFound: there is no such key.
        """
        with self._database.transaction() as session:
            row = _key_row(session, secret_id)
            row.enabled = enabled
            record(session, self._clock(), actor, "key.enable" if enabled else "key.disable", secret_id)
            return _key(row, _owner_name(session, row))

    def set_key_actions(self, secret_id: str, actions: Collection[str] | None, *, actor: str) -> AccessKey:
        """Change which actions a key may call; None for all.

        Raises:
            KeyNotFound: there is no such key.
            AccountInvalid: a name cannot be that of an action, or the key is temporary and has the permissions of another.
        """
        allowed = _actions_text(actions)
        with self._database.transaction() as session:
            row = _key_row(session, secret_id)
            if row.kind == KeyKind.TEMPORARY:
                raise AccountInvalid(f"the permissions of a temporary key are those of the key it stands for, {row.parent_id}")
            record(session, self._clock(), actor, "key.actions", secret_id, {"from": row.actions, "to": allowed})
            row.actions = allowed
            return _key(row, _owner_name(session, row))

    def credential(self, secret_id: str) -> StoredCredential | None:
        """What is needed to verify a call, also of a disabled key; None when the SecretId is unknown.

        Raises:
            VaultError: the key was stored under another master key.
        """
        if not _is_key_id(secret_id):
            return None
        with self._database.connect() as connection:
            row = connection.execute(_CREDENTIAL, {"secret_id": secret_id}).one_or_none()
        if row is None:
            return None
        state = AccountState(row.state)
        token = row.token_ciphertext
        return StoredCredential(
            secret_id=secret_id,
            secret_key=self._vault.decrypt(row.secret_ciphertext, secret_id).decode(),
            enabled=row.enabled and row.parent_enabled,
            kind=KeyKind(row.kind),
            account_id=row.id,
            account_name=row.name,
            account_state=state,
            token=None if token is None else self._vault.decrypt(token, _token_subject(secret_id)).decode(),
            expires_at=row.expires_at,
            policy=CallPolicy(
                account_id=row.id,
                state=state,
                metered=row.balance is not None,
                auto_open=row.auto_open,
                rates=parse_rates(row.rates),
                allowed=parse_networks(row.allowed_networks),
                denied=parse_networks(row.denied_networks),
                actions=None if row.actions is None else parse_actions(row.actions),
            ),
        )

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

    def purge_temporary(self, ended_before: datetime) -> int:
        """Delete temporary keys that ended before a moment; how many."""
        ended = delete(AccessKeyRow).where(AccessKeyRow.kind == KeyKind.TEMPORARY.value, AccessKeyRow.expires_at < ended_before)
        with self._database.transaction() as session:
            return len(session.scalars(ended.returning(AccessKeyRow.secret_id)).all())

    def _row(self, key: NewKey, account_id: int, kind: KeyKind, actions: str | None) -> AccessKeyRow:
        return AccessKeyRow(
            secret_id=key.secret_id,
            account_id=account_id,
            secret_ciphertext=self._vault.encrypt(key.secret_key.encode(), key.secret_id),
            kind=kind.value,
            enabled=True,
            created_at=self._clock(),
            last_used_at=None,
            actions=actions,
        )


def account_row(session: Session, name: str, *, lock: bool = False) -> AccountRow:
    """The account of a name; with ``lock``, no other session changes it while this one lasts.

    Raises:
        AccountNotFound: there is none.
    """
    query = select(AccountRow).where(AccountRow.name == name)
    row = session.scalar(query.with_for_update() if lock else query) if name.isprintable() else None
    if row is None:
        raise AccountNotFound(f"the account must be an existing one, got {name!r}")
    return row


def _random_text(characters: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(characters))


def _token_subject(secret_id: str) -> str:
    # Differs from the subject of the secret, so that the two ciphertexts of a row cannot be exchanged.
    return f"token of {secret_id}"


def _actions_text(actions: Collection[str] | None) -> str | None:
    if actions is None:
        return None
    text = format_actions(actions)
    if not parse_actions(text):
        raise AccountInvalid("a key must be allowed at least one action; disable it instead")
    return text


def _is_key_id(text: str) -> bool:
    # Callers send anything; a database may stumble over a NUL or half a surrogate pair.
    return text.isascii() and text.isalnum() and len(text) <= LONGEST_KEY_ID


def _key_row(session: Session, secret_id: str) -> AccessKeyRow:
    row = session.get(AccessKeyRow, secret_id, with_for_update=True) if _is_key_id(secret_id) else None
    if row is None:
        raise KeyNotFound(f"the SecretId must be an existing one, got {secret_id!r}")
    return row


def _owner_name(session: Session, row: AccessKeyRow) -> str:
    return session.scalars(select(AccountRow.name).where(AccountRow.id == row.account_id)).one()


def _key(row: AccessKeyRow, account_name: str) -> AccessKey:
    return AccessKey(
        secret_id=row.secret_id,
        account_id=row.account_id,
        account_name=account_name,
        kind=KeyKind(row.kind),
        enabled=row.enabled,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        actions=None if row.actions is None else parse_actions(row.actions),
        parent_id=row.parent_id,
        expires_at=row.expires_at,
    )
