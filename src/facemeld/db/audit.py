"""The append-only, hash-chained audit log of administrative acts, written in the transaction of each act."""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from facemeld.db.database import Database
from facemeld.db.errors import Clock, utc_now
from facemeld.db.models import AuditRow
from facemeld.db.newest import FEW, apart, led, newest, span, values

Detail: TypeAlias = Mapping[str, str | int | bool | None]
"""Details of an act, without secrets and pictures."""

_ADVISORY_LOCK = 0x666D61756474  # any number that other programs on the same PostgreSQL server are unlikely to lock

_READ_AT_ONCE = 1000

_MOST_ACTS = 500

GENESIS = "0" * 64
"""Previous hash in the first entry."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act, such as ``material.review``, of an actor on an object, ``subject``."""

    id: int
    at: datetime
    actor: str
    act: str
    subject: str
    detail: Detail


@dataclass(frozen=True, slots=True)
class AuditHead:
    """Number and hash of the newest entry; the hash covers the whole log. 0 and zeros for an empty log."""

    id: int
    hash: str


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """The result of checking the whole log.

    Attributes:
        entries: Number of valid entries.
        head: The last valid entry.
        bad: Number of the first invalid entry; None if all are valid.
        fault: The fault; empty if there is none.
    """

    entries: int
    head: AuditHead
    bad: int | None = None
    fault: str = ""

    @property
    def sound(self) -> bool:
        """Whether there is no fault."""
        return not self.fault


def record(session: Session, at: datetime, actor: str, act: str, subject: str, detail: Detail | None = None) -> None:
    """Add an entry to the caller's transaction, so that an act and its entry are stored together or not at all.

    Until the transaction ends, other writers cannot add entries, because each entry contains the hash of the one before.

    Args:
        session: The writing session of the act.
        at: Time of the act.
        actor: Such as ``cli:root``, ``account:acme`` or ``system``.
        act: Object and verb, such as ``key.disable``.
        subject: Id of the object.
        detail: Further facts.
    """
    if session.get_bind().dialect.name == "postgresql":
        # SQLite has only one writer at a time.
        session.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
    head = _head(session)
    fields: dict[str, Any] = {"at": at, "actor": actor, "act": act, "subject": subject, "detail": dict(detail or {})}
    digest = entry_hash(number=head.id + 1, previous=head.hash, **fields)
    session.add(AuditRow(id=head.id + 1, previous=head.hash, hash=digest, **fields))
    session.flush()


def _head(session: Session) -> AuditHead:
    row = session.execute(select(AuditRow.id, AuditRow.hash).order_by(AuditRow.id.desc()).limit(1)).first()
    return AuditHead(0, GENESIS) if row is None else AuditHead(row.id, row.hash)


