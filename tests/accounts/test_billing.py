"""A call that succeeds costs one call; a failed or cancelled call costs nothing, also when calls overlap."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from facemeld.accounts.credit import BillingService, ChargeStore, CreditUsedUp, Operation, Release, Reserve, Settle
from facemeld.accounts.types import AccountChange
from facemeld.app.composition import Application
from facemeld.db.errors import DatabaseUnavailable


class Store:
    """A store that keeps the operations of each transaction, and fails at operations of one kind."""

    def __init__(self, charges: ChargeStore, broken: type[Operation] | None = None) -> None:
        self.charges, self.broken = charges, broken
        self.transactions: list[list[Operation]] = []

    def apply(self, operations: Iterable[Operation]) -> tuple[bool, ...]:
        given = list(operations)
        if self.broken is not None and any(isinstance(operation, self.broken) for operation in given):
            raise DatabaseUnavailable("the database must answer, got: disk I/O error")
        self.transactions.append(given)
        return self.charges.apply(given)


@pytest.fixture
def account(application: Application) -> int:
    """An account with five calls."""
    number = application.accounts.create("acme", actor="test").id
    application.accounts.change("acme", AccountChange(balance=5), actor="test")
    return number


def left(application: Application) -> int | None:
    return application.accounts.get("acme").balance


async def call(billing: BillingService, name: str, account: int, *, fails: bool = False) -> None:
    async with billing.charge(name, account, "FuseFace"):
        await asyncio.sleep(0)
        if fails:
            raise ValueError("the work failed")


def test_only_work_that_succeeds_costs_a_call(application: Application, account: int) -> None:
    async def main() -> None:
        billing = BillingService(application.charges)
        await call(billing, "one", account)
        with pytest.raises(ValueError, match="the work failed"):
            await call(billing, "two", account, fails=True)

    asyncio.run(main())
    assert left(application) == 4
    assert application.charges.reserved(account) == 0


def test_no_more_calls_run_at_once_than_are_paid_for(application: Application, account: int) -> None:
    entered: list[str] = []

    async def main() -> list[BaseException | None]:
        billing, go_on = BillingService(application.charges), asyncio.Event()

        async def hold(name: str) -> None:
            async with billing.charge(name, account, "FuseFace"):
                entered.append(name)
                await go_on.wait()

        async def let_go() -> None:
            while len(entered) < 5:
                await asyncio.sleep(0)
            go_on.set()

        *outcomes, _ = await asyncio.gather(*(hold(str(number)) for number in range(8)), let_go(), return_exceptions=True)
        return outcomes

    outcomes = asyncio.run(main())
    assert [type(outcome) for outcome in outcomes if outcome is not None] == [CreditUsedUp] * 3
    assert (len(entered), left(application), application.charges.reserved(account)) == (5, 0, 0)


def test_a_cancelled_call_is_released(application: Application, account: int) -> None:
    async def main() -> None:
        billing, inside = BillingService(application.charges), asyncio.Event()

        async def hold() -> None:
            async with billing.charge("one", account, "FuseFace"):
                inside.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(hold())
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert (left(application), application.charges.reserved(account)) == (5, 0)


def test_calls_that_come_while_one_is_written_share_a_transaction(application: Application, account: int) -> None:
    store = Store(application.charges)

    async def main() -> None:
        billing = BillingService(store)  # type: ignore[arg-type]  # has the only method that is used
        await asyncio.gather(*(call(billing, str(number), account) for number in range(5)))

    asyncio.run(main())
    kinds = [type(operation) for transaction in store.transactions for operation in transaction]
    assert (kinds.count(Reserve), kinds.count(Settle), kinds.count(Release)) == (5, 5, 0)
    assert len(store.transactions) < len(kinds)
    assert left(application) == 0


def test_work_whose_charge_cannot_be_settled_is_not_handed_out(application: Application, account: int) -> None:
    billing = BillingService(Store(application.charges, broken=Settle))  # type: ignore[arg-type]  # as above
    with pytest.raises(DatabaseUnavailable):
        asyncio.run(call(billing, "one", account))


def test_a_failure_is_told_also_when_its_charge_cannot_be_released(
    application: Application, account: int, caplog: pytest.LogCaptureFixture
) -> None:
    billing = BillingService(Store(application.charges, broken=Release))  # type: ignore[arg-type]  # as above
    with pytest.raises(ValueError, match="the work failed"):
        asyncio.run(call(billing, "one", account, fails=True))
    assert "The charge of one could not be released" in caplog.text
    assert application.charges.reserved(account) == 1
