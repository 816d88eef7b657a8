"""Lists of accounts, keys and reserved calls, page by page."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert

from facemeld.accounts.credit import ChargeStore, Reserve
from facemeld.accounts.store import AccountStore
from facemeld.accounts.types import AccountNotFound
from facemeld.db.database import Database
from facemeld.db.models import ChargeRow
from tests.db.state import SettableClock
from tests.db.steps import counted

SETTLED = 3000


def test_accounts_come_in_pages(account_store: AccountStore) -> None:
    """In the order of their creation, each once."""
    made = [account_store.create(name, actor="test") for name in ("b", "a", "d", "c", "e")]
    found = []
    after = None
    while page := account_store.page(after, 2):
        found += page
        after = page[-1].id
    assert found == made
    assert dict(account_store.names()) == {one.id: one.name for one in made}


def test_keys_come_in_pages(account_store: AccountStore) -> None:
    """By SecretId, each once, of one account or of all, like the whole list."""
    for name in ("acme", "other"):
        account_store.create(name, actor="test")
        for _ in range(5):
            account_store.create_key(name, actor="test")
    for account in (None, "acme"):
        found = []
        after = None
        while page := account_store.key_page(account, after, 3):
            assert len(page) <= 3
            found += page
            after = page[-1].secret_id
        assert found == sorted(account_store.keys(account), key=lambda key: key.secret_id)
    with pytest.raises(AccountNotFound):
        account_store.key_page("nobody", None, 3)


def test_packages_of_several_accounts(account_store: AccountStore) -> None:
    """Each gets its own, oldest first; one without packages gets none."""
    first, second, third = (account_store.create(name, actor="test").id for name in ("one", "two", "three"))
    for name, calls in (("one", 5), ("two", 7), ("one", 6)):
        account_store.add_package(name, calls, actor="test")
    found = account_store.packages_of([first, second, third])
    assert {account: [one.calls for one in packages] for account, packages in found.items()} == {first: [5, 6], second: [7], third: []}
    assert found[first] == account_store.packages("one")


def test_reserved_calls_are_found_among_many_settled_ones(database: Database, account_store: AccountStore, clock: SettableClock) -> None:
    """Settled charges of the day are not read to find the few reserved ones."""
    first, second = (account_store.create(name, actor="test").id for name in ("one", "two"))
    rows = [{"request_id": f"{n:036}", "account_id": first, "state": "settled", "lease_until": clock.now} for n in range(SETTLED)]
    with database.transaction() as session:
        session.execute(insert(ChargeRow), rows)
    account_store.add_package("one", 9, actor="test")
    charges = ChargeStore(database, timedelta(minutes=5), clock)
    assert charges.apply([Reserve("r1", first, "FuseFace"), Reserve("r2", first, "FuseFace")]) == (True, True)
    with counted(database) as steps:
        assert charges.reserved_by([first, second]) == {first: 2, second: 0}
        assert charges.reserved(first) == 2
    assert steps.count < SETTLED
