"""The append-only log of administrative acts, written in the transaction of the act itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import select
from sqlalchemy.orm import Session

from facemeld.db.clock import Clock, utc_now
from facemeld.db.database import Database
from facemeld.db.models import AuditRow

Detail: TypeAlias = Mapping[str, str | int | bool | None]
"""Facts of an act: never a secret, never a picture."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act: who (``actor``) did what (``act``, such as ``material.review``) to which object (``subject``) and when."""

    id: int
    at: datetime
    actor: str
    act: str
    subject: str
    detail: Detail


def record(session: Session, at: datetime, actor: str, act: str, subject: str, detail: Detail | None = None) -> None:
    """Add an entry to the caller's transaction, so that an act and its entry are stored together or not at all.

    Args:
        session: The writing session of the act.
        at: When it happened.
        actor: Who did it, such as ``cli:root``, ``account:acme`` or ``system``.
        act: Object and verb, such as ``key.disable``.
        subject: Id of the object.
        detail: Further facts.
    """
    session.add(AuditRow(at=at, actor=actor, act=act, subject=subject, detail=dict(detail or {})))


class AuditLog:
    """Reads the log, and writes acts that change nothing else in the database."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def record(self, actor: str, act: str, subject: str, detail: Detail | None = None) -> None:
        """Add an entry in a transaction of its own; the arguments are those of the function ``record``."""
        with self._database.transaction() as session:
            record(session, self._clock(), actor, act, subject, detail)

    def entries(self, *, subject: str | None = None, before: int | None = None, limit: int = 100) -> tuple[AuditEntry, ...]:
        """The newest entries first.

        Args:
            subject: Only the acts on this object.
            before: Only entries with a smaller id: the last one of the page before.
            limit: Size of the page, at least 1.
        """
        query = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
        if subject is not None:
            query = query.where(AuditRow.subject == subject)
        if before is not None:
            query = query.where(AuditRow.id < before)
        with self._database.session() as session:
            return tuple(AuditEntry(row.id, row.at, row.actor, row.act, row.subject, row.detail) for row in session.scalars(query))
