"""Charges: calls are paid for from packages and the balance, exactly once, also over several processes and crashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from facemeld.db.clock import Clock, utc_now
from facemeld.db.database import Database
from facemeld.db.models import AccountRow, ChargeRow, PackageRow

KEPT_AFTER_LEASE = timedelta(days=1)
"""How long a finished charge is remembered, so that what comes late is still recognised."""


class ChargeState(StrEnum):
    """Where a charge is in its life."""

    RESERVED = "reserved"
    SETTLED = "settled"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Reserve:
    """Take one call off the account's credit before the work; the outcome is whether there was any left."""

    request_id: str
    account_id: int
    action: str


@dataclass(frozen=True, slots=True)
class Settle:
    """The work succeeded: what was reserved is used up. The outcome is whether it was not settled before."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Release:
    """The work failed: what was reserved goes back. The outcome is whether anything was reserved."""

    request_id: str


Operation: TypeAlias = Reserve | Settle | Release


class ChargeStore:
    """Applies operations on charges.

    A reservation holds for a lease. A process that dies before it settles or releases leaves it to others, who give it back
    when the lease is over; should the work succeed after all, settling takes it again, even below zero.
    """

    def __init__(self, database: Database, lease: timedelta, clock: Clock = utc_now) -> None:
        """Charges in a database.

        Args:
            database: Where the accounts are.
            lease: How long a reservation holds; longer than any call takes.
            clock: The present moment.
        """
        self._database = database
        self._lease = lease
        self._clock = clock

    def apply(self, operations: Sequence[Operation]) -> tuple[bool, ...]:
        """Apply operations in order, all in one durable transaction: all of them count or none.

        Returns:
            The outcome of each operation; see their classes.

        Raises:
            DatabaseUnavailable: nothing was stored.
        """
        with self._database.transaction() as session:
            return tuple(self._apply(session, operation) for operation in operations)

    def release_expired(self) -> int:
        """Give back what calls reserved that never ended, and forget old charges; how many were given back."""
        now = self._clock()
        with self._database.transaction() as session:
            released = _release_expired(session, now)
            finished = ChargeRow.state != ChargeState.RESERVED.value
            session.execute(delete(ChargeRow).where(finished, ChargeRow.lease_until < now - KEPT_AFTER_LEASE))
        return released

    def reserved(self, account_id: int) -> int:
        """How many calls of an account are under way and have reserved their charge."""
        held = ChargeRow.state == ChargeState.RESERVED.value
        with self._database.session() as session:
            return session.scalar(select(func.count()).where(ChargeRow.account_id == account_id, held)) or 0

    def _apply(self, session: Session, operation: Operation) -> bool:
        if isinstance(operation, Reserve):
            return self._reserve(session, operation)
        charge = session.get(ChargeRow, operation.request_id, with_for_update=True)
        if charge is None:
            return False
        if isinstance(operation, Release):
            return _release(session, charge)
        if charge.state == ChargeState.SETTLED.value:
            return False
        if charge.state == ChargeState.RELEASED.value:
            _take(session, charge.account_id, charge.package_id, 1)
        charge.state = ChargeState.SETTLED.value
        return True

    def _reserve(self, session: Session, wish: Reserve) -> bool:
        now = self._clock()
        # Whoever holds the account's row decides alone what is left; SQLite has one writer at a time anyway.
        balance = session.scalar(select(AccountRow.balance).where(AccountRow.id == wish.account_id).with_for_update())
        if balance is None:  # since the call began, the account is no longer counted
            return True
        package = _package(session, wish, now)
        if package is None and balance <= 0:
            if not _release_expired(session, now, wish.account_id):
                return False
            return self._reserve(session, wish)
        _take(session, wish.account_id, package, 1)
        session.add(
            ChargeRow(
                request_id=wish.request_id,
                account_id=wish.account_id,
                package_id=package,
                state=ChargeState.RESERVED.value,
                lease_until=now + self._lease,
            )
        )
        session.flush()
        return True


def _package(session: Session, wish: Reserve, now: datetime) -> int | None:
    """The package to pay from: the one that ends first, and of those the one that pays for the fewest actions."""
    query = (
        select(PackageRow.id)
        .where(PackageRow.account_id == wish.account_id, PackageRow.used < PackageRow.calls)
        .where(or_(PackageRow.action.is_(None), PackageRow.action == wish.action))
        .where(or_(PackageRow.expires_at.is_(None), PackageRow.expires_at > now))
        .order_by(PackageRow.expires_at.is_(None), PackageRow.expires_at, PackageRow.action.is_(None), PackageRow.id)
        .limit(1)
    )
    return session.scalar(query)


def _take(session: Session, account_id: int, package_id: int | None, calls: int) -> None:
    """Take calls off a package or, without one, off the balance; a negative number gives them back."""
    if package_id is not None:
        session.execute(update(PackageRow).where(PackageRow.id == package_id).values(used=PackageRow.used + calls))
        return
    # An account that is no longer counted stays so.
    counted = AccountRow.balance.is_not(None)
    session.execute(update(AccountRow).where(AccountRow.id == account_id, counted).values(balance=AccountRow.balance - calls))


def _release(session: Session, charge: ChargeRow) -> bool:
    if charge.state != ChargeState.RESERVED.value:
        return False
    _take(session, charge.account_id, charge.package_id, -1)
    charge.state = ChargeState.RELEASED.value
    return True


def _release_expired(session: Session, now: datetime, account_id: int | None = None) -> int:
    query = select(ChargeRow).where(ChargeRow.lease_until < now, ChargeRow.state == ChargeState.RESERVED.value)
    if account_id is not None:
        query = query.where(ChargeRow.account_id == account_id)
    # What its own call is just finishing is skipped rather than waited for.
    released = sum(_release(session, charge) for charge in session.scalars(query.with_for_update(skip_locked=True)).all())
    session.flush()
    return released
