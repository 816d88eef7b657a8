"""Access keys, permanent and temporary: creation, permissions, and the credentials that calls are verified with."""

from __future__ import annotations

import secrets
import string
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Select, bindparam, delete, func, select, update
from sqlalchemy.orm import Session, aliased

from facemeld.accounts import types
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
        # A temporary key ends with its parent and has the same permissions.
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
_WITH_OWNER = select(AccessKeyRow, AccountRow.name).join(AccountRow, AccountRow.id == AccessKeyRow.account_id)


class KeyStore:
    """Creates, finds and changes keys; every change is recorded in the audit log."""

    def __init__(self, database: Database, vault: KeyVault, clock: Clock = utc_now) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    def create_key(
        self, account: str, *, actor: str, kind: types.KeyKind = types.KeyKind.API, actions: Collection[str] | None = None
    ) -> types.NewKey:
        """Create an enabled key for an account; its secret cannot be read again.

        Args:
            account: Name of the owner.
            actor: The actor named in the audit log.
            kind: ``api`` or ``console``.
            actions: The only actions that it may call; None for all.

        Raises:
            AccountNotFound: there is no such account.
            AccountInvalid: an action's name is malformed, or the kind is ``temporary``.
        """
        if kind is types.KeyKind.TEMPORARY:
            raise types.AccountInvalid("a temporary key must be made by create_temporary_key")
        allowed = _actions_text(actions)
        key = types.NewKey(KEY_ID_PREFIX + _random_text(RANDOM_CHARACTERS), _random_text(RANDOM_CHARACTERS))
        with self._database.transaction() as session:
            owner = account_row(session, account)
            session.add(self._row(key, owner.id, kind, allowed))
            detail = {"account": account, "kind": kind.value} | ({} if allowed is None else {"actions": allowed})
            record(session, self._clock(), actor, "key.create", key.secret_id, detail)
        return key

    def create_temporary_key(self, secret_id: str, life: timedelta, *, actor: str) -> types.NewTemporaryKey:
        """Create a temporary key, which must be used with its token.

        Args:
            secret_id: Its parent, a permanent, enabled key; the new key has its permissions and ends with it.
            life: Up to 36 hours.
            actor: The actor named in the audit log.

        Raises:
            KeyNotFound: the parent does not exist or is disabled.
            AccountInvalid: the parent is not permanent, or the life is out of range.
        """
        if not timedelta(0) < life <= LONGEST_TEMPORARY:
            raise types.AccountInvalid(f"the life of a temporary key must be more than 0 and at most 36 hours, got {life}")
        token = _random_text(TOKEN_CHARACTERS)
        key = types.NewKey(KEY_ID_PREFIX + _random_text(RANDOM_CHARACTERS), _random_text(RANDOM_CHARACTERS))
        expires = (self._clock() + life).replace(microsecond=0)
        with self._database.transaction() as session:
            parent = _key_row(session, secret_id)
            if not parent.enabled:
                raise types.KeyNotFound(f"the SecretId must be an enabled one, got {secret_id!r}, which is disabled")
            if parent.kind != types.KeyKind.API:
                raise types.AccountInvalid(f"the key must be a permanent one that may call the API, got one of the kind {parent.kind}")
            row = self._row(key, parent.account_id, types.KeyKind.TEMPORARY, None)
            row.parent_id = parent.secret_id
            row.token_ciphertext = self._vault.encrypt(token.encode(), _token_subject(key.secret_id))
            row.expires_at = expires
            session.add(row)
            record(session, self._clock(), actor, "key.temporary", key.secret_id, {"for": secret_id, "expires": expires.isoformat()})
        return types.NewTemporaryKey(key.secret_id, key.secret_key, token, expires)

    def keys(self, account: str | None = None) -> tuple[types.AccessKey, ...]:
        """Return all keys, or those of one account, oldest first.

        Raises:
            AccountNotFound: there is no such account.
        """
        with self._database.session() as session:
            return _read(session, account, _WITH_OWNER.order_by(AccessKeyRow.created_at, AccessKeyRow.secret_id))

    def key_page(self, account: str | None, after: str | None, limit: int) -> tuple[types.AccessKey, ...]:
        """Return keys of one account or of all, sorted by SecretId; ``after`` is the last SecretId of the previous page.

        Raises:
            AccountNotFound: there is no such account.
        """
        query = _WITH_OWNER if after is None else _WITH_OWNER.where(AccessKeyRow.secret_id > after)
        with self._database.session() as session:
            return _read(session, account, query.order_by(AccessKeyRow.secret_id).limit(limit))

    def set_key_enabled(self, secret_id: str, enabled: bool, *, actor: str) -> types.AccessKey:
        """Enable or disable a key. New calls with a disabled key or with its temporary keys are refused.

        Raises:
            KeyNotFound: there is no such key.
        """
        with self._database.transaction() as session:
            row = _key_row(session, secret_id)
            row.enabled = enabled
            record(session, self._clock(), actor, "key.enable" if enabled else "key.disable", secret_id)
            return _key(row, _owner_name(session, row))

    def set_key_actions(self, secret_id: str, actions: Collection[str] | None, *, actor: str) -> types.AccessKey:
        """Set the actions that a key may call; None for all.

        Raises:
            KeyNotFound: there is no such key.
            AccountInvalid: an action's name is malformed, or the key is temporary.
        """
        allowed = _actions_text(actions)
        with self._database.transaction() as session:
            row = _key_row(session, secret_id)
            if row.kind == types.KeyKind.TEMPORARY:
                raise types.AccountInvalid(f"the permissions of a temporary key are those of the key it stands for, {row.parent_id}")
            record(session, self._clock(), actor, "key.actions", secret_id, {"from": row.actions, "to": allowed})
            row.actions = allowed
            return _key(row, _owner_name(session, row))

    def credential(self, secret_id: str) -> types.StoredCredential | None:
        """Return the credential of a key, enabled or not; None if the SecretId is unknown.

        Raises:
            VaultError: the key was encrypted with another master key.
        """
        if not _is_key_id(secret_id):
            return None
        with self._database.connect() as connection:
            row = connection.execute(_CREDENTIAL, {"secret_id": secret_id}).one_or_none()
        if row is None:
            return None
        state = types.AccountState(row.state)
        token = row.token_ciphertext
        return types.StoredCredential(
            secret_id=secret_id,
            secret_key=self._vault.decrypt(row.secret_ciphertext, secret_id).decode(),
            enabled=row.enabled and row.parent_enabled,
            kind=types.KeyKind(row.kind),
            account_id=row.id,
            account_name=row.name,
            account_state=state,
            token=None if token is None else self._vault.decrypt(token, _token_subject(secret_id)).decode(),
            expires_at=row.expires_at,
            policy=types.CallPolicy(
                account_id=row.id,
                state=state,
                metered=row.balance is not None,
                auto_open=row.auto_open,
                rates=types.parse_rates(row.rates),
                allowed=types.parse_networks(row.allowed_networks),
                denied=types.parse_networks(row.denied_networks),
                actions=None if row.actions is None else types.parse_actions(row.actions),
            ),
        )

    def record_use(self, uses: Mapping[str, datetime]) -> None:
        """Record when keys were last used, by SecretId; meant to be called for many calls at once."""
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
        """Delete temporary keys that expired before a moment and return their number."""
        ended = delete(AccessKeyRow).where(AccessKeyRow.kind == types.KeyKind.TEMPORARY.value, AccessKeyRow.expires_at < ended_before)
        with self._database.transaction() as session:
            return len(session.scalars(ended.returning(AccessKeyRow.secret_id)).all())

    def _row(self, key: types.NewKey, account_id: int, kind: types.KeyKind, actions: str | None) -> AccessKeyRow:
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
    """Return the row of an account, locked if wanted, or raise ``AccountNotFound``."""
    query = select(AccountRow).where(AccountRow.name == name)
    row = session.scalar(query.with_for_update() if lock else query) if name.isprintable() else None
    if row is None:
        raise types.AccountNotFound(f"the account must be an existing one, got {name!r}")
    return row


