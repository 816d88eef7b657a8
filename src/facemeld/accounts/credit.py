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

logger = logging.getLogger(__name__)

KEPT_AFTER_LEASE = timedelta(days=1)
"""How long a finished charge is kept, to recognise late operations on it."""


class CreditUsedUp(FacemeldError):
    """The account has neither a package nor a balance to pay for the call."""


class ChargeState(StrEnum):
    """State of a charge."""

    RESERVED = "reserved"
    SETTLED = "settled"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Reserve:
    """Reserve one call of an account's credit before the work; the outcome says whether credit was left."""

    request_id: str
    account_id: int
    action: str


@dataclass(frozen=True, slots=True)
class Settle:
    """Charge a reserved call, because the work succeeded; the outcome says whether it was not charged before."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Release:
    """Give a reserved call back, because the work failed; the outcome says whether it was reserved."""

    request_id: str


Operation: TypeAlias = Reserve | Settle | Release


# Built once: building the statements takes longer than running them.
_BALANCE = select(AccountRow.balance).where(AccountRow.id == bindparam("account")).with_for_update()
_PACKAGE = (
    select(PackageRow.id)
    .where(PackageRow.account_id == bindparam("account"), PackageRow.used < PackageRow.calls)
    .where(or_(PackageRow.action.is_(None), PackageRow.action == bindparam("for_action")))
    .where(or_(PackageRow.expires_at.is_(None), PackageRow.expires_at > bindparam("now")))
    # First the package that ends first, then one for a single action.
    .order_by(PackageRow.expires_at.is_(None), PackageRow.expires_at, PackageRow.action.is_(None), PackageRow.id)
    .limit(1)
)
_TAKE_FROM_PACKAGE = update(PackageRow).where(PackageRow.id == bindparam("package")).values(used=PackageRow.used + bindparam("taken"))
_TAKE_FROM_BALANCE = (
    update(AccountRow)
    # An account that became unlimited stays so.
    .where(AccountRow.id == bindparam("account"), AccountRow.balance.is_not(None))
    .values(balance=AccountRow.balance - bindparam("taken"))
)
_ADD = insert(ChargeRow)
_CHARGES = select(ChargeRow.request_id, ChargeRow.account_id, ChargeRow.package_id, ChargeRow.state)
_CHARGE = _CHARGES.where(ChargeRow.request_id == bindparam("request")).with_for_update()
_EXPIRED = (
    _CHARGES.where(ChargeRow.state == ChargeState.RESERVED.value, ChargeRow.lease_until < bindparam("now"))
    .where(or_(bindparam("account", type_=ChargeRow.account_id.type).is_(None), ChargeRow.account_id == bindparam("account")))
    # Charges that their own calls are finishing now are skipped.
    .with_for_update(skip_locked=True)
)
_MARK = update(ChargeRow).where(ChargeRow.request_id == bindparam("request")).values(state=bindparam("to"))
_FORGET = delete(ChargeRow).where(ChargeRow.state != ChargeState.RESERVED.value, ChargeRow.lease_until < bindparam("before"))
_RESERVED = (
    select(ChargeRow.account_id, func.count().label("calls"))
    # Literally as in the partial index, which a parameter would keep from being used.
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

    A reservation holds for a lease. After that, any process may release it, because its own may have died; if the work
    succeeds after all, settling charges the call again, even below zero.
    """

    def __init__(self, database: Database, lease: timedelta, clock: Clock = utc_now) -> None:
        """Create a store whose reservations hold for ``lease``, which must be longer than any call takes."""
        self._database = database
        self._lease = lease
        self._clock = clock

    def apply(self, operations: Sequence[Operation]) -> tuple[bool, ...]:
        """Apply operations in order, in one durable transaction, and return their outcomes.

        Raises:
            DatabaseUnavailable: none of them was stored.
        """
        with self._database.transaction() as session:
            connection = session.connection()
            return tuple(self._apply(connection, operation) for operation in operations)

    def release_expired(self) -> int:
        """Release expired reservations, delete old charges, and return the number of released ones."""
        now = self._clock()
        with self._database.transaction() as session:
            released = _release_expired(session.connection(), now)
            session.connection().execute(_FORGET, {"before": now - KEPT_AFTER_LEASE})
        return released

    def reserved(self, account_id: int) -> int:
        """Return the number of calls that an account has reserved."""
        return self.reserved_by([account_id])[account_id]

    def reserved_by(self, accounts: Collection[int]) -> Mapping[int, int]:
        """Return the number of reserved calls by account id."""
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

    def _reserve(self, connection: Connection, reserve: Reserve) -> bool:
        now = self._clock()
        # The lock on the account's row serialises reservations; SQLite has one writer at a time anyway.
        balance = connection.execute(_BALANCE, {"account": reserve.account_id}).scalar_one_or_none()
        if balance is None:  # became unlimited since the call began
            return True
        values = {"account": reserve.account_id, "for_action": reserve.action, "now": now}
        package = connection.execute(_PACKAGE, values).scalar_one_or_none()
        if package is None and balance <= 0:
            return _release_expired(connection, now, reserve.account_id) > 0 and self._reserve(connection, reserve)
        _take(connection, reserve.account_id, package, 1)
        charge = {"request_id": reserve.request_id, "account_id": reserve.account_id, "package_id": package}
        connection.execute(_ADD, {**charge, "state": ChargeState.RESERVED.value, "lease_until": now + self._lease})
        return True


def _take(connection: Connection, account_id: int, package_id: int | None, calls: int) -> None:
    """Take calls from a package or, without one, from the balance; a negative number gives them back."""
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


@dataclass(slots=True)
class _Batch:
    task: asyncio.Task[tuple[bool, ...]]
    operations: list[Operation] = field(default_factory=list)


class BillingService:
    """Charges calls.

    Committing takes longer than anything else in a transaction, so operations that arrive during a commit share the next one.
    """

    def __init__(self, store: ChargeStore) -> None:
        self._store = store
        self._writing = asyncio.Lock()
        self._open: _Batch | None = None

    @asynccontextmanager
    async def charge(self, request_id: str, account_id: int, action: str) -> AsyncIterator[None]:
        """Charge one call for the work in the block, if it succeeds.

        Raises:
            CreditUsedUp: no credit is left; the block is not entered.
            DatabaseUnavailable: the charge could not be stored; the result of the work must not be delivered.
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
            logger.exception("The charge of %s could not be released; it is released when its lease ends", request_id)

    async def _apply(self, operation: Operation) -> bool:
        """Store an operation durably. Cancellation takes effect afterwards, so that the caller learns the outcome."""
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
