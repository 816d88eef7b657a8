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
from facemeld.users.passwords import hash_password, matches
from facemeld.users.types import (
    NewToken,
    PasswordWrong,
    Principal,
    Role,
    Token,
    TokenInvalid,
    TokenKind,
    TokenNotFound,
    User,
    UserExists,
    UserInvalid,
    UserNotFound,
)

PREFIX = "fmu_"
LONGEST_LABEL = 64
LONGEST_LIFE = timedelta(days=366)
USE_NOTED_EVERY = timedelta(minutes=1)
"""How exact ``last_used_at`` is: noting every request would make every read a write."""

KEPT_AFTER_END = timedelta(days=30)
"""How long tokens that expired or were revoked are still listed."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}", re.ASCII)
_TOKEN = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}", re.ASCII)


class UserStore:
    """Creates, finds and changes users and tokens; every change leaves an entry in the audit log.

    Passwords are stored as scrypt hashes and tokens as SHA-256 digests: what is stored does not help to sign in.
    """

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def create(self, name: str, password: str, role: Role, *, actor: str) -> User:
        """Create a user.

        Args:
            name: 1-64 lower-case letters, digits, ``.``, ``_``, ``@`` and ``-``, unique.
            password: 12-256 characters.
            role: What the user may do.
            actor: Who does it, for the audit log.

        Raises:
            UserExists: the name is taken.
            UserInvalid: name or password are not allowed.
        """
        _check_name(name)
        hashed = hash_password(password)
        try:
            with self._database.transaction() as session:
                return self._add(session, name, hashed, role, actor)
        except IntegrityError as error:
            raise UserExists(f"the user name must be new, got {name!r}, which exists") from error

    def create_first(self, name: str, password: str, *, actor: str) -> User | None:
        """Create an owner when there is no user at all; of several processes at most one does. None when there is a user."""
        _check_name(name)
        hashed = hash_password(password)
        try:
            with self._database.transaction() as session:
                if session.scalar(select(func.count()).select_from(UserRow)):
                    return None
                return self._add(session, name, hashed, Role.OWNER, actor)
        except IntegrityError:  # another process was faster
            return None

    def get(self, name: str) -> User:
        """The user of this name.

        Raises:
            UserNotFound: there is none.
        """
        with self._database.session() as session:
            return _user(_by_name(session, name))

    def users(self, *, limit: int = 100, after: int | None = None) -> tuple[User, ...]:
        """Users in the order of their creation; ``after`` is the id of the last one of the page before."""
        query = select(UserRow).where(UserRow.id > (after or 0)).order_by(UserRow.id).limit(limit)
        with self._database.session() as session:
            return tuple(_user(row) for row in session.scalars(query))

    def change(self, name: str, *, actor: str, role: Role | None = None, disabled: bool | None = None, password: str | None = None) -> User:
        """Change what is given; None leaves it. A new password or disabling ends the user's sessions.

        Raises:
            UserNotFound: there is no such user.
            UserInvalid: the password is not allowed, or no enabled owner would be left.
        """
        hashed = None if password is None else hash_password(password)
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
            owners = select(UserRow.id).where(UserRow.role == Role.OWNER.value, UserRow.disabled.is_(False)).limit(1)
            if session.scalar(owners) is None:
                raise UserInvalid(f"an enabled owner must be left, and {name!r} is the last one")
            return _user(row)

    def check_password(self, name: str, password: str) -> User:
        """The user whom name and password belong to.

        Raises:
            PasswordWrong: they belong to nobody, or the user is disabled; which of these is not told, nor by the time it takes.
        """
        with self._database.session() as session:
            row = session.scalar(select(UserRow).where(UserRow.name == name)) if _NAME.fullmatch(name) else None
        if not matches(password, row.password_hash if row is not None else None) or row is None or row.disabled:
            raise PasswordWrong("name and password must belong to a user, these do not")
        return _user(row)

    def create_token(
        self, name: str, *, life: timedelta, kind: TokenKind, actor: str, label: str = "", role: Role | None = None
    ) -> NewToken:
        """Create a bearer token; the reply is the only place where its text can be read.

        Args:
            name: The user.
            life: From now until it expires, at most 366 days.
            kind: How it came about.
            actor: Who does it, for the audit log.
            label: What it is for, at most 64 printable characters.
            role: The most that it may be used for; None for the user's role, also a future one.

        Raises:
            UserNotFound: there is no such user.
            UserInvalid: life or label are not allowed, or the user is disabled.
        """
        if not timedelta(0) < life <= LONGEST_LIFE:
            raise UserInvalid(f"a token must expire within {LONGEST_LIFE.days} days, got {life}")
        if len(label) > LONGEST_LABEL or not label.isprintable():
            raise UserInvalid(f"a label must have at most {LONGEST_LABEL} printable characters, got {len(label)}")
        text = PREFIX + secrets.token_urlsafe(32)
        now = self._clock()
        with self._database.transaction() as session:
            owner = _by_name(session, name, lock=True)
            if owner.disabled:
                raise UserInvalid(f"the user must be enabled to get a token, {name!r} is disabled")
            row = UserTokenRow(
                user_id=owner.id,
                digest=_digest(text),
                kind=kind.value,
                label=label,
                role=(role or Role.OWNER).value,
                created_at=now,
                expires_at=now + life,
                revoked_at=None,
                last_used_at=None,
            )
            session.add(row)
            session.flush()
            if kind is TokenKind.SESSION:
                owner.signed_in_at = now
            act = "user.sign_in" if kind is TokenKind.SESSION else "token.create"
            record(session, now, actor, act, f"user:{name}", {"token": row.id, "label": label, "role": row.role})
            return NewToken(row.id, text, row.expires_at)

    def authenticate(self, text: str) -> Principal:
        """Who a bearer token stands for.

        Raises:
            TokenInvalid: it is unknown, expired or revoked, or its user is disabled.
        """
        refused = TokenInvalid("the bearer token must be one that is in force, got another one")
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
        return Principal(user.id, user.name, Role(user.role).limited_to(Role(token.role)), token.id)

    def tokens(self, name: str | None = None, *, limit: int = 100, before: int | None = None) -> tuple[Token, ...]:
        """Tokens, newest first, of one user or of all; ``before`` is the id of the last one of the page before.

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
        """End a token; ending it twice changes nothing.

        Args:
            token_id: Its id.
            actor: Who does it, for the audit log.
            user: When given, the token must be this user's.

        Raises:
            TokenNotFound: there is no such token, or it is another user's.
        """
        with self._database.transaction() as session:
            row = session.get(UserTokenRow, token_id, with_for_update=True)
            owner = session.get_one(UserRow, row.user_id).name if row is not None else None
            if row is None or (user is not None and owner != user):
                raise TokenNotFound(f"the token must be an existing one, got {token_id}")
            if row.revoked_at is None:
                row.revoked_at = self._clock()
                record(session, self._clock(), actor, "token.revoke", f"user:{owner}", {"token": token_id})

    def purge(self) -> int:
        """Forget tokens that ended long ago; how many."""
        before = self._clock() - KEPT_AFTER_END
        with self._database.transaction() as session:
            ended = (UserTokenRow.expires_at < before) | (UserTokenRow.revoked_at < before)
            return len(session.scalars(delete(UserTokenRow).where(ended).returning(UserTokenRow.id)).all())

    def _add(self, session: Session, name: str, hashed: str, role: Role, actor: str) -> User:
        row = UserRow(name=name, role=role.value, password_hash=hashed, disabled=False, created_at=self._clock(), signed_in_at=None)
        session.add(row)
        session.flush()
        record(session, self._clock(), actor, "user.create", f"user:{name}", {"role": role.value})
        return _user(row)

    def _end_sessions(self, session: Session, user_id: int) -> None:
        sessions = (UserTokenRow.user_id == user_id, UserTokenRow.kind == TokenKind.SESSION.value, UserTokenRow.revoked_at.is_(None))
        session.execute(update(UserTokenRow).where(*sessions).values(revoked_at=self._clock()))


def _digest(text: str) -> str:
    # The text has 256 random bits: a slow hash would add nothing.
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UserInvalid(f"a user name must be 1-64 lower-case letters, digits, '.', '_', '@' or '-', got {name[:80]!r}")


def _by_name(session: Session, name: str, *, lock: bool = False) -> UserRow:
    query = select(UserRow).where(UserRow.name == name)
    row = session.scalar(query.with_for_update() if lock else query) if _NAME.fullmatch(name) else None
    if row is None:
        raise UserNotFound(f"the user must be an existing one, got {name[:80]!r}")
    return row


def _user(row: UserRow) -> User:
    return User(row.id, row.name, Role(row.role), row.disabled, row.created_at, row.signed_in_at)


def _token(row: UserTokenRow, owner: str) -> Token:
    return Token(
        id=row.id,
        user=owner,
        kind=TokenKind(row.kind),
        label=row.label,
        role=Role(row.role),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
