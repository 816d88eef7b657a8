"""The search in the audit log: whatever is asked, the answer is that of looking at every entry, and it costs no such look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facemeld.db.audit import AuditEntry, AuditLog, record
from facemeld.db.database import Database
from tests.db.state import SettableClock
from tests.db.steps import counted

ACTS = ("key.create", "key.disable", "keyring.open", "user.sign_in", "user.sign_in")
ENTRIES = 60


@pytest.fixture
def log(database: Database, clock: SettableClock) -> AuditLog:
    """Sixty acts, one every ten minutes, some by a clock that was behind."""
    start = clock.now
    with database.transaction() as session:
        for number in range(ENTRIES):
            at = start + timedelta(minutes=10 * number - (25 if number % 7 == 0 else 0))
            record(session, at, f"user:{number % 3}", ACTS[number % len(ACTS)], f"mt_{number % 4}")
    return AuditLog(database, clock)


def expected(entries: Sequence[AuditEntry], wanted: dict[str, object]) -> Iterator[AuditEntry]:
    for one in entries:
        act = wanted["act"]
        if (
            wanted["subject"] in (None, one.subject)
            and wanted["actor"] in (None, one.actor)
            and (act is None or one.act == act or one.act.startswith(f"{act}."))
            and (wanted["since"] is None or one.at >= wanted["since"])  # type: ignore[operator]  # a moment, by the strategy
            and (wanted["until"] is None or one.at < wanted["until"])  # type: ignore[operator]  # likewise
        ):
            yield one


@pytest.mark.parametrize("few", [5000, 1])
@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
def test_every_search_finds_what_it_should(log: AuditLog, clock: SettableClock, few: int, data: st.DataObject) -> None:
    """All combinations of conditions, page by page, whichever condition leads."""
    moment = st.none() | st.integers(-2, ENTRIES + 2).map(lambda step: clock.now + timedelta(minutes=10 * step))
    wanted: dict[str, object] = {
        "subject": data.draw(st.sampled_from([None, "mt_1", "mt_2", "mt_9"])),
        "actor": data.draw(st.sampled_from([None, "user:1", "user:2", "user:9"])),
        "act": data.draw(st.sampled_from([None, "key", "key.create", "user", "nothing", "ke"])),
        "since": data.draw(moment),
        "until": data.draw(moment),
    }
    limit = data.draw(st.integers(1, 9))
    found: list[AuditEntry] = []
    before = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("facemeld.db.audit.FEW", few)
        while page := log.entries(**wanted, before=before, limit=limit):  # type: ignore[arg-type]  # drawn by type above
            assert len(page) <= limit
            found += page
            before = page[-1].id
    assert found == list(expected(log.entries(limit=ENTRIES), wanted))


def test_a_search_that_finds_little_looks_at_little(database: Database, clock: SettableClock) -> None:
    """An entry among thousands is not looked for one by one."""
    log, start = AuditLog(database, clock), clock.now
    with database.transaction() as session:
        for number in range(3000):
            rare = number == 1500
            actor, act = ("cli:root", "key.disable") if rare else (f"user:{number % 3}", "user.sign_in")
            record(session, start + timedelta(minutes=number), actor, act, f"subject {number}")
    around = {"since": start + timedelta(minutes=1499, seconds=1), "until": start + timedelta(minutes=1501)}
    table: tuple[tuple[dict[str, object], int], ...] = (
        ({"actor": "cli:root"}, 1),
        ({"actor": "nobody"}, 0),
        ({"act": "key.disable"}, 1),
        ({"act": "key"}, 1),
        ({"subject": "subject 1500"}, 1),
        (around, 1),
    )
    for wanted, count in table:
        with counted(database) as steps:
            found = log.entries(**wanted)  # type: ignore[arg-type]  # names of its own parameters
        assert (len(found), steps.count < 3000) == (count, True), wanted
