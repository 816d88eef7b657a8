"""The search for records of calls finds the same records as a scan of all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facemeld.db.database import Database
from facemeld.usage.store import UsageSearch, UsageStore
from facemeld.usage.types import CallFilter, Usage
from tests.db.state import SettableClock
from tests.usage.test_store import call

CODES = ("", "", "", "InternalError", "FailedOperation.RpcFail")


@pytest.fixture
def world(database: Database, clock: SettableClock) -> tuple[UsageSearch, Sequence[Usage]]:
    """Sixty calls, one every ten minutes, some stored a little late."""
    calls = [
        call(
            clock,
            at=clock.now + timedelta(minutes=10 * number - (25 if number % 7 == 0 else 0)),
            account_id=number % 3 or None,
            project_id=f"at_{number % 4}",
            code=CODES[number % len(CODES)],
        )
        for number in range(60)
    ]
    UsageStore(database).add(calls)
    return UsageSearch(database), calls


def expected(calls: Sequence[Usage], wanted: CallFilter) -> Iterator[Usage]:
    for one in reversed(calls):
        fits = (
            wanted.account_id in (None, one.account_id)
            and wanted.project_id in (None, one.project_id)
            and (wanted.code is None or wanted.code == one.code)
            and (not wanted.failed or one.code != "")
            and (wanted.since is None or one.at >= wanted.since)
            and (wanted.until is None or one.at < wanted.until)
        )
        if fits:
            yield one


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
def test_every_search_finds_what_it_should(world: tuple[UsageSearch, Sequence[Usage]], clock: SettableClock, data: st.DataObject) -> None:
    """All combinations of conditions, page by page."""
    search, calls = world
    moment = st.none() | st.integers(-2, 62).map(lambda step: clock.now + timedelta(minutes=10 * step))
    wanted = data.draw(
        st.builds(
            CallFilter,
            account_id=st.sampled_from([None, 1, 2, 9]),
            project_id=st.sampled_from([None, "at_1", "at_2", "at_9"]),
            code=st.sampled_from([None, "", "InternalError", "RequestLimitExceeded"]),
            failed=st.booleans(),
            since=moment,
            until=moment,
        )
    )
    if wanted.failed and wanted.code == "":
        wanted = replace(wanted, code=None)
    limit = data.draw(st.integers(1, 9))
    found: list[Usage] = []
    before = None
    while page := search.find(wanted, before=before, limit=limit):
        assert len(page) <= limit
        found += [usage for _, usage in page]
        before = page[-1][0]
    assert found == list(expected(calls, wanted))


def test_the_fewer_records_lead_the_search(world: tuple[UsageSearch, Sequence[Usage]], monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is the same whichever condition follows the index."""
    search, calls = world
    monkeypatch.setattr("facemeld.usage.store.FEW", 1)
    for wanted in (CallFilter(failed=True, account_id=1), CallFilter(failed=True), CallFilter(account_id=1, project_id="at_1")):
        assert [usage for _, usage in search.find(wanted, limit=100)] == list(expected(calls, wanted))


def test_codes_are_those_of_errors(world: tuple[UsageSearch, Sequence[Usage]], database: Database) -> None:
    """Each code once, in order; none without calls."""
    assert world[0].codes() == ("FailedOperation.RpcFail", "InternalError")
    UsageStore(database).purge(datetime.max.replace(tzinfo=world[1][0].at.tzinfo))
    assert world[0].codes() == ()