def _random_text(characters: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(characters))


def _token_subject(secret_id: str) -> str:
    # Differs from the secret's subject, so that the two ciphertexts of a row cannot be exchanged.
    return f"token of {secret_id}"


def _actions_text(actions: Collection[str] | None) -> str | None:
    if actions is None:
        return None
    text = types.format_actions(actions)
    if not types.parse_actions(text):
        raise types.AccountInvalid("a key must be allowed at least one action; disable it instead")
    return text


def _is_key_id(text: str) -> bool:
    # Databases reject NUL and unpaired surrogates, which callers may send.
    return text.isascii() and text.isalnum() and len(text) <= LONGEST_KEY_ID


def _key_row(session: Session, secret_id: str) -> AccessKeyRow:
    row = session.get(AccessKeyRow, secret_id, with_for_update=True) if _is_key_id(secret_id) else None
    if row is None:
        raise types.KeyNotFound(f"the SecretId must be an existing one, got {secret_id!r}")
    return row


def _owner_name(session: Session, row: AccessKeyRow) -> str:
    return session.scalars(select(AccountRow.name).where(AccountRow.id == row.account_id)).one()


def _read(session: Session, account: str | None, query: Select[AccessKeyRow, str]) -> tuple[types.AccessKey, ...]:
    if account is not None:
        query = query.where(AccessKeyRow.account_id == account_row(session, account).id)
    return tuple(_key(row, name) for row, name in session.execute(query))


def _key(row: AccessKeyRow, account_name: str) -> types.AccessKey:
    return types.AccessKey(
        secret_id=row.secret_id,
        account_id=row.account_id,
        account_name=account_name,
        kind=types.KeyKind(row.kind),
        enabled=row.enabled,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        actions=None if row.actions is None else types.parse_actions(row.actions),
        parent_id=row.parent_id,
        expires_at=row.expires_at,
    )
