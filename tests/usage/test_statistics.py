"""Counts of calls: each record counts once, in whatever order records arrive, and the counts equal those of a full scan."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from facemeld.db.database import Database
from facemeld.usage import statistics
from facemeld.usage.statistics import SLOWEST, Tally, TallyStore, UsageStatistics, class_bounds
from facemeld.usage.store import UsageStore
from facemeld.usage.types import Usage

NOW = datetime(2026, 3, 29, 12, 30, tzinfo=UTC)
CALL = Usage(
    at=NOW,
    request_id="00000000-0000-4000-8000-000000000000",
    account_id=1,
    secret_id=None,
    action="FuseFace",
    version="2022-09-27",
    code="",
    milliseconds=100,
    faces=1,
    bytes_in=0,
    bytes_out=0,
    charged=False,
)


class World:
    """Usage records and their counts, with a clock that can be set."""

    def __init__(self, folder: Path) -> None:
        self.now = NOW
        database = Database.at(folder / "usage.sqlite3")
        database.upgrade()
        self.store, self.tallies = UsageStore(database), TallyStore(database)
        self.statistics = UsageStatistics(self.tallies, lambda: self.now)

    def add(self, ago: timedelta, count: int = 1, **fields: object) -> None:
        self.store.add([replace(CALL, at=self.now - ago, **fields)] * count)  # type: ignore[arg-type]  # fields of all types


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An empty one."""
    return World(tmp_path)


def test_nothing_yet(world: World) -> None:
    """Without calls there are zeros, and no rates or durations."""
    assert world.statistics.refresh()
    found = world.statistics.figures(NOW - timedelta(days=1), NOW)
    assert (found.calls, found.failed, found.faces, found.median, found.slow, found.success, found.codes) == (0, 0, 0, None, None, None, ())
    assert world.tallies.failures(limit=5) == ()


def test_counts(world: World) -> None:
    """Calls, failures by code, faces and durations of the requested hours only."""
    world.add(timedelta(hours=5), 10)
    world.add(timedelta(hours=2), 95, milliseconds=40, faces=2)
    world.add(timedelta(hours=2), 3, code="FailedOperation.RpcFail", milliseconds=900, faces=0)
    world.add(timedelta(hours=2), 2, code="InternalError", milliseconds=60_000, faces=0)
    assert world.statistics.refresh()
    found = world.statistics.figures(NOW - timedelta(hours=3), NOW)
    assert (found.calls, found.failed, found.faces) == (100, 5, 190)
    assert found.codes == (("FailedOperation.RpcFail", 3), ("InternalError", 2))
    assert found.success == pytest.approx(0.95)
    assert found.median == pytest.approx(42.5, abs=2.5)
    assert found.slow == pytest.approx(45, abs=0.1)
    assert world.statistics.figures(NOW - timedelta(days=1), NOW).calls == 110


def test_each_call_counts_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts stay right when they are refreshed often, in small pieces, while young and old calls arrive."""
    monkeypatch.setattr(statistics, "CHUNK", 7)
    total = 0
    for step in range(12):
        world.add(timedelta(seconds=step % 5), 5)
        total += 5
        assert world.statistics.refresh(5)
        assert world.statistics.figures(NOW - timedelta(days=1), world.now + timedelta(hours=1)).calls == total
        world.now += timedelta(seconds=11)


def test_records_of_another_server_that_come_late(world: World) -> None:
    """A record that appears after ones with larger numbers were counted is not forgotten while it is young."""
    world.add(timedelta(seconds=1))
    world.statistics.refresh()
    world.add(timedelta(seconds=20))
    world.statistics.refresh()
    assert world.statistics.figures(NOW - timedelta(hours=1), NOW + timedelta(hours=1)).calls == 2


def test_counting_takes_no_longer_than_allowed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A count that ran out of time says that it is incomplete, and goes on the next time."""
    monkeypatch.setattr(statistics, "CHUNK", 10)
    world.add(timedelta(hours=1), 35)
    assert not world.statistics.refresh(0)
    assert not world.statistics.complete
    while not world.statistics.refresh(0.001):
        pass
    assert world.statistics.complete
    assert world.statistics.figures(NOW - timedelta(hours=2), NOW).calls == 35


def test_a_page_does_not_wait_for_a_count_that_is_under_way(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures can be read while another thread counts, and are marked as incomplete."""
    monkeypatch.setattr(statistics, "CHUNK", 10)
    world.add(timedelta(hours=1), 35)
    reached, go_on = threading.Event(), threading.Event()
    read = world.tallies.tallies

    def slow(after: int, until: int) -> tuple[Tally, ...]:
        if after == 20:
            reached.set()
            assert go_on.wait(10)
        return read(after, until)

    monkeypatch.setattr(world.tallies, "tallies", slow)
    counting = threading.Thread(target=world.statistics.refresh, args=(10,))
    counting.start()
    try:
        assert reached.wait(10)
        assert not world.statistics.refresh(0.01)
        assert world.statistics.figures(NOW - timedelta(hours=2), NOW).calls == 20
        assert not world.statistics.complete
    finally:
        go_on.set()
        counting.join(10)
    assert world.statistics.complete
    assert world.statistics.figures(NOW - timedelta(hours=2), NOW).calls == 35


def test_old_hours_are_forgotten(world: World) -> None:
    """Only two weeks are kept; older records are not even read."""
    world.add(timedelta(days=30), 4)
    world.add(timedelta(days=14), 2)
    world.statistics.refresh()
    assert world.statistics.figures(NOW - timedelta(days=60), NOW).calls == 2
    world.now += timedelta(days=2)
    world.statistics.refresh()
    assert world.statistics.figures(NOW - timedelta(days=60), NOW).calls == 0


def test_the_newest_failures(world: World) -> None:
    """Newest first, successes left out."""
    for number in range(6):
        world.add(timedelta(minutes=6 - number), code="" if number % 2 else f"Code{number}")
    assert [usage.code for _, usage in world.tallies.failures(limit=2)] == ["Code4", "Code2"]
    assert [usage.code for _, usage in world.tallies.failures(limit=9, among=2)] == ["Code4"]


def test_durations_fall_into_their_classes(world: World) -> None:
    """The database sorts every duration into the class whose bounds hold it, at and beside every bound."""
    bounds = {bound for number in range(SLOWEST + 1) for bound in class_bounds(number)}
    durations = sorted({max(0, bound + shift) for bound in bounds for shift in (-1, 0, 1)} | {10**6})
    world.store.add([replace(CALL, milliseconds=one) for one in durations])
    counted = Counter({tally.duration: tally.calls for tally in world.tallies.tallies(0, world.tallies.newest())})
    expected = Counter(
        next(number for number in range(SLOWEST + 1) if one < class_bounds(number)[1] or number == SLOWEST) for one in durations
    )
    assert counted == expected
    assert len(counted) == SLOWEST + 1
