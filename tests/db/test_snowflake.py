"""Snowflake ids: their arithmetic, their order, their uniqueness over processes."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from facemeld.db.database import LARGEST, Database, first_of, moment_of
from tests.tables import table

# Specification 5.1: documented material ids and their creation times in China.
DOCUMENTED = [
    (1597542526641664000, datetime(2022, 11, 29, 18, 46, 33, 900_000)),
    (1600403157392855040, datetime(2022, 12, 7, 16, 13, 41, 400_000)),
    (1590531733435097088, datetime(2022, 11, 10, 10, 28, 10, 600_000)),
    (1603273612711829504, datetime(2022, 12, 15, 14, 19, 51, 300_000)),
]
TAKE = (
    "import sys; "
    "from facemeld.db.database import Database; d = Database(sys.argv[1]); print(*(d.next_snowflake() for _ in range(40))); d.close()"
)


@table(("snowflake", "china_time"), DOCUMENTED)
def test_documented_ids_give_their_documented_times(snowflake: int, china_time: datetime) -> None:
    expected = china_time.replace(tzinfo=timezone(timedelta(hours=8)))
    assert abs(moment_of(snowflake) - expected) < timedelta(milliseconds=100)


@given(st.datetimes(datetime(2011, 1, 1), datetime(2079, 1, 1), timezones=st.just(UTC)))
def test_an_id_keeps_its_moment_to_the_millisecond(moment: datetime) -> None:
    snowflake = first_of(moment)
    assert 0 < snowflake <= LARGEST
    assert timedelta(0) <= moment - moment_of(snowflake) < timedelta(milliseconds=1)
    assert moment_of(snowflake + 2**22 - 1) == moment_of(snowflake)


def test_ids_increase_while_the_clock_stands_still_or_goes_back(tmp_path: Path) -> None:
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    moments = [noon, noon, noon - timedelta(days=400), noon - timedelta(hours=1), noon + timedelta(milliseconds=1)]
    database = Database.at(tmp_path / "facemeld.db", clock=lambda: moments.pop(0))
    database.upgrade()
    ids = [database.next_snowflake() for _ in range(5)]
    database.close()
    assert ids == [first_of(noon), *(first_of(noon) + step for step in (1, 2, 3)), first_of(noon + timedelta(milliseconds=1))]
    assert all(len(str(number)) == 19 for number in ids)


def test_processes_never_take_the_same_id(database: Database, database_file: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", TAKE, f"sqlite:///{database_file}"]
    takers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    taken = [[int(word) for word in taker.communicate(timeout=60)[0].split()] for taker in takers]
    assert [taker.returncode for taker in takers] == [0] * 3
    assert all(ids == sorted(ids) and len(ids) == 40 for ids in taken)
    assert len({number for ids in taken for number in ids}) == 120
