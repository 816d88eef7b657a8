"""Where the user's vertices go: in the template's pose, turned a little farther from the photo's."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from facemeld.fusion.alignment import similarity
from facemeld.fusion.expression import ExpressionBasis
from facemeld.fusion.mesh.atlas import Atlas
from facemeld.fusion.mesh.plan import MeshPlan
from facemeld.fusion.mesh.shape import Correction, fit, target_mesh
from facemeld.fusion.types import Face, FloatArray, FuseOptions


def placed(user: Face, template: Face, atlas: Atlas, correction: Correction | None = None) -> FloatArray:
    """The target mesh when everybody has the same expression."""
    calm = np.zeros(52, np.float32)
    fitting = fit(replace(user, blendshapes=calm), replace(template, blendshapes=calm), atlas)
    return target_mesh(fitting, FuseOptions(shape=0.0, features=0.0), atlas, ExpressionBasis.load(), correction)


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
def test_the_result_is_turned_away_from_the_photo(hopper_plan: MeshPlan, atlas: Atlas, degrees: tuple[float, float, float]) -> None:
    """A little, against the turn between both poses, and not at all by its roll; the face's middle stays."""
    face = hopper_plan.faces[0]
    alike, away = placed(face, face, atlas), placed(turned(face, degrees), face, atlas)
    found = turn_between(alike, away)
    for axis, share in enumerate((0.17, 0.085, 0.0)):
        assert found[axis] == pytest.approx(-share * degrees[axis], abs=0.5)
    assert np.linalg.norm(alike.mean(axis=0) - away.mean(axis=0)) < 0.02 * np.ptp(alike[:, 0])


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
