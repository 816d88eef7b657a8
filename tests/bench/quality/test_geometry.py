"""Pose, expression and contour errors on turned and bent faces."""

from dataclasses import replace

import numpy as np
import pytest
from bench.quality.faces import contour_distance, face_values, pose_errors
from bench.quality.regions import OUTLINE, face_width
from hypothesis import given
from hypothesis import strategies as st

from facemeld.fusion.shape.pose import pose_of_rotation, rotation_of_pose
from facemeld.fusion.shape.topology import oval, read_bundle
from facemeld.fusion.types import Pose

angles = st.builds(Pose, st.floats(-80, 80), st.floats(-60, 60), st.floats(-180, 180))


@pytest.fixture(scope="module")
def mesh(bundle_path):
    """The canonical face as landmarks in a picture of about 600 pixels; float32 (478, 3)."""
    vertices = read_bundle(bundle_path).mesh.vertices
    points = np.zeros((478, 3), np.float32)
    points[:468] = vertices * 12 + [300, 300, 0]
    return points


def test_the_outline_is_the_border_of_the_mesh(bundle_path):
    border = oval(read_bundle(bundle_path).mesh)
    assert set(border.tolist()) == set(OUTLINE.tolist())


@given(angles)
def test_a_pose_has_no_distance_to_itself(pose):
    assert pose_errors(pose, pose)["pose"] == pytest.approx(0, abs=1e-5)


@given(angles, angles)
def test_distance_is_symmetric_and_bounded(first, second):
    assert pose_errors(first, second)["pose"] == pytest.approx(pose_errors(second, first)["pose"], abs=1e-9)
    assert 0 <= pose_errors(first, second)["pose"] <= 180


@given(angles, st.floats(0.1, 170), st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(0.2, 1)))
def test_a_turn_about_any_axis_is_measured_as_its_angle(pose, degrees, axis):
    x, y, z = np.array(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    radians = np.radians(degrees)
    turn = np.eye(3) + np.sin(radians) * cross + (1 - np.cos(radians)) * cross @ cross
    turned = pose_of_rotation(turn @ rotation_of_pose(pose))
    assert pose_errors(turned, pose)["pose"] == pytest.approx(degrees, abs=1e-4)


@pytest.mark.parametrize(
    ("turned", "expected"),
    [
        (Pose(10, 0, 0), (10, 10, 0, 0)),
        (Pose(0, -7, 0), (7, 0, 7, 0)),
        (Pose(0, 0, 179), (179, 0, 0, 179)),
        (Pose(0, 0, -181), (179, 0, 0, 179)),
    ],
)
def test_errors_of_single_axes(turned, expected):
    errors = pose_errors(turned, Pose(0, 0, 0))
    assert tuple(errors[name] for name in ("pose", "pose_yaw", "pose_pitch", "pose_roll")) == pytest.approx(expected, abs=1e-6)


def test_expression_errors_are_sum_and_mean_of_the_differences(hopper_portrait):
    first = hopper_portrait.face
    scores = first.blendshapes.copy()
    scores[[3, 7]] += np.float32([0.25, -0.5])
    same, other = face_values(first, first), face_values(replace(first, blendshapes=scores), first)
    assert (same["expression"], same["expression_mean"]) == (0, 0)
    assert (other["expression"], other["expression_mean"]) == pytest.approx((0.75, 0.75 / 52), rel=1e-5)


@given(st.builds(Pose, st.floats(-25, 25), st.floats(-20, 20), st.floats(-180, 180)), st.floats(0.2, 5))
def test_contour_distance_does_not_depend_on_pose_and_size(mesh, pose, scale):
    moved = (mesh @ rotation_of_pose(pose).T.astype(np.float32)) * np.float32(scale) + np.float32(40)
    assert contour_distance(moved, mesh) == pytest.approx(0, abs=1e-4)


def test_contour_distance_grows_with_a_wider_jaw(mesh):
    distances = []
    for widening in (0.0, 0.05, 0.1, 0.2):
        wider = mesh.copy()
        jaw = OUTLINE[10:27]
        wider[jaw, 0] += np.float32(widening) * (wider[jaw, 0] - wider[OUTLINE, 0].mean())
        distances.append(contour_distance(wider, mesh))
    assert distances[0] == pytest.approx(0, abs=1e-6)
    assert distances == sorted(distances)
    assert distances[-1] > 0.02


def test_face_width_hardly_shrinks_with_yaw(mesh):
    turned = mesh @ rotation_of_pose(Pose(45, 0, 0)).T.astype(np.float32)
    assert face_width(turned) == pytest.approx(face_width(mesh), rel=0.15)
    assert face_width(mesh) == pytest.approx(float(np.ptp(mesh[:468, 0])), rel=0.15)