class AuditLog:
    """Reads the log, and records acts that change nothing else in the database."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def record(self, actor: str, act: str, subject: str, detail: Detail | None = None) -> None:
        """Add an entry in its own transaction; for the arguments see the function ``record``."""
        with self._database.transaction() as session:
            record(session, self._clock(), actor, act, subject, detail)

    def entries(
        self,
        *,
        subject: str | None = None,
        actor: str | None = None,
        act: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> tuple[AuditEntry, ...]:
        """Return entries, newest first; every search follows one index and reads little more than it returns.

        Args:
            subject: Only the acts on this object.
            actor: Only the acts of this actor, such as ``user:ann``.
            act: Only acts of this name, such as ``key.disable``, or of this kind of object, such as ``key``.
            since: Only acts from this time on.
            until: Only acts before this time.
            before: Only entries with a smaller id, for the next page.
            limit: Size of the page, at least 1.
        """
        named = [(column, value) for column, value in ((AuditRow.subject, subject), (AuditRow.actor, actor)) if value is not None]
        with self._database.session() as session:
            connection = session.connection()
            rest = [*span(connection, AuditRow.id, AuditRow.at, since, until), *([] if before is None else [AuditRow.id < before])]
            numbers = _newest(connection, named, act, rest, limit)
            rows = session.scalars(select(AuditRow).where(AuditRow.id.in_(numbers)).order_by(AuditRow.id.desc()))
            return tuple(AuditEntry(row.id, row.at, row.actor, row.act, row.subject, row.detail) for row in rows)

    def head(self) -> AuditHead:
        """Return the newest entry; with its hash, stored elsewhere, ``verify`` detects that the log was cut off or rewritten."""
        with self._database.session() as session:
            return _head(session)

    def verify(self, anchor: str | None = None) -> AuditVerdict:
        """Check the chain from its beginning.

        Detects entries that were changed, moved, or removed from the middle. Only an anchor detects entries removed from the end, and a
        log that was rewritten as a whole.

        Args:
            anchor: An earlier hash from ``head``, which must still be the hash of an entry; zeros for the empty log.
        """
        head, count, anchored = AuditHead(0, GENESIS), 0, anchor in (None, GENESIS)
        with self._database.session() as session:
            while page := _page(session, head.id):
                for number, row in page:
                    fault = _fault(row, head.hash)
                    if row is None or fault:
                        return AuditVerdict(count, head, number, fault)
                    head, count = AuditHead(number, row.hash), count + 1
                    anchored = anchored or row.hash == anchor
        fault = "" if anchored else "no entry has the hash of the anchor: entries at the end were removed, or the log was rewritten"
        return AuditVerdict(count, head, None, fault)


def _newest(
    connection: Connection, named: Sequence[tuple[InstrumentedAttribute[str], str]], act: str | None, rest: Sequence[Any], limit: int
) -> Sequence[int]:
    """Return the numbers of the newest entries; see ``AuditLog.entries``."""
    conditions, leading = led(connection, AuditRow.id, named)
    if act is None:
        return newest(connection, AuditRow.id, [*conditions, *rest], limit)
    acts = [one for one in values(connection, AuditRow.act, _MOST_ACTS) if one == act or one.startswith(f"{act}.")]
    if leading < FEW:
        return newest(connection, AuditRow.id, [*conditions, apart(AuditRow.act).in_(acts), *rest], limit)
    # The index returns the newest entries of one act in order; entries of several acts would have to be sorted.
    others = [apart(column) == value for column, value in named]
    found = [newest(connection, AuditRow.id, [AuditRow.act == one, *others, *rest], limit) for one in acts]
    return heapq.nlargest(limit, (number for numbers in found for number in numbers))


def _page(session: Session, after: int) -> list[tuple[int, AuditRow | None]]:
    """Return the next entries with their numbers; None for an unreadable entry, which ends the page."""
    query = select(AuditRow).where(AuditRow.id > after).order_by(AuditRow.id)
    try:
        return [(row.id, row) for row in session.scalars(query.limit(_READ_AT_ONCE))]
    except (ValueError, TypeError):
        # A time or a detail was made unreadable; reading entries one by one shows which entry it is in.
        numbers = session.scalars(select(AuditRow.id).where(AuditRow.id > after).order_by(AuditRow.id).limit(_READ_AT_ONCE)).all()
    page: list[tuple[int, AuditRow | None]] = []
    for number in numbers:
        try:
            page.append((number, session.scalar(select(AuditRow).where(AuditRow.id == number))))
        except (ValueError, TypeError):
            return [*page, (number, None)]
    return page


def _fault(row: AuditRow | None, previous: str) -> str:
    if row is None:
        return "its content cannot be read"
    if row.previous != previous:
        return "it does not follow the entry before it: one was removed, added or moved here"
    fields = {name: getattr(row, name) for name in ("at", "actor", "act", "subject", "detail")}
    if any(value is None for value in fields.values()):
        return "a part of it is missing"
    return "" if entry_hash(number=row.id, previous=previous, **fields) == row.hash else "its content does not match its hash"


def entry_hash(*, number: int, at: datetime, actor: str, act: str, subject: str, detail: Mapping[str, Any], previous: str) -> str:
    """Return the hash of an entry: SHA-256 over its canonical JSON, 64 hexadecimal digits.

    The form must never change, because stored chains depend on it: sorted keys, no blanks, non-ASCII characters escaped, the time in
    UTC with six decimals of a second. ``previous`` is the hash of the entry before, ``GENESIS`` for the first.
    """
    fields = {
        "act": act,
        "actor": actor,
        "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "detail": dict(detail),
        "id": number,
        "previous": previous,
        "subject": subject,
    }
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")).hexdigest()
