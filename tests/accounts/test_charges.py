"""Credit is counted exactly: each charge is reserved, settled or released once, across threads, processes, crashes and expiry."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

from facemeld.accounts.credit import ChargeStore, Release, Reserve, Settle
from facemeld.accounts.store import AccountStore
from facemeld.accounts.types import UNLIMITED, AccountChange, AccountInvalid
from facemeld.db.audit import AuditLog
from facemeld.db.database import Database
from tests.db.state import SettableClock, promised_until_killed

LEASE = timedelta(minutes=5)
SPEND = """
import sys, uuid
from datetime import UTC, datetime, timedelta
from facemeld.accounts.credit import ChargeStore, Reserve, Settle
from facemeld.db.database import Database
database = Database(sys.argv[1])
store = ChargeStore(database, timedelta(minutes=5))
for _ in range(60):
    name = str(uuid.uuid4())
    if store.apply([Reserve(name, int(sys.argv[2]), "FuseFace")])[0]:
        assert store.apply([Settle(name)]) == (True,)
        print(name)
database.close()
"""


@pytest.fixture
def acme(account_store: AccountStore) -> int:
    return account_store.create("acme", actor="test").id


@pytest.fixture
def charges(database: Database, clock: SettableClock) -> ChargeStore:
    return ChargeStore(database, LEASE, clock)


@pytest.fixture
def reserve(charges: ChargeStore, acme: int) -> Callable[..., str]:
    def reserve(action: str = "FuseFace") -> str:
        """Return a request id, or an empty text if no credit was left."""
        name = str(uuid.uuid4())
        return name if charges.apply([Reserve(name, acme, action)])[0] else ""

    return reserve


def left(store: AccountStore) -> tuple[int | None, list[int]]:
    """Balance, and the calls left in each package."""
    return store.get("acme").balance, [package.calls - package.used for package in store.packages("acme")]


def test_a_balance_counts_down_to_zero_and_a_failed_call_costs_nothing(
    account_store: AccountStore, charges: ChargeStore, reserve: Callable[..., str]
) -> None:
    account_store.change("acme", AccountChange(balance=2), actor="test")
    first, second = reserve(), reserve()
    assert first
    assert second
    assert not reserve()
    assert charges.apply([Release(first), Settle(second)]) == (True, True)
    assert left(account_store) == (1, [])
    assert reserve()
    assert left(account_store) == (0, [])


@pytest.mark.parametrize("end", [Settle, Release])
def test_what_is_told_twice_counts_once(
    account_store: AccountStore, charges: ChargeStore, reserve: Callable[..., str], end: type[Settle | Release]
) -> None:
    account_store.change("acme", AccountChange(balance=5), actor="test")
    name = reserve()
    assert charges.apply([end(name)]) == (True,)
    before = left(account_store)
    assert charges.apply([end(name), Release(name), end(name), end("unknown")])[0] is False
    assert left(account_store) == before


def test_packages_go_before_the_balance_and_the_one_that_ends_first_goes_first(
    account_store: AccountStore, reserve: Callable[..., str], clock: SettableClock
) -> None:
    account_store.change("acme", AccountChange(balance=1), actor="test")
    for calls, action, days in ((1, None, None), (1, None, 9), (1, "FuseFace", 9), (1, "FuseFace", 3), (9, "FuseFaceUltra", 1)):
        expires = None if days is None else clock.now + timedelta(days=days)
        account_store.add_package("acme", calls, actor="test", action=action, expires_at=expires)
    seen = []
    for _ in range(6):
        reserve()
        seen.append(left(account_store))
    assert seen == [
        (1, [1, 1, 1, 0, 9]),
        (1, [1, 1, 0, 0, 9]),
        (1, [1, 0, 0, 0, 9]),
        (1, [0, 0, 0, 0, 9]),
        (0, [0, 0, 0, 0, 9]),
        (0, [0, 0, 0, 0, 9]),
    ]


def test_a_package_that_has_ended_pays_for_nothing(account_store: AccountStore, reserve: Callable[..., str], clock: SettableClock) -> None:
    package = account_store.add_package("acme", 5, actor="test", expires_at=clock.now + timedelta(days=1))
    assert package.remaining(clock.now) == 5
    clock.advance(days=1)
    assert not reserve()
    assert account_store.packages("acme")[0].remaining(clock.now) == 0


def test_what_a_crashed_call_reserved_comes_back_after_its_lease(
    account_store: AccountStore, charges: ChargeStore, reserve: Callable[..., str], clock: SettableClock
) -> None:
    account_store.add_package("acme", 1, actor="test")
    assert reserve()
    clock.advance(seconds=LEASE.total_seconds())
    assert not reserve()
    assert charges.release_expired() == 0
    clock.advance(seconds=1)
    assert reserve()
    clock.advance(seconds=LEASE.total_seconds() + 1)
    assert charges.release_expired() == 1
    assert left(account_store) == (0, [1])


def test_a_call_that_outlives_its_lease_is_charged_all_the_same(
    account_store: AccountStore, charges: ChargeStore, reserve: Callable[..., str], clock: SettableClock
) -> None:
    account_store.change("acme", AccountChange(balance=1), actor="test")
    slow = reserve()
    clock.advance(seconds=LEASE.total_seconds() + 1)
    other = reserve()
    assert charges.apply([Settle(slow), Settle(slow), Settle(other)]) == (True, False, True)
    assert left(account_store) == (-1, [])


def test_old_charges_are_forgotten_but_not_open_ones(
    account_store: AccountStore, charges: ChargeStore, reserve: Callable[..., str], clock: SettableClock
) -> None:
    account_store.change("acme", AccountChange(balance=9), actor="test")
    name = reserve()
    charges.apply([Settle(name)])
    clock.advance(days=2)
    charges.release_expired()
    assert charges.apply([Settle(name)]) == (False,)
    assert left(account_store) == (8, [])


def test_an_account_that_is_no_longer_counted_stays_so(
    account_store: AccountStore, charges: ChargeStore, reserve: Callable[..., str], acme: int
) -> None:
    account_store.change("acme", AccountChange(balance=1), actor="test")
    name = reserve()
    assert charges.reserved(acme) == 1
    account_store.change("acme", AccountChange(balance=UNLIMITED), actor="test")
    charges.apply([Release(name)])
    assert left(account_store) == (None, [])
    assert reserve()
    assert charges.reserved(acme) == 0


def test_a_package_makes_an_account_counted_and_every_change_leaves_a_trail(
    account_store: AccountStore, database: Database, acme: int
) -> None:
    account_store.add_package("acme", 200, actor="ann", action="FuseFace")
    account_store.change("acme", AccountChange(balance=7, auto_open=True), actor="bob")
    trail = [(entry.actor, entry.act, entry.detail) for entry in AuditLog(database).entries(subject="account:acme", limit=4)]
    assert trail == [
        ("bob", "account.auto_open", {"from": False, "to": True}),
        ("bob", "account.balance", {"from": 0, "to": 7}),
        ("ann", "account.balance", {"from": "unlimited", "to": 0}),
        ("ann", "account.package", {"package": 1, "calls": 200, "action": "FuseFace", "expires": None}),
    ]


@pytest.mark.parametrize("calls", [0, -1, 2**31])
def test_numbers_out_of_range_are_refused(account_store: AccountStore, acme: int, calls: int) -> None:
    with pytest.raises(AccountInvalid, match=f"got {calls}"):
        account_store.add_package("acme", calls, actor="test")
    if calls:
        with pytest.raises(AccountInvalid, match=f"got {calls}"):
            account_store.change("acme", AccountChange(balance=calls), actor="test")


def test_a_package_must_end_in_the_future(account_store: AccountStore, acme: int, clock: SettableClock) -> None:
    with pytest.raises(AccountInvalid, match="must end in the future"):
        account_store.add_package("acme", 1, actor="test", expires_at=clock.now)


def test_threads_take_exactly_what_is_there(account_store: AccountStore, reserve: Callable[..., str]) -> None:
    account_store.add_package("acme", 20, actor="test")
    account_store.change("acme", AccountChange(balance=10), actor="test")
    with ThreadPoolExecutor(8) as pool:
        granted = list(pool.map(lambda _: reserve(), range(50)))
    assert sum(map(bool, granted)) == 30
    assert left(account_store) == (0, [0])


def test_processes_take_exactly_what_is_there(account_store: AccountStore, acme: int, database_file: Path) -> None:
    account_store.add_package("acme", 100, actor="test")
    command = [sys.executable, "-W", "error", "-c", SPEND, f"sqlite:///{database_file}", str(acme)]
    spenders = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    names = [name for spender in spenders for name in spender.communicate(timeout=120)[0].split()]
    assert [spender.returncode for spender in spenders] == [0, 0]
    assert len(set(names)) == len(names) == 100
    assert left(account_store) == (0, [0])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_a_kill_forgets_no_charge_and_keeps_no_credit(
    database: Database, account_store: AccountStore, acme: int, database_file: Path, clock: SettableClock, seed: int
) -> None:
    account_store.add_package("acme", 10_000, actor="test")
    settled = promised_until_killed(SPEND.replace("60", "10_000"), f"sqlite:///{database_file}", str(acme), seed=seed)
    # The script uses the real clock; a clock far ahead lets its last reservation expire.
    clock.now = datetime.now(UTC) + LEASE + timedelta(seconds=1)
    charges = ChargeStore(database, LEASE, clock)
    assert charges.release_expired() <= 1
    (package,) = account_store.packages("acme")
    # A last call may have been settled without time to report it.
    assert 0 < len(settled) <= package.used <= len(settled) + 1
    assert charges.reserved(acme) == 0


def test_any_order_of_events_counts_right(database: Database, account_store: AccountStore, charges: ChargeStore, acme: int) -> None:
    class Book(RuleBasedStateMachine):
        """Comparison of the store with plain arithmetic."""

        open_calls: Bundle[str] = Bundle("open_calls")

        def __init__(self) -> None:
            super().__init__()
            account_store.change("acme", AccountChange(balance=6), actor="test")
            self.left = 6

        @rule(target=open_calls)
        def begin(self) -> str:
            name = str(uuid.uuid4())
            granted = charges.apply([Reserve(name, acme, "FuseFace")])[0]
            assert granted == (self.left > 0)
            self.left -= granted
            return name if granted else ""

        @rule(name=consumes(open_calls), again=st.booleans())
        def succeed(self, name: str, again: bool) -> None:
            outcome = charges.apply([Settle(name), *([Settle(name)] if again else [])])
            assert outcome[0] == bool(name)
            assert not any(outcome[1:])

        @rule(name=consumes(open_calls), again=st.booleans())
        def fail(self, name: str, again: bool) -> None:
            charges.apply([Release(name), *([Release(name)] if again else [])])
            self.left += bool(name)

        @invariant()
        def the_balance_is_what_arithmetic_says(self) -> None:
            assert account_store.get("acme").balance == self.left

    run_state_machine_as_test(Book, settings=settings(max_examples=15, stateful_step_count=20, deadline=None))
