"""A fusion in small tells what the result will lack in pose and expression."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from bench.quality.faces import pose_errors
from hypothesis import given
from hypothesis import strategies as st

from facemeld.fusion.compose import lacking, rehearse
from facemeld.fusion.finding.networks import LANDMARKER_SIDE
from facemeld.fusion.likeness import read_likeness
from facemeld.fusion.mesh import MeshEngine
from facemeld.fusion.plan import MeshPlan, Miniature
from facemeld.fusion.shape.atlas import Atlas
from facemeld.fusion.types import Assignment, FloatArray, FuseOptions, Picture

SMALL = st.floats(-6.0, 6.0)


def spun(points: FloatArray, degrees: tuple[float, float, float]) -> FloatArray:
    """Points turned about their middle, about the axes of the picture."""
    rotation, _ = cv2.Rodrigues(np.radians(degrees))
    middle = points.mean(axis=0)
    return np.asarray((points - middle) @ rotation.T + middle, np.float32)


def test_a_miniature_is_level_and_maps_back(hopper_plan: MeshPlan) -> None:
    detail, small = hopper_plan.details[0], hopper_plan.views[0].miniature
    assert small.picture.shape == (LANDMARKER_SIDE, LANDMARKER_SIDE, 3)
    right, left = small.landmarks[33], small.landmarks[263]
    assert abs(right[1] - left[1]) < 0.02 * abs(left[0] - right[0])
    assert 0 < small.landmarks[:, :2].min() < small.landmarks[:, :2].max() < LANDMARKER_SIDE
    back = small.landmarks[:, :2] @ small.to_crop[:, :2].T + small.to_crop[:, 2]
    np.testing.assert_allclose(back, detail.landmarks[:, :2], atol=0.02)


def test_a_loaded_plan_has_the_same_miniature(engine: MeshEngine, hopper_plan: MeshPlan) -> None:
    again = engine.load_plan(hopper_plan.to_bytes()).views[0].miniature
    small = hopper_plan.views[0].miniature
    for name in ("picture", "matte", "landmarks", "to_crop"):
        np.testing.assert_array_equal(getattr(again, name), getattr(small, name))


def test_a_face_rehearsed_on_itself_is_its_miniature(engine: MeshEngine, hopper_plan: MeshPlan, atlas: Atlas) -> None:
    detail, face = hopper_plan.details[0], hopper_plan.faces[0]
    likeness = read_likeness(hopper_plan.picture, face, detail, atlas)
    small = hopper_plan.views[0].miniature
    picture = rehearse(likeness, small, detail.landmarks[:468], atlas)
    assert picture is not None
    assert np.abs(picture.astype(int) - small.picture.astype(int)).mean() < 2.0


def test_a_face_outside_cannot_be_rehearsed(hopper_plan: MeshPlan, atlas: Atlas) -> None:
    detail, face = hopper_plan.details[0], hopper_plan.faces[0]
    likeness = read_likeness(hopper_plan.picture, face, detail, atlas)
    assert rehearse(likeness, hopper_plan.views[0].miniature, detail.landmarks[:468] + np.float32(1e5), atlas) is None


@given(degrees=st.tuples(SMALL, SMALL, SMALL), roll=st.floats(-180.0, 180.0))
def test_what_is_seen_turned_is_turned_back(hopper_plan: MeshPlan, atlas: Atlas, degrees: tuple[float, float, float], roll: float) -> None:
    """In the axes of the crop, however the face is tilted in it."""
    detail, face = hopper_plan.details[0], hopper_plan.faces[0]
    cosine, sine = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    landmarks = detail.landmarks.copy()
    landmarks[:, :2] = landmarks[:, :2] @ np.array([[cosine, sine], [-sine, cosine]], np.float32)
    blank = np.zeros((8, 8, 3), np.uint8)
    small = Miniature.of(blank, blank[..., 0], landmarks)
    seen = small.inwards(spun(landmarks, degrees))
    turn = np.degrees(lacking(seen, face.blendshapes, small, face, atlas, 1.0).turn)
    size = np.radians(np.linalg.norm(degrees))
    limited = np.asarray(degrees) * 0.16 * np.tanh(size / 0.16) / (size + 1e-9)
    np.testing.assert_allclose(turn, -limited, atol=0.1)


def test_nothing_lacks_where_the_template_is_seen(hopper_plan: MeshPlan, atlas: Atlas) -> None:
    small, face = hopper_plan.views[0].miniature, hopper_plan.faces[0]
    correction = lacking(small.landmarks, face.blendshapes, small, face, atlas, 1.0)
    assert np.abs(correction.turn).max() < 1e-6
    assert not correction.scores.any()
    smiling = replace(face, blendshapes=np.ones(52, np.float32))
    half = lacking(small.landmarks, np.zeros(52, np.float32), small, smiling, atlas, 0.5)
    assert half.scores == pytest.approx(0.25)


def test_the_result_is_seen_in_the_template_s_pose(
    engine: MeshEngine, hopper_plan: MeshPlan, collins: Assignment, hopper: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is small, and a good part of it goes where the face is rehearsed; near poses are fused as they are."""
    other_way = engine.plan(collins.picture, [collins.face]), Assignment(0, hopper, hopper_plan.faces[0])

    def error(plan: MeshPlan, user: Assignment) -> float:
        result = engine.fuse(plan, [user], FuseOptions(0.0, 0.0))
        found = max(engine.analyse(result), key=lambda face: face.box.intersect(plan.faces[0].box).area)
        return pose_errors(found.pose, plan.faces[0].pose)["pose"]

    errors = []
    for plan, user in ((hopper_plan, collins), other_way):
        unrehearsed = error(plan, user)
        with monkeypatch.context() as patch:
            patch.setattr("facemeld.fusion.shape.fitting._NEAR", 0.0)
            rehearsed = error(plan, user)
        assert rehearsed < unrehearsed < 5.0
        errors.append((unrehearsed, rehearsed))
    before, after = np.mean(errors, axis=0)
    assert after < 2.0
    assert after < 0.75 * before


def test_near_poses_are_not_rehearsed(
    engine: MeshEngine, hopper_plan: MeshPlan, collins: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []

    def counted(*arguments: object) -> None:
        calls.append(arguments)

    monkeypatch.setattr("facemeld.fusion.mesh.rehearse", counted)
    pose = collins.face.pose
    for pitch, count in ((pose.pitch, 0), (pose.pitch + 30.0, 1)):
        user = replace(collins, face=replace(collins.face, pose=replace(pose, pitch=pitch)))
        engine.fuse(hopper_plan, [user], FuseOptions(0.0, 0.0))
        assert len(calls) == count
