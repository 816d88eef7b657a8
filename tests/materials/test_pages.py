"""Lists of a large catalogue: the cost of a page depends on its length, not on the catalogue's."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection

import pytest
from sqlalchemy import insert

from facemeld.db.database import Database
from facemeld.db.errors import utc_now
from facemeld.db.models import MaterialRow
from facemeld.materials.store import MaterialStore
from facemeld.materials.types import Activity, MaterialStatus
from tests.db.steps import counted

WAITING, FAILED, USABLE = MaterialStatus.UNDER_REVIEW, MaterialStatus.MACHINE_FAILED, MaterialStatus.MACHINE_PASSED
MANY = 4000
MOST = 100

Look = Callable[[MaterialStore, Activity], object]


@pytest.fixture
def catalogue(database: Database, activity: Activity) -> list[tuple[int, MaterialStatus]]:
    """Thousands of materials with their statuses, most of them usable, without deleted ones; in the order of their numbers."""
    rng, now = random.Random(5), utc_now()
    statuses = [rng.choices((USABLE, FAILED, WAITING), (90, 8, 2))[0] for _ in range(MANY)]
    common = {"activity_id": activity.number, "name": "x", "audit_result": "", "width": 1, "height": 1, "format": "png", "size": 1}
    rows = [
        {
            **common,
            "id": number,
            "status": status.value,
            "sha256": "0" * 64,
            "created_at": now,
            "updated_at": now,
            "deleted_at": now if number % 9 == 0 else None,
        }
        for number, status in enumerate(statuses, 1)
    ]
    with database.transaction() as session:
        session.execute(insert(MaterialRow), rows)
    return [(number, status) for number, status in enumerate(statuses, 1) if number % 9]


@pytest.mark.parametrize("newest", [False, True])
@pytest.mark.parametrize("statuses", [None, (WAITING,), (WAITING, FAILED), (USABLE, FAILED, WAITING), ()])
def test_pages_follow_one_another(
    materials: MaterialStore,
    activity: Activity,
    catalogue: list[tuple[int, MaterialStatus]],
    statuses: Collection[MaterialStatus] | None,
    newest: bool,
) -> None:
    """By cursor and by offset, with the exact total."""
    expected = [number for number, status in catalogue if statuses is None or status in statuses]
    expected = (expected[::-1] if newest else expected)[:130]
    found: list[int] = []
    after = None
    for _ in range(10):
        page = materials.materials(None, activity.id, status=statuses, newest=newest, after=after, limit=13)
        found += [one.number for one in page.items]
        after = page.next
        if after is None:
            break
    assert found == expected
    skipped = materials.materials(None, activity.id, status=statuses, newest=newest, offset=100, limit=13)
    assert [one.number for one in skipped.items] == expected[100:113]
    assert skipped.total == sum(statuses is None or status in statuses for _, status in catalogue)


def test_totals_are_counted_as_far_as_is_asked(materials: MaterialStore, activity: Activity, catalogue: list[object]) -> None:
    assert materials.materials(None, activity.id, limit=3, counted=MOST).total == MOST
    assert materials.materials(None, activity.id, limit=3, counted=MANY).total == len(catalogue)
    assert materials.count((USABLE, FAILED), most=MOST) == MOST
    assert materials.count((WAITING,), most=MANY) == materials.materials(None, None, status=WAITING).total
    assert materials.count((), most=MOST) == 0


PAGES: dict[str, Look] = {
    "newest": lambda store, activity: store.materials(None, activity.id, newest=True, counted=MOST),
    "by status": lambda store, activity: store.materials(None, activity.id, status=(FAILED, WAITING), newest=True, counted=MOST),
    "far behind": lambda store, activity: store.materials(None, activity.id, after=MANY // 2, counted=MOST),
    "review": lambda store, _: store.materials(None, None, status=(FAILED, WAITING), counted=MOST),
    "review, approved": lambda store, _: store.materials(None, None, status=(USABLE, FAILED), newest=True, counted=MOST),
    "count": lambda store, _: store.count((USABLE, WAITING), most=MOST),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_looks_at_what_it_shows(
    database: Database, materials: MaterialStore, activity: Activity, catalogue: list[object], name: str
) -> None:
    """Reading each of the thousands of rows would take more steps than there are rows."""
    with counted(database) as steps:
        PAGES[name](materials, activity)
    assert steps.count < MANY
