"""The automatic review: findings, failures and their texts."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from facemeld.boxes import Rect
from facemeld.materials.activities import LONGEST_TEXT, check_text
from facemeld.materials.service import REVIEW_TEXTS, ReviewLimits, assess, choices, describe, passes
from facemeld.materials.types import Material, MaterialFace, MaterialStatus, ReviewRefused, check_transition, decision
from facemeld.workers.tasks.importing import FaceQuality
from tests.tables import table

GOOD = FaceQuality(Rect(10, 10, 120, 140), yaw=5, pitch=-10, sharpness=0.15, brightness=120, outside=0)
LIMITS = ReviewLimits()


@table(
    ("change", "code", "fails"),
    [
        ({"box": Rect(0, 0, 63, 90)}, "face_small", False),
        ({"box": Rect(0, 0, 90, 33)}, "face_small", True),
        ({"yaw": -30.5}, "face_turned", False),
        ({"yaw": 60.5}, "face_turned", True),
        ({"pitch": 31.0}, "face_nodding", False),
        ({"pitch": -61.0}, "face_nodding", True),
        ({"sharpness": 0.019}, "face_blurred", False),
        ({"brightness": 34.0}, "face_dark", False),
        ({"brightness": 226.0}, "face_bright", False),
        ({"outside": 0.11}, "face_cut_off", False),
        ({"covered": 0.21}, "face_covered", False),
    ],
)
def test_each_fault_of_a_face_is_noticed(change: dict[str, Any], code: str, fails: bool) -> None:
    (finding,) = assess([replace(GOOD, **change)], LIMITS)
    assert (finding.code, finding.failure, finding.face) == (code, fails, 1)
    assert passes([finding]) is not fails
    # The same fault of a smaller face never makes the larger one unusable.
    (other,) = assess([GOOD, replace(GOOD, **change)], LIMITS)
    assert (other.code, other.failure, other.face) == (code, False, 2)


@table(
    "change",
    [
        {"box": Rect(0, 0, 64, 64)},
        {"yaw": 30.0},
        {"pitch": -30.0},
        {"sharpness": 0.02},
        {"brightness": 35.0},
        {"outside": 0.1},
        {"covered": 0.2},
    ],
)
def test_what_keeps_to_its_limit_is_not_noticed(change: dict[str, Any]) -> None:
    assert assess([replace(GOOD, **change)], LIMITS) == ()


def test_a_picture_without_a_face_fails_and_one_with_seven_is_warned_about() -> None:
    (none,) = assess([], LIMITS)
    assert (none.code, none.failure) == ("no_face", True)
    (many,) = assess([GOOD] * 7, LIMITS)
    assert (many.code, many.failure, many.value, many.limit) == ("many_faces", False, 7, 6)
    assert assess([GOOD] * 6, LIMITS) == ()


def test_findings_are_told_in_both_languages_failures_first() -> None:
    findings = assess([replace(GOOD, brightness=20, yaw=70)], LIMITS)
    assert describe(findings, "en-US") == "Face 1 is turned 70° to the side, expected at most 60°. Face 1 is very dark."
    assert describe(findings, "zh-CN") == "人脸1侧转70°，应不超过60°。人脸1过暗。"
    assert (describe((), "en-US"), describe((), "zh-CN")) == ("Review passed", "审核成功")


qualities = st.builds(
    FaceQuality,
    box=st.builds(Rect, st.just(0), st.just(0), st.integers(0, 4000), st.integers(0, 4000)),
    yaw=st.floats(-180, 180),
    pitch=st.floats(-90, 90),
    sharpness=st.floats(0, 20),
    brightness=st.floats(0, 255),
    outside=st.floats(0, 1),
    covered=st.floats(0, 1),
)


@given(st.lists(qualities, max_size=80), st.sampled_from(["zh-CN", "en-US"]))
def test_every_outcome_can_be_told_and_stored(faces: list[FaceQuality], language: str) -> None:
    findings = assess(faces, LIMITS)
    assert {finding.code for finding in findings} <= set(REVIEW_TEXTS)
    text = describe(findings, "en-US" if language == "en-US" else "zh-CN")
    check_text(text)
    assert 0 < len(text) <= LONGEST_TEXT


@table("faces", [True, False])
@table("status", MaterialStatus)
def test_people_are_offered_what_the_review_allows(status: MaterialStatus, faces: bool) -> None:
    """The choices offered are exactly the allowed transitions."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    shown = (MaterialFace(1, 1, Rect(0, 0, 50, 50)),) if faces else ()
    material = Material(1, 1, "a", status, "", 64, 64, "png", 1, "", None, None, shown, moment, moment, None)
    allowed = set()
    for choice, approve in (("approve", True), ("reject", False)):
        with suppress(ReviewRefused):
            decision(status, approve)
            allowed |= {choice} if faces or not approve else set()
    with suppress(ReviewRefused):
        check_transition(status, MaterialStatus.UNDER_APPEAL)
        allowed.add("appeal")
    assert choices(material) == allowed
