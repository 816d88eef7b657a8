"""Consents and receipts of deletions in the database."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from facemeld.db.audit import Detail, record
from facemeld.db.database import Database
from facemeld.db.errors import Clock, utc_now
from facemeld.db.models import ConsentRow, DeletionReceiptRow, UsageRow
from facemeld.privacy import types

_AT_ONCE = 500
"""Requests in one statement; databases limit the number of parameters."""


class PrivacyStore:
    """Stores consents and receipts."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def keep(self, account_id: int, activity_id: int | None, request_id: str, reference: str) -> None:
        """Record the consent of a call durably.

        Raises:
            DatabaseUnavailable: it was not recorded; the result must not be delivered.
        """
        row = ConsentRow(
            at=self._clock(), account_id=account_id, activity_id=activity_id, request_id=request_id, reference=reference, deleted_at=None
        )
        with self._database.transaction() as session:
            session.add(row)

    def is_deleted(self, request_id: str) -> bool:
        """Whether a deletion of a call's results has begun."""
        query = select(ConsentRow.id).where(ConsentRow.request_id == request_id, ConsentRow.deleted_at.is_not(None)).limit(1)
        with self._database.connect() as connection:
            return connection.execute(query).first() is not None

    def consents(self, request_id: str) -> tuple[types.Consent, ...]:
        """Return the consents of a call."""
        with self._database.session() as session:
            rows = session.scalars(select(ConsentRow).where(ConsentRow.request_id == request_id).order_by(ConsentRow.id))
            return tuple(_consent(row) for row in rows)

    def begin(self, demand: types.Demand) -> tuple[str, ...]:
        """Begin a deletion: from now on the calls in question deliver no results.

        Returns:
            RequestIds of the known calls in order, including those of an interrupted deletion.

        Raises:
            DeletionInvalid: several accounts use the reference, possibly for different people.
        """
        with self._database.transaction() as session:
            owners = session.scalars(select(ConsentRow.account_id).where(*_scope(demand)).distinct()).all()
            if len(owners) > 1:
                raise types.DeletionInvalid(f"an account must be named with a reference that several use, got one that {len(owners)} use")
            session.execute(update(ConsentRow).where(*_scope(demand), ConsentRow.deleted_at.is_(None)).values(deleted_at=self._clock()))
            known = session.scalars(select(ConsentRow.request_id).where(*_scope(demand)).order_by(ConsentRow.id)).all()
            if demand.request_id and not known:
                known = session.scalars(select(UsageRow.request_id).where(*_used(demand)).limit(1)).all()
            return tuple(dict.fromkeys(known))

    def finish(
        self, demand: types.Demand, requests: Sequence[str], signed: tuple[str, str], *, actor: str, subject: str, detail: Detail
    ) -> types.Receipt:
        """End a deletion in one transaction: blank the references, store the receipt, record it in the audit log.

        Args:
            demand: The demand.
            requests: RequestIds of the calls whose results are deleted.
            signed: Body and signature of the receipt.
            actor: The actor named in the audit log.
            subject: Id of the receipt.
            detail: Facts for the audit log, without the reference.
        """
        body, signature = signed
        with self._database.transaction() as session:
            for start in range(0, len(requests), _AT_ONCE):
                _forget(session, requests[start : start + _AT_ONCE])
            row = DeletionReceiptRow(at=self._clock(), account_id=demand.account_id, body=body, signature=signature)
            session.add(row)
            session.flush()
            record(session, self._clock(), actor, "results.delete", subject, detail)
            receipt = _receipt(row)
        self._database.clear_history()
        return receipt

    def receipts(self, *, before: int | None = None, limit: int = 100) -> tuple[types.Receipt, ...]:
        """Return receipts, newest first; ``before`` is the last number of the previous page."""
        query = select(DeletionReceiptRow).order_by(DeletionReceiptRow.id.desc()).limit(limit)
        if before is not None:
            query = query.where(DeletionReceiptRow.id < before)
        with self._database.session() as session:
            return tuple(_receipt(row) for row in session.scalars(query))

    def receipt(self, number: int) -> types.Receipt:
        """Return the receipt of this number, or raise ``ReceiptNotFound``."""
        with self._database.session() as session:
            row = session.get(DeletionReceiptRow, number)
            if row is None:
                raise types.ReceiptNotFound(f"the receipt must be one of a deletion, got number {number}")
            return _receipt(row)


def _forget(session: Session, requests: Sequence[str]) -> None:
    """Blank the references of calls, keeping the fact that there was one."""
    session.execute(update(ConsentRow).where(ConsentRow.request_id.in_(requests)).values(reference=""))
    session.execute(update(UsageRow).where(UsageRow.request_id.in_(requests), UsageRow.consent.is_not(None)).values(consent=""))


def _scope(demand: types.Demand) -> list[ColumnElement[bool]]:
    named = ConsentRow.request_id == demand.request_id if demand.request_id else ConsentRow.reference == demand.reference
    return [named] if demand.account_id is None else [named, ConsentRow.account_id == demand.account_id]


def _used(demand: types.Demand) -> list[ColumnElement[bool]]:
    named = UsageRow.request_id == demand.request_id
    return [named] if demand.account_id is None else [named, UsageRow.account_id == demand.account_id]


def _consent(row: ConsentRow) -> types.Consent:
    return types.Consent(
        at=row.at,
        account_id=row.account_id,
        activity_id=row.activity_id,
        request_id=row.request_id,
        reference=row.reference,
        deleted_at=row.deleted_at,
    )


def _receipt(row: DeletionReceiptRow) -> types.Receipt:
    return types.Receipt(row.id, row.at, row.account_id, row.body, row.signature)
