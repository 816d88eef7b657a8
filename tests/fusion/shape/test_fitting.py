"""Where the user's vertices go: in the template's pose, whatever the photo's did to their reading."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from facemeld.fusion.plan import MeshPlan
from facemeld.fusion.shape import topology
from facemeld.fusion.shape.atlas import Atlas
from facemeld.fusion.shape.fitting import Correction, fit, outline_weight, placement, target_mesh
from facemeld.fusion.shape.pose import ExpressionBasis, similarity
from facemeld.fusion.types import Assignment, Face, FloatArray, FuseOptions, Pose

BASIS = ExpressionBasis.load()


def placed(user: Face, template: Face, atlas: Atlas, correction: Correction | None = None) -> FloatArray:
    """The target mesh when user and template have the same expression."""
    calm = np.zeros(52, np.float32)
    fitting = fit(replace(user, blendshapes=calm), replace(template, blendshapes=calm), atlas, BASIS)
    return target_mesh(fitting, FuseOptions(shape=0.0, features=0.0), atlas, BASIS, correction)


def turned(face: Face, degrees: tuple[float, float, float]) -> Face:
    """The same head in another pose: turned about the axes of the picture."""
    rotation, _ = cv2.Rodrigues(np.radians(degrees))
    middle = face.landmarks.mean(axis=0)
    return replace(face, landmarks=np.asarray((face.landmarks - middle) @ rotation.T + middle, np.float32))


def turn_between(first: FloatArray, second: FloatArray) -> NDArray[np.float64]:
    """Degrees about x, y and z by which the second mesh is turned."""
    between, _ = cv2.Rodrigues(similarity(first, second).rotation)
    return np.degrees(between[:, 0])


@pytest.mark.parametrize("degrees", [(20.0, 0.0, 0.0), (-12.0, 0.0, 0.0), (0.0, 25.0, 0.0), (0.0, -10.0, 0.0), (0.0, 0.0, 90.0)])
def test_turning_the_photo_does_not_turn_the_result(hopper_plan: MeshPlan, atlas: Atlas, degrees: tuple[float, float, float]) -> None:
    face = hopper_plan.faces[0]
    alike, away = placed(face, face, atlas), placed(turned(face, degrees), face, atlas)
    assert np.abs(alike - away).max() < 1e-3 * np.ptp(alike[:, 0])


@pytest.mark.parametrize("pose", [Pose(0.0, 25.0, 0.0), Pose(0.0, -25.0, 0.0), Pose(-11.0, 10.0, 20.0), Pose(40.0, 5.0, 0.0)])
def test_what_a_pose_does_to_the_reading_is_taken_back(hopper_plan: MeshPlan, atlas: Atlas, pose: Pose) -> None:
    """A face whose landmarks drifted with its pose comes out as if it had been seen in the template's."""
    face = hopper_plan.faces[0]
    place = placement(face.mesh, atlas)
    own = place.inverse().apply(face.mesh)
    own = (own + own[atlas.twins] * [-1, 1, 1]) / 2  # so that the far half can be told from the near one
    straight, read = (place.apply(own + BASIS.drift_at(seen) - BASIS.drift_at(face.pose)) for seen in (face.pose, pose))
    wanted = placed(with_mesh(face, straight, face.pose), face, atlas)
    drifted = with_mesh(face, read, pose)
    found = placed(turned(drifted, (pose.pitch, -pose.yaw, 0.0)), face, atlas)
    blind = placed(replace(turned(drifted, (pose.pitch, -pose.yaw, 0.0)), pose=face.pose), face, atlas)
    inner = outline_weight(atlas) < 0.1
    # How the head is held is another matter: only the shape counts.
    held = (similarity(mesh[inner], wanted[inner]).apply(mesh[inner]) for mesh in (found, blind))
    error, left = (float(np.linalg.norm(mesh - wanted[inner], axis=1).mean()) for mesh in held)
    assert error < 0.2 * left


def with_mesh(face: Face, mesh: NDArray[np.float64], pose: Pose) -> Face:
    """A face with other vertices, said to be in a pose."""
    landmarks = face.landmarks.copy()
    landmarks[: len(mesh)] = mesh
    return replace(face, landmarks=landmarks, pose=pose)


def test_an_equal_pose_is_left_alone(hopper_plan: MeshPlan, atlas: Atlas) -> None:
    face = hopper_plan.faces[0]
    mesh = placed(face, face, atlas)
    assert np.abs(mesh[:, :2] - face.mesh[:, :2]).max() < 0.02 * np.ptp(face.mesh[:, 0])


@pytest.mark.parametrize("degrees", [(4.0, 0.0, 0.0), (0.0, -5.0, 0.0), (1.0, 2.0, -3.0)])
def test_a_correction_turns_the_face_about_its_middle(hopper_plan: MeshPlan, atlas: Atlas, degrees: tuple[float, float, float]) -> None:
    face = hopper_plan.faces[0]
    plain = placed(face, face, atlas)
    corrected = placed(face, face, atlas, Correction(np.radians(degrees), np.zeros(52, np.float32)))
    assert turn_between(plain, corrected) == pytest.approx(degrees, abs=0.6)
    assert np.linalg.norm(plain.mean(axis=0) - corrected.mean(axis=0)) < 0.02 * np.ptp(plain[:, 0])


def test_a_correction_moves_the_expression(hopper_plan: MeshPlan, atlas: Atlas) -> None:
    """Scores that are added open the jaw as far as the basis says."""
    face, jaw = hopper_plan.faces[0], np.zeros(52, np.float32)
    jaw[25] = 0.4
    moved = placed(face, face, atlas, Correction(np.zeros(3), jaw)) - placed(face, face, atlas)
    chin, brow = np.linalg.norm(moved[152]), np.linalg.norm(moved[9])
    assert chin > 3 * brow
    assert chin > 0.01 * np.ptp(face.mesh[:, 1])


def test_lips_that_stay_the_template_s_stay_where_they_are(hopper_plan: MeshPlan, collins: Assignment, atlas: Atlas) -> None:
    template = hopper_plan.faces[0]
    fitting = fit(collins.face, template, atlas, BASIS)
    own, kept = (target_mesh(fitting, FuseOptions(0.0, 0.0), atlas, BASIS, lips=lips) for lips in (0.0, 1.0))
    off = np.linalg.norm(kept - template.mesh, axis=1) / np.ptp(template.mesh[:, 0])
    assert off[topology.LIPS_INNER].max() < 0.003 < np.linalg.norm(own - template.mesh, axis=1)[topology.LIPS_INNER].max()
    eyes = np.concatenate([topology.RIGHT_EYE, topology.LEFT_EYE])
    np.testing.assert_array_equal(own[eyes], kept[eyes])
