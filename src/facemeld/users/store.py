"""Stores users and their bearer tokens."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from facemeld.db.audit import record
from facemeld.db.database import Database
from facemeld.db.errors import Clock, utc_now
from facemeld.db.models import UserRow, UserTokenRow
from facemeld.users import types

PREFIX = "fmu_"
LONGEST_LABEL = 64
LONGEST_LIFE = timedelta(days=366)
USE_NOTED_EVERY = timedelta(minutes=1)
"""Resolution of ``last_used_at``; recording every request would make every read a write."""

KEPT_AFTER_END = timedelta(days=30)
"""How long expired and revoked tokens are still listed."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}", re.ASCII)
_TOKEN = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}", re.ASCII)


class UserStore:
    """Creates, finds and changes users and tokens; every change is recorded in the audit log.

    Passwords are stored as scrypt hashes and tokens as SHA-256 digests, which do not help to sign in.
    """

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def create(self, name: str, password: str, role: types.Role, *, actor: str) -> types.User:
        """Create a user.

        Args:
            name: 1-64 lower-case letters, digits, ``.``, ``_``, ``@`` and ``-``, unique.
            password: 12-256 characters.
            role: The user's role.
            actor: The actor named in the audit log.

        Raises:
            UserExists: the name is taken.
            UserInvalid: the name or password is not allowed.
        """
        _check_name(name)
        hashed = types.hash_password(password)
        try:
            with self._database.transaction() as session:
                return self._add(session, name, hashed, role, actor)
        except IntegrityError as error:
            raise types.UserExists(f"the user name must be new, got {name!r}, which exists") from error

    def create_first(self, name: str, password: str, *, actor: str) -> types.User | None:
        """Create an owner, in at most one of several processes; return None if there is a user already."""
        _check_name(name)
        hashed = types.hash_password(password)
        try:
            with self._database.transaction() as session:
                if session.scalar(select(func.count()).select_from(UserRow)):
                    return None
                return self._add(session, name, hashed, types.Role.OWNER, actor)
        except IntegrityError:  # another process was faster
            return None

    def get(self, name: str) -> types.User:
        """Return the user of this name, or raise ``UserNotFound``."""
        with self._database.session() as session:
            return _user(_by_name(session, name))

    def users(self, *, limit: int = 100, after: int | None = None) -> tuple[types.User, ...]:
        """Return users in the order of creation; ``after`` is the last id of the previous page."""
        query = select(UserRow).where(UserRow.id > (after or 0)).order_by(UserRow.id).limit(limit)
        with self._database.session() as session:
            return tuple(_user(row) for row in session.scalars(query))

    def change(
        self, name: str, *, actor: str, role: types.Role | None = None, disabled: bool | None = None, password: str | None = None
    ) -> types.User:
        """Change a user; None leaves a field unchanged. A new password or disabling the user ends their sessions.

        Raises:
            UserNotFound: there is no such user.
            UserInvalid: the password is not allowed, or no enabled owner would be left.
        """
        hashed = None if password is None else types.hash_password(password)
        with self._database.transaction() as session:
            row = _by_name(session, name, lock=True)
            if role is not None and role != row.role:
                record(session, self._clock(), actor, "user.role", f"user:{name}", {"from": row.role, "to": role.value})
                row.role = role.value
            if disabled is not None and disabled != row.disabled:
                record(session, self._clock(), actor, "user.disable" if disabled else "user.enable", f"user:{name}")
                row.disabled = disabled
            if hashed is not None:
                record(session, self._clock(), actor, "user.password", f"user:{name}")
                row.password_hash = hashed
            if hashed is not None or disabled:
                self._end_sessions(session, row.id)
            session.flush()
            owners = select(UserRow.id).where(UserRow.role == types.Role.OWNER.value, UserRow.disabled.is_(False)).limit(1)
            if session.scalar(owners) is None:
                raise types.UserInvalid(f"an enabled owner must be left, and {name!r} is the last one")
            return _user(row)

    def check_password(self, name: str, password: str) -> types.User:
        """Return the user with this name and password.

        Raises:
            PasswordWrong: they do not match, or the user is disabled. Neither the error nor the time taken tells which.
        """
        with self._database.session() as session:
            row = session.scalar(select(UserRow).where(UserRow.name == name)) if _NAME.fullmatch(name) else None
        if not types.password_matches(password, row.password_hash if row is not None else None) or row is None or row.disabled:
            raise types.PasswordWrong("name and password must belong to a user, these do not")
        return _user(row)

    def create_token(
        self, name: str, *, life: timedelta, kind: types.TokenKind, actor: str, label: str = "", role: types.Role | None = None
    ) -> types.NewToken:
        """Create a bearer token; its text cannot be read again.

        Args:
            name: The user's name.
            life: Time until it expires, at most 366 days.
            kind: How it is created.
            actor: The actor named in the audit log.
            label: Note on its purpose, at most 64 printable characters.
            role: Highest role it grants; None for the user's role at the time of use.

        Raises:
            UserNotFound: there is no such user.
            UserInvalid: the life or label is not allowed, or the user is disabled.
        """
        if not timedelta(0) < life <= LONGEST_LIFE:
            raise types.UserInvalid(f"a token must expire within {LONGEST_LIFE.days} days, got {life}")
        if len(label) > LONGEST_LABEL or not label.isprintable():
            raise types.UserInvalid(f"a label must have at most {LONGEST_LABEL} printable characters, got {len(label)}")
        text = PREFIX + secrets.token_urlsafe(32)
        now = self._clock()
        with self._database.transaction() as session:
            owner = _by_name(session, name, lock=True)
            if owner.disabled:
                raise types.UserInvalid(f"the user must be enabled to get a token, {name!r} is disabled")
            row = UserTokenRow(
                user_id=owner.id,
                digest=_digest(text),
                kind=kind.value,
                label=label,
                role=(role or types.Role.OWNER).value,
                created_at=now,
                expires_at=now + life,
                revoked_at=None,
                last_used_at=None,
            )
            session.add(row)
            session.flush()
            if kind is types.TokenKind.SESSION:
                owner.signed_in_at = now
            act = "user.sign_in" if kind is types.TokenKind.SESSION else "token.create"
            record(session, now, actor, act, f"user:{name}", {"token": row.id, "label": label, "role": row.role})
            return types.NewToken(row.id, text, row.expires_at)

    def authenticate(self, text: str) -> types.Principal:
        """Return the principal of a bearer token.

        Raises:
            TokenInvalid: it is unknown, expired or revoked, or its user is disabled.
        """
        refused = types.TokenInvalid("the bearer token must be one that is in force, got another one")
        if not _TOKEN.fullmatch(text):
            raise refused
        now = self._clock()
        query = select(UserTokenRow, UserRow).join(UserRow, UserRow.id == UserTokenRow.user_id).where(UserTokenRow.digest == _digest(text))
        with self._database.session() as session:
            found = session.execute(query).one_or_none()
        if found is None:
            raise refused
        token, user = found
        if token.revoked_at is not None or token.expires_at <= now or user.disabled:
            raise refused
        if token.last_used_at is None or token.last_used_at + USE_NOTED_EVERY <= now:
            with self._database.transaction() as session:
                session.execute(update(UserTokenRow).where(UserTokenRow.id == token.id).values(last_used_at=now))
        return types.Principal(user.id, user.name, types.Role(user.role).limited_to(types.Role(token.role)), token.id)

    def tokens(self, name: str | None = None, *, limit: int = 100, before: int | None = None) -> tuple[types.Token, ...]:
        """Return tokens of one user or of all, newest first; ``before`` is the last id of the previous page.

        Raises:
            UserNotFound: there is no such user.
        """
        query = select(UserTokenRow, UserRow.name).join(UserRow, UserRow.id == UserTokenRow.user_id)
        if before is not None:
            query = query.where(UserTokenRow.id < before)
        with self._database.session() as session:
            if name is not None:
                query = query.where(UserTokenRow.user_id == _by_name(session, name).id)
            rows = session.execute(query.order_by(UserTokenRow.id.desc()).limit(limit)).all()
            return tuple(_token(row, owner) for row, owner in rows)

    def revoke(self, token_id: int, *, actor: str, user: str | None = None) -> None:
        """Revoke a token, which must belong to ``user`` if that is given; revoking it twice changes nothing.

        Raises:
            TokenNotFound: there is no such token, or it is another user's.
        """
        with self._database.transaction() as session:
            row = session.get(UserTokenRow, token_id, with_for_update=True)
            owner = session.get_one(UserRow, row.user_id).name if row is not None else None
            if row is None or (user is not None and owner != user):
                raise types.TokenNotFound(f"the token must be an existing one, got {token_id}")
            if row.revoked_at is None:
                row.revoked_at = self._clock()
                record(session, self._clock(), actor, "token.revoke", f"user:{owner}", {"token": token_id})

    def purge(self) -> int:
        """Delete tokens that ended long ago and return their number."""
        before = self._clock() - KEPT_AFTER_END
        with self._database.transaction() as session:
            ended = (UserTokenRow.expires_at < before) | (UserTokenRow.revoked_at < before)
            return len(session.scalars(delete(UserTokenRow).where(ended).returning(UserTokenRow.id)).all())

    def _add(self, session: Session, name: str, hashed: str, role: types.Role, actor: str) -> types.User:
        row = UserRow(name=name, role=role.value, password_hash=hashed, disabled=False, created_at=self._clock(), signed_in_at=None)
        session.add(row)
        session.flush()
        record(session, self._clock(), actor, "user.create", f"user:{name}", {"role": role.value})
        return _user(row)

    def _end_sessions(self, session: Session, user_id: int) -> None:
        sessions = (UserTokenRow.user_id == user_id, UserTokenRow.kind == types.TokenKind.SESSION.value, UserTokenRow.revoked_at.is_(None))
        session.execute(update(UserTokenRow).where(*sessions).values(revoked_at=self._clock()))


def _digest(text: str) -> str:
    # The text has 256 random bits: a slow hash would add nothing.
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise types.UserInvalid(f"a user name must be 1-64 lower-case letters, digits, '.', '_', '@' or '-', got {name[:80]!r}")


def _by_name(session: Session, name: str, *, lock: bool = False) -> UserRow:
    query = select(UserRow).where(UserRow.name == name)
    row = session.scalar(query.with_for_update() if lock else query) if _NAME.fullmatch(name) else None
    if row is None:
        raise types.UserNotFound(f"the user must be an existing one, got {name[:80]!r}")
    return row


def _user(row: UserRow) -> types.User:
    return types.User(row.id, row.name, types.Role(row.role), row.disabled, row.created_at, row.signed_in_at)


def _token(row: UserTokenRow, owner: str) -> types.Token:
    return types.Token(
        id=row.id,
        user=owner,
        kind=types.TokenKind(row.kind),
        label=row.label,
        role=types.Role(row.role),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
