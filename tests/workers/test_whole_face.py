"""Faces that leave their picture, or the box that a caller gave for them."""

from __future__ import annotations

import numpy as np
import pytest

from facemeld.boxes import Rect
from facemeld.fusion.types import Face, Pose
from facemeld.workers.tasks.inputs import FaceOutsidePicture, LandmarksOutsideBox
from facemeld.workers.tasks.photos import check_whole
from tests.tables import table

PICTURE = Rect(0, 0, 1000, 1000)


def face(x: float, y: float, width: float = 200, height: float = 200) -> Face:
    """A face whose landmarks fill a box evenly, in a picture of 1000 x 1000 pixels."""
    columns, rows = np.meshgrid(np.linspace(x, x + width, 22), np.linspace(y, y + height, 22))
    landmarks = np.stack([columns.ravel(), rows.ravel(), np.zeros(22 * 22)], axis=1).astype(np.float32)[:478]
    box = Rect.around(landmarks).intersect(PICTURE)
    return Face(box, landmarks, np.zeros(52, np.float32), Pose(0, 0, 0), 1.0)


@table(("x", "fine"), [(400, True), (0, True), (-38, True), (-42, False), (-120, False), (838, True), (842, False)])
def test_a_fifth_of_a_face_may_be_cut_off(x: float, fine: bool) -> None:
    if fine:
        check_whole(face(x, 400), None)
    else:
        with pytest.raises(FaceOutsidePicture, match="at most 20% of the face may lie outside the picture"):
            check_whole(face(x, 400), None)


@table(
    ("rect", "fine"),
    [
        (Rect(400, 400, 200, 200), True),
        (Rect(300, 300, 400, 400), True),
        (Rect(400, 400, 110, 200), True),
        (Rect(400, 400, 90, 200), False),
        (Rect(480, 480, 40, 40), False),
    ],
)
def test_half_of_the_landmarks_lie_in_the_callers_box(rect: Rect, fine: bool) -> None:
    if fine:
        check_whole(face(400, 400), rect)
    else:
        with pytest.raises(LandmarksOutsideBox, match="at most 50% of the landmarks may lie outside the face's box"):
            check_whole(face(400, 400), rect)
