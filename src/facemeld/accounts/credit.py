"""Credit: calls are paid from packages and the balance exactly once, across processes and crashes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

import anyio
from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, text, update

from facemeld.db.database import Database
from facemeld.db.errors import Clock, DatabaseUnavailable, utc_now
from facemeld.db.models import AccountRow, ChargeRow, PackageRow
from facemeld.errors import FacemeldError

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


# The statements are put together once: doing so for every call takes longer than running them.
_BALANCE = select(AccountRow.balance).where(AccountRow.id == bindparam("account")).with_for_update()
_PACKAGE = (
    select(PackageRow.id)
    .where(PackageRow.account_id == bindparam("account"), PackageRow.used < PackageRow.calls)
    .where(or_(PackageRow.action.is_(None), PackageRow.action == bindparam("for_action")))
    .where(or_(PackageRow.expires_at.is_(None), PackageRow.expires_at > bindparam("now")))
    # The one that ends first, and of those the one that pays for the fewest actions.
    .order_by(PackageRow.expires_at.is_(None), PackageRow.expires_at, PackageRow.action.is_(None), PackageRow.id)
    .limit(1)
)
_TAKE_FROM_PACKAGE = update(PackageRow).where(PackageRow.id == bindparam("package")).values(used=PackageRow.used + bindparam("taken"))
_TAKE_FROM_BALANCE = (
    update(AccountRow)
    # An account that is no longer counted stays so.
    .where(AccountRow.id == bindparam("account"), AccountRow.balance.is_not(None))
    .values(balance=AccountRow.balance - bindparam("taken"))
)
_ADD = insert(ChargeRow)
_CHARGES = select(ChargeRow.request_id, ChargeRow.account_id, ChargeRow.package_id, ChargeRow.state)
_CHARGE = _CHARGES.where(ChargeRow.request_id == bindparam("request")).with_for_update()
_EXPIRED = (
    _CHARGES.where(ChargeRow.state == ChargeState.RESERVED.value, ChargeRow.lease_until < bindparam("now"))
    .where(or_(bindparam("account", type_=ChargeRow.account_id.type).is_(None), ChargeRow.account_id == bindparam("account")))
    # What its own call is just finishing is skipped rather than waited for.
    .with_for_update(skip_locked=True)
)
_MARK = update(ChargeRow).where(ChargeRow.request_id == bindparam("request")).values(state=bindparam("to"))
_FORGET = delete(ChargeRow).where(ChargeRow.state != ChargeState.RESERVED.value, ChargeRow.lease_until < bindparam("before"))
_RESERVED = (
    select(ChargeRow.account_id, func.count().label("calls"))
    # In the same words as the index of these few rows, which a parameter would keep from being followed.
    .where(ChargeRow.account_id.in_(bindparam("accounts", expanding=True)), text(f"state = '{ChargeState.RESERVED.value}'"))
    .group_by(ChargeRow.account_id)
)


@dataclass(frozen=True, slots=True)
class _Charge:
    request_id: str
    account_id: int
    package_id: int | None
    state: str


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
            connection = session.connection()
            return tuple(self._apply(connection, operation) for operation in operations)

    def release_expired(self) -> int:
        """Give back what calls reserved that never ended, and forget old charges; how many were given back."""
        now = self._clock()
        with self._database.transaction() as session:
            released = _release_expired(session.connection(), now)
            session.connection().execute(_FORGET, {"before": now - KEPT_AFTER_LEASE})
        return released

    def reserved(self, account_id: int) -> int:
        """How many calls of an account are under way and have reserved their charge."""
        return self.reserved_by([account_id])[account_id]

    def reserved_by(self, accounts: Collection[int]) -> Mapping[int, int]:
        """Likewise of several accounts, by their numbers."""
        with self._database.connect() as connection:
            found = {row.account_id: row.calls for row in connection.execute(_RESERVED, {"accounts": list(accounts)})}
        return {account: found.get(account, 0) for account in accounts}

    def _apply(self, connection: Connection, operation: Operation) -> bool:
        if isinstance(operation, Reserve):
            return self._reserve(connection, operation)
        row = connection.execute(_CHARGE, {"request": operation.request_id}).one_or_none()
        if row is None:
            return False
        charge = _Charge(*row)
        if isinstance(operation, Release):
            return _release(connection, charge)
        if charge.state == ChargeState.SETTLED.value:
            return False
        if charge.state == ChargeState.RELEASED.value:
            _take(connection, charge.account_id, charge.package_id, 1)
        connection.execute(_MARK, {"request": charge.request_id, "to": ChargeState.SETTLED.value})
        return True

    def _reserve(self, connection: Connection, wish: Reserve) -> bool:
        now = self._clock()
        # Whoever holds the account's row decides alone what is left; SQLite has one writer at a time anyway.
        balance = connection.execute(_BALANCE, {"account": wish.account_id}).scalar_one_or_none()
        if balance is None:  # since the call began, the account is no longer counted
            return True
        values = {"account": wish.account_id, "for_action": wish.action, "now": now}
        package = connection.execute(_PACKAGE, values).scalar_one_or_none()
        if package is None and balance <= 0:
            return _release_expired(connection, now, wish.account_id) > 0 and self._reserve(connection, wish)
        _take(connection, wish.account_id, package, 1)
        charge = {"request_id": wish.request_id, "account_id": wish.account_id, "package_id": package}
        connection.execute(_ADD, {**charge, "state": ChargeState.RESERVED.value, "lease_until": now + self._lease})
        return True


def _take(connection: Connection, account_id: int, package_id: int | None, calls: int) -> None:
    """Take calls off a package or, without one, off the balance; a negative number gives them back."""
    if package_id is not None:
        connection.execute(_TAKE_FROM_PACKAGE, {"package": package_id, "taken": calls})
    else:
        connection.execute(_TAKE_FROM_BALANCE, {"account": account_id, "taken": calls})


def _release(connection: Connection, charge: _Charge) -> bool:
    if charge.state != ChargeState.RESERVED.value:
        return False
    _take(connection, charge.account_id, charge.package_id, -1)
    connection.execute(_MARK, {"request": charge.request_id, "to": ChargeState.RELEASED.value})
    return True


def _release_expired(connection: Connection, now: datetime, account_id: int | None = None) -> int:
    rows = connection.execute(_EXPIRED, {"now": now, "account": account_id}).all()
    return sum(_release(connection, _Charge(*row)) for row in rows)


logger = logging.getLogger(__name__)


class CreditUsedUp(FacemeldError):
    """The account has neither a package nor a balance to pay for the call."""


@dataclass(slots=True)
class _Batch:
    task: asyncio.Task[tuple[bool, ...]]
    operations: list[Operation] = field(default_factory=list)


class BillingService:
    """Charges calls.

    Making a transaction durable takes longer than anything in it; so what comes while one is written waits and goes into the
    next one together.
    """

    def __init__(self, store: ChargeStore) -> None:
        self._store = store
        self._writing = asyncio.Lock()
        self._open: _Batch | None = None

    @asynccontextmanager
    async def charge(self, request_id: str, account_id: int, action: str) -> AsyncIterator[None]:
        """A block around work that costs one call.

        Args:
            request_id: Id of the call.
            account_id: Who pays.
            action: What for.

        Raises:
            CreditUsedUp: nothing is left; the block is not entered.
            DatabaseUnavailable: what is left could not be found out, or the success of the work could not be recorded: then the
                work must not be handed out.
        """
        if not await self._apply(Reserve(request_id, account_id, action)):
            raise CreditUsedUp("the account must have calls left, got none")
        try:
            yield
        except BaseException:
            await self._release(request_id)
            raise
        await self._apply(Settle(request_id))

    async def _release(self, request_id: str) -> None:
        try:
            await self._apply(Release(request_id))
        except DatabaseUnavailable:
            logger.exception("The charge of %s could not be released; it goes back when its lease is over", request_id)

    async def _apply(self, operation: Operation) -> bool:
        """Store an operation durably. A caller that is cancelled meanwhile is cancelled afterwards, so that it knows the outcome."""
        batch = self._open
        if batch is None:
            batch = self._open = _Batch(asyncio.create_task(self._write()))
        batch.operations.append(operation)
        position = len(batch.operations) - 1
        outcomes: tuple[bool, ...] = ()
        with anyio.CancelScope(shield=True):
            outcomes = await asyncio.shield(batch.task)
        return outcomes[position]

    async def _write(self) -> tuple[bool, ...]:
        async with self._writing:
            batch, self._open = self._open, None
            return await asyncio.to_thread(self._store.apply, batch.operations if batch is not None else [])
