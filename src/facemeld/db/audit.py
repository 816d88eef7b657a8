"""The append-only, hash-chained audit log of administrative acts, written in the transaction of the act itself."""

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
"""Facts of an act: never a secret, never a picture."""

_ADVISORY_LOCK = 0x666D61756474  # any number that other programs on the same PostgreSQL server are unlikely to lock
_READ_AT_ONCE = 1000
_MOST_ACTS = 500


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act: who (``actor``) did what (``act``, such as ``material.review``) to which object (``subject``) and when."""

    id: int
    at: datetime
    actor: str
    act: str
    subject: str
    detail: Detail


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The newest entry: its number and its hash, which vouches for the whole log up to it; 0 and zeros for an empty log."""

    id: int
    hash: str


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """What a check of the whole log found.

    Attributes:
        entries: Entries that hold.
        head: The last entry that holds.
        bad: Number of the first entry that does not; None if all do.
        fault: What is wrong; empty if nothing is.
    """

    entries: int
    head: AuditHead
    bad: int | None = None
    fault: str = ""

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.fault


def record(session: Session, at: datetime, actor: str, act: str, subject: str, detail: Detail | None = None) -> None:
    """Add an entry to the caller's transaction, so that an act and its entry are stored together or not at all.

    From here to the end of the transaction nobody else can add an entry: each must know the one before it.

    Args:
        session: The writing session of the act.
        at: When it happened.
        actor: Who did it, such as ``cli:root``, ``account:acme`` or ``system``.
        act: Object and verb, such as ``key.disable``.
        subject: Id of the object.
        detail: Further facts.
    """
    if session.get_bind().dialect.name == "postgresql":
        # SQLite has one writer at a time anyway.
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
    """Reads the log, and writes acts that change nothing else in the database."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def record(self, actor: str, act: str, subject: str, detail: Detail | None = None) -> None:
        """Add an entry in a transaction of its own; the arguments are those of the function ``record``."""
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
        """The newest entries first; every search follows one index and reads little more than it returns.

        Args:
            subject: Only the acts on this object.
            actor: Only the acts of this actor, such as ``user:ann``.
            act: Only acts of this name, such as ``key.disable``, or of this kind of object, such as ``key``.
            since: Only acts from this moment on.
            until: Only acts before this moment.
            before: Only entries with a smaller id: the last one of the page before.
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
        """The newest entry; its hash, kept elsewhere, shows later whether the log was cut off or rewritten."""
        with self._database.session() as session:
            return _head(session)

    def verify(self, anchor: str | None = None) -> AuditVerdict:
        """Check the chain from its beginning.

        An entry that was changed, removed from the middle or put elsewhere is found. Entries removed from the end, or a log that was
        made anew as a whole, are found only with an anchor.

        Args:
            anchor: A hash that ``head`` once gave; it must still be the hash of an entry, or zeros for the empty log.
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
        fault = "" if anchored else "no entry has the hash of the anchor: entries at the end were removed, or the log was made anew"
        return AuditVerdict(count, head, None, fault)


def _newest(
    connection: Connection, named: Sequence[tuple[InstrumentedAttribute[str], str]], act: str | None, rest: Sequence[Any], limit: int
) -> Sequence[int]:
    """Numbers of the newest entries; see ``AuditLog.entries``."""
    conditions, leading = led(connection, AuditRow.id, named)
    if act is None:
        return newest(connection, AuditRow.id, [*conditions, *rest], limit)
    acts = [one for one in values(connection, AuditRow.act, _MOST_ACTS) if one == act or one.startswith(f"{act}.")]
    if leading < FEW:
        return newest(connection, AuditRow.id, [*conditions, apart(AuditRow.act).in_(acts), *rest], limit)
    # The newest of each act come from the index one after the other; those of all together would have to be sorted.
    others = [apart(column) == value for column, value in named]
    found = [newest(connection, AuditRow.id, [AuditRow.act == one, *others, *rest], limit) for one in acts]
    return heapq.nlargest(limit, (number for numbers in found for number in numbers))


def _page(session: Session, after: int) -> list[tuple[int, AuditRow | None]]:
    """The next entries with their numbers; None stands for one that cannot be read, and ends the page."""
    query = select(AuditRow).where(AuditRow.id > after).order_by(AuditRow.id)
    try:
        return [(row.id, row) for row in session.scalars(query.limit(_READ_AT_ONCE))]
    except (ValueError, TypeError):
        # A moment or a detail was changed into something that is none. Which one shows when they are read one by one.
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
    return "" if entry_hash(number=row.id, previous=previous, **fields) == row.hash else "its content is not what its hash was made of"


GENESIS = "0" * 64
"""What the first entry names as the hash of the entry before it."""


def entry_hash(*, number: int, at: datetime, actor: str, act: str, subject: str, detail: Mapping[str, Any], previous: str) -> str:
    """The hash of an entry: SHA-256 over its canonical JSON.

    The form must never change, because stored chains were made with it: keys in the order of their names, no blanks, characters
    outside ASCII escaped, the moment in UTC with six decimals of a second.

    Args:
        number: Id of the entry.
        at: When it happened, aware.
        actor, act, subject, detail: See ``audit.AuditEntry``.
        previous: Hash of the entry before; ``GENESIS`` for the first.

    Returns:
        64 hexadecimal digits.
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
