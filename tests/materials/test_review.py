"""The review: the table of transitions, and the effects of a reviewer's decision."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facemeld.boxes import Rect
from facemeld.db.audit import AuditLog
from facemeld.db.database import Database
from facemeld.materials.store import MaterialStore
from facemeld.materials.types import (
    TRANSITIONS,
    Activity,
    MaterialNotApproved,
    MaterialStatus,
    NewMaterial,
    ReviewRefused,
    check_transition,
    decision,
)
from tests.tables import table

PICTURE_STATUSES = [status for status in MaterialStatus if status < MaterialStatus.VIDEO_READY]
VIDEO_STATUSES = [status for status in MaterialStatus if status >= MaterialStatus.VIDEO_READY]
USABLE = {MaterialStatus.MANUAL_PASSED, MaterialStatus.APPEAL_PASSED, MaterialStatus.MACHINE_PASSED}


def new(status: MaterialStatus = MaterialStatus.UNDER_REVIEW) -> NewMaterial:
    return NewMaterial("a.png", b"picture", b"plan", "png", 64, 64, [Rect(1, 2, 34, 35)], status)


def test_exactly_the_three_passed_statuses_may_be_fused() -> None:
    assert {status for status in MaterialStatus if status.usable} == USABLE


# Every pair of statuses is either in this list or refused.
ALLOWED = {(0, 1), (0, 2), (0, 21), (0, 22), (21, 1), (21, 2), (22, 1), (22, 2), (22, 3), (1, 2), (2, 3), (3, 11), (3, 12), (11, 12)}


@table("wanted", list(MaterialStatus), ids=lambda status: f"to{status.value}")
@table("current", list(MaterialStatus), ids=lambda status: f"from{status.value}")
def test_a_step_is_allowed_exactly_when_it_is_listed(current: MaterialStatus, wanted: MaterialStatus) -> None:
    if (current, wanted) in ALLOWED:
        check_transition(current, wanted)
    else:
        with pytest.raises(ReviewRefused, match=f"got {wanted.value} "):
            check_transition(current, wanted)


@given(st.data())
def test_no_path_through_the_table_appeals_twice_or_goes_on_for_ever(data: st.DataObject) -> None:
    path = [MaterialStatus.UNDER_REVIEW]
    while following := TRANSITIONS.get(path[-1]):
        path.append(data.draw(st.sampled_from(sorted(following))))
        assert len(path) <= len(PICTURE_STATUSES)
    assert path.count(MaterialStatus.UNDER_APPEAL) <= 1
    assert not path[-1].usable


@table(
    ("current", "approved", "rejected"),
    [(0, 1, 2), (21, 1, 2), (22, 1, 2), (3, 11, 12), (1, None, 2), (11, None, 12), (2, None, None), (12, None, None), (31, None, None)],
)
def test_a_decision_leads_to_the_status_of_its_stage(current: int, approved: int | None, rejected: int | None) -> None:
    for approve, expected in ((True, approved), (False, rejected)):
        if expected is None:
            with pytest.raises(ReviewRefused):
                decision(MaterialStatus(current), approve)
        else:
            assert decision(MaterialStatus(current), approve) == expected


def test_each_step_is_stored_and_logged_with_its_reason(
    materials: MaterialStore, database: Database, account_id: int, activity: Activity
) -> None:
    material = materials.add(account_id, activity.id, new(MaterialStatus.MACHINE_FAILED), actor="system")
    materials.set_status(account_id, material.id, MaterialStatus.UNDER_APPEAL, reason="it is me", actor="account:acme")
    moved = materials.decide(None, material.id, approve=True, reason="审核成功", actor="reviewer:ann")
    assert (moved.status, moved.audit_result) == (MaterialStatus.APPEAL_PASSED, "审核成功")
    assert materials.get(account_id, material.id) == moved
    trail = [(entry.actor, entry.detail) for entry in AuditLog(database).entries(subject=material.id) if entry.act == "material.review"]
    assert trail == [
        ("reviewer:ann", {"from": 3, "to": 11, "reason": "审核成功"}),
        ("account:acme", {"from": 22, "to": 3, "reason": "it is me"}),
    ]


def test_a_refused_step_changes_and_logs_nothing(materials: MaterialStore, database: Database, account_id: int, activity: Activity) -> None:
    material = materials.add(account_id, activity.id, new(), actor="test")
    with pytest.raises(ReviewRefused):
        materials.set_status(account_id, material.id, MaterialStatus.UNDER_APPEAL, reason="please", actor="test")
    assert materials.get(account_id, material.id) == material
    assert [entry.act for entry in AuditLog(database).entries(subject=material.id)] == ["material.add"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(PICTURE_STATUSES), max_size=6))
def test_a_material_is_fusable_exactly_while_its_status_is_usable(
    materials: MaterialStore, account_id: int, activity: Activity, steps: list[MaterialStatus]
) -> None:
    material = materials.add(account_id, activity.id, new(), actor="test")
    current = material.status
    for step in steps:
        try:
            current = materials.set_status(account_id, material.id, step, reason="", actor="test").status
        except ReviewRefused:
            assert step not in TRANSITIONS.get(current, ())
        if current in USABLE:
            assert materials.for_fusion(account_id, activity.id, material.id).status == current
        else:
            with pytest.raises(MaterialNotApproved):
                materials.for_fusion(account_id, activity.id, material.id)
