"""The charge of a call: reserved before its work, settled after success, released after failure."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from facemeld.accounts import ChargeStore, Operation, Release, Reserve, Settle
from facemeld.errors import FacemeldError
from facemeld.services.errors import DatabaseUnavailable

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
