"""Activities: fields, ownership, paging."""

from __future__ import annotations

from typing import Any

import pytest

from facemeld.db.audit import AuditLog
from facemeld.db.database import Database, moment_of
from facemeld.materials.activities import ActivityStore
from facemeld.materials.types import Activity, ActivityNotFound, FieldInvalid
from tests.tables import table


def test_a_new_activity_can_be_found_by_its_owner_and_the_operator(
    activities: ActivityStore, account_id: int, stranger_id: int, activity: Activity
) -> None:
    assert activity.id == f"at_{activity.number}"
    assert (activity.published, activity.disabled, activity.shape_degree, activity.feature_degree) == (True, False, 30, 70)
    assert activity.created_at == activity.updated_at == moment_of(activity.number)
    assert activities.get(account_id, activity.id) == activities.get(None, activity.id) == activity
    with pytest.raises(ActivityNotFound):
        activities.get(stranger_id, activity.id)


@table("text", ["", "at_1", "300314", "mt_1", "at_1603326187690926080", "at_" + "9" * 19, "../x", "\udcff"])
def test_an_unknown_activity_is_not_found(activities: ActivityStore, account_id: int, activity: Activity, text: str) -> None:
    with pytest.raises(ActivityNotFound):
        activities.get(account_id, text)


@table(
    "fields",
    [
        {"name": ""},
        {"name": "x" * 33},
        {"name": " x"},
        {"name": "a\nb"},
        {"name": "\ud800"},
        {"shape_degree": -1},
        {"shape_degree": 101},
        {"feature_degree": 101},
        {"description": "x" * 1001},
        {"description": "\0"},
        {"description": "\udfff"},
        {"rate": "20"},
        {"rate": "0/second"},
        {"rate": "-1/second"},
        {"rate": "1000000/second"},
        {"rate": "20/minute"},
        {"rate": "20/second\n"},
    ],
    ids=repr,
)
def test_a_field_outside_its_range_is_refused(
    activities: ActivityStore, account_id: int, activity: Activity, fields: dict[str, Any]
) -> None:
    with pytest.raises(FieldInvalid, match="got"):
        activities.create(account_id, **{"name": "fine", "actor": "test", **fields})
    with pytest.raises(FieldInvalid, match="got"):
        activities.change(account_id, activity.id, **{"actor": "test", **fields})
    assert activities.get(account_id, activity.id) == activity


def test_a_change_touches_only_what_is_given(activities: ActivityStore, database: Database, account_id: int, activity: Activity) -> None:
    changed = activities.change(account_id, activity.id, actor="ann", name="活动", disabled=True, shape_degree=0)
    assert (changed.name, changed.disabled, changed.shape_degree) == ("活动", True, 0)
    assert (changed.description, changed.published, changed.feature_degree) == ("", True, 70)
    assert activities.get(account_id, activity.id) == changed
    newest = AuditLog(database).entries(limit=1)[0]
    assert (newest.actor, newest.act, newest.subject) == ("ann", "activity.change", activity.id)
    assert newest.detail == {"name": "活动", "disabled": True, "shape_degree": 0}


def test_a_stranger_changes_nothing(activities: ActivityStore, account_id: int, stranger_id: int, activity: Activity) -> None:
    with pytest.raises(ActivityNotFound):
        activities.change(stranger_id, activity.id, actor="stranger", name="mine")
    assert activities.get(account_id, activity.id) == activity


def test_lists_show_each_activity_once_by_offset_and_by_cursor(activities: ActivityStore, account_id: int, stranger_id: int) -> None:
    created = [activities.create(account_id, f"a{number}", actor="test") for number in range(7)]
    foreign = activities.create(stranger_id, "foreign", actor="test")
    by_offset = [activities.activities(account_id, limit=3, offset=offset) for offset in (0, 3, 6, 9)]
    assert [item for page in by_offset for item in page.items] == created
    assert {page.total for page in by_offset} == {7}
    found: list[Activity] = []
    after = None
    while True:
        page = activities.activities(account_id, limit=3, after=after)
        found += page.items
        if (after := page.next) is None:
            break
    assert found == created
    assert activities.activities(None).items == (*created, foreign)


def test_consent_and_a_rate_can_be_set_and_taken_back(activities: ActivityStore, account_id: int, activity: Activity) -> None:
    assert (activity.consent_required, activity.rate) == (False, "")
    changed = activities.change(account_id, activity.id, actor="test", consent_required=True, rate="20/second")
    assert (changed.consent_required, changed.rate) == (True, "20/second")
    assert activities.change(account_id, activity.id, actor="test", name="new").rate == "20/second"
    back = activities.change(account_id, activity.id, actor="test", consent_required=False, rate="")
    assert (back.consent_required, back.rate) == (False, "")
    made = activities.create(account_id, "strict", actor="test", consent_required=True, rate="1/second")
    assert activities.get(account_id, made.id) == made
    assert (made.consent_required, made.rate) == (True, "1/second")


def test_activities_are_searched_by_name_id_and_state(activities: ActivityStore, account_id: int, activity: Activity) -> None:
    spring = activities.create(account_id, "Spring 100%", actor="test", published=False)
    autumn = activities.create(account_id, "autumn_2026", actor="test")
    activities.change(account_id, autumn.id, actor="test", disabled=True)

    def found(**wishes: Any) -> list[str]:
        return [one.name for one in activities.activities(None, **wishes).items]

    assert found() == ["portraits", "Spring 100%", "autumn_2026"]
    assert found(newest=True) == ["autumn_2026", "Spring 100%", "portraits"]
    assert found(search="sPRING") == found(search="100%") == found(search=spring.id) == ["Spring 100%"]
    assert found(search="%") == ["Spring 100%"]
    assert found(search="_") == ["autumn_2026"]
    assert found(search="at_1") == found(search="\\") == []
    assert found(state="published") == ["portraits"]
    assert found(state="unpublished") == ["Spring 100%"]
    assert found(state="disabled") == ["autumn_2026"]
    assert activities.activities(None, search="r", limit=1).total == 2


def test_the_newest_come_first_page_by_page(activities: ActivityStore, account_id: int) -> None:
    names = [activities.create(account_id, f"a{number}", actor="test").name for number in range(5)]
    found, after = [], None
    while True:
        page = activities.activities(account_id, limit=2, after=after, newest=True)
        found += [one.name for one in page.items]
        after = page.next
        if after is None:
            break
    assert found == names[::-1]
