"""The data folder's figures on the console's first page."""

from __future__ import annotations

import asyncio
import threading
import uuid
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from facemeld.app.composition import Application, Services, open_application
from facemeld.db.errors import DatabaseUnavailable, utc_now
from facemeld.settings.catalogue import Settings
from facemeld.upkeep import overview
from facemeld.upkeep.overview import FirstSteps, Stored
from facemeld.usage.types import Usage


def test_a_large_store_is_measured_beside_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bundle_path: Path) -> None:
    """The page waits a moment at most; it shows the last known size while a new one is measured."""
    go_on, measure = threading.Event(), overview.folder_size
    settings = Settings(data=tmp_path / "data", model_dir=bundle_path.parent)

    def slow(folder: Path) -> tuple[int, int]:
        assert go_on.wait(10)
        return measure(folder)

    with open_application(settings) as application:
        page = Services(application, application.executor()).overview
        (settings.data / "results").mkdir()
        (settings.data / "results" / "one").write_bytes(b"12345")
        monkeypatch.setattr(overview, "folder_size", slow)
        assert page.stored(patience=0.01) is None
        assert page.stored(patience=0.01) is None
        go_on.set()
        found = page.stored(patience=10)
        assert found is not None
        assert (found.results, found.files, found.materials) == (5, 1, 0)
        assert found.database > 0
        go_on.clear()
        assert page.stored() == found
        monkeypatch.setattr(overview, "_RESULTS_KEPT", -1.0)
        (settings.data / "results" / "two").write_bytes(b"67890")
        assert page.stored(patience=10) == found, "the old size, without waiting"
        go_on.set()
        monkeypatch.setattr(overview, "_RESULTS_KEPT", 300.0)
        newer = _until_other(page, found)
        assert (newer.results, newer.files) == (10, 2)


def _until_other(page: overview.Overview, old: Stored) -> Stored:
    for _ in range(500):
        found = page.stored()
        if found is not None and found != old:
            return found
        threading.Event().wait(0.01)
    raise AssertionError("the new size must be known within five seconds, got the old one")


def test_a_new_installation_is_led_to_its_first_picture(use_cases: Services, application: Application, hopper_path: Path) -> None:
    page = use_cases.overview
    assert page.first_steps() == FirstSteps(activity=None, material=False, key=False, fused=False)
    account = application.accounts.create("acme", actor="test").id
    activity = application.activities.create(account, "spring", actor="test").id
    assert page.first_steps() == FirstSteps(activity, material=False, key=False, fused=False)
    asyncio.run(use_cases.importing.add(activity, hopper_path.read_bytes(), "a.jpg", approve=False, actor="test"))
    assert not page.first_steps().material
    asyncio.run(use_cases.importing.add(activity, hopper_path.read_bytes(), "b.jpg", approve=True, actor="test"))
    assert page.first_steps().material
    application.accounts.create_key("acme", actor="test")
    assert (page.first_steps().key, page.first_steps().done) == (True, False)
    application.usage.add([call(utc_now(), account)])
    page.statistics.refresh()
    assert page.first_steps() == FirstSteps(activity, material=True, key=True, fused=True)
    assert page.first_steps().done


def test_hours_and_days_add_up_to_the_whole(use_cases: Services, application: Application) -> None:
    page, now = use_cases.overview, utc_now()
    account = application.accounts.create("acme", actor="test").id
    for ago, code in ((30, "InternalError"), (3, "InternalError"), (3, ""), (0, "")):
        application.usage.add([call(now - timedelta(hours=ago), account, code)])
    page.statistics.refresh()
    hours = page.hours(now, 5)
    assert [beginning.minute for beginning, _ in hours] == [0] * 5
    assert hours[-1][0] <= now < hours[-1][0] + timedelta(hours=1)
    assert [(figures.calls, figures.failed) for _, figures in hours] == [(0, 0), (2, 1), (0, 0), (0, 0), (1, 0)]
    midnights = tuple(hours[-1][0] + timedelta(hours=1) - timedelta(days=days) for days in (2, 1, 0))
    assert [(figures.calls, figures.failed) for _, figures in page.days(midnights)] == [(1, 1), (3, 1)]
    assert [usage.code for usage in page.failures(5)] == ["InternalError"] * 2
    assert page.failures(1)[0].at > page.failures(2)[1].at


def test_health_tells_a_database_that_does_not_answer(
    use_cases: Services, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = use_cases.overview
    health = page.health()
    assert (health.workers, health.busy, health.waiting, health.died) == (1, 0, 0, 0)
    assert health.database_ms is not None
    assert health.free_bytes > 0

    def broken() -> None:
        raise DatabaseUnavailable("the database must answer")

    monkeypatch.setattr(application.database, "connect", broken)
    assert page.health().database_ms is None


def call(at: datetime, account: int, code: str = "") -> Usage:
    """A call, with one face if it succeeded."""
    return Usage(
        at=at,
        request_id=str(uuid.uuid4()),
        account_id=account,
        secret_id=None,
        action="FuseFace",
        version="2022-09-27",
        code=code,
        milliseconds=100,
        faces=0 if code else 1,
        bytes_in=0,
        bytes_out=0,
        charged=not code,
    )
