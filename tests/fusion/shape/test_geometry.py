"""Similarities, poses and index groups: what goes in comes out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from facemeld.fusion.shape import topology
from facemeld.fusion.shape.pose import Similarity, head_pose, pose_of_rotation, rotation_of_pose, similarity
from facemeld.fusion.shape.topology import CanonicalMesh
from facemeld.fusion.types import LANDMARK_COUNT, MESH_VERTICES, Pose

POSES = st.builds(Pose, yaw=st.floats(-85, 85), pitch=st.floats(-80, 80), roll=st.floats(-179, 179))
SCALES = st.floats(0.01, 100)
SHIFTS = st.tuples(*[st.floats(-5000, 5000)] * 3).map(np.array)


def cloud(seed: int, count: int = 40) -> NDArray[np.float64]:
    """Points that span all directions."""
    return np.random.default_rng(seed).normal(size=(count, 3))


def apart(one: float, other: float) -> float:
    """Difference of two angles in degrees."""
    return abs((one - other + 180) % 360 - 180)


@given(POSES, SCALES, SHIFTS, st.integers(0, 9))
def test_a_similarity_is_recovered(pose: Pose, scale: float, shift: NDArray[np.float64], seed: int) -> None:
    true = Similarity(rotation_of_pose(pose), scale, shift)
    points = cloud(seed)
    found = similarity(points, true.apply(points))
    assert found.scale == pytest.approx(scale, rel=1e-6)
    np.testing.assert_allclose(found.rotation, true.rotation, atol=1e-6)
    np.testing.assert_allclose(found.apply(points), true.apply(points), atol=1e-6 * (scale + np.abs(shift).max() + 1))


@given(POSES, SCALES, SHIFTS, st.integers(0, 9))
def test_inverse_undoes_and_turn_moves_differences(pose: Pose, scale: float, shift: NDArray[np.float64], seed: int) -> None:
    true = Similarity(rotation_of_pose(pose), scale, shift)
    points = cloud(seed)
    np.testing.assert_allclose(true.inverse().apply(true.apply(points)), points, atol=1e-6 * (1 + np.abs(shift).max() / scale))
    np.testing.assert_allclose(
        true.apply(points[1:]) - true.apply(points[:-1]), true.turn(points[1:] - points[:-1]), atol=1e-7 * (scale + 1e4)
    )


@given(st.integers(0, 99))
def test_points_without_weight_do_not_count(seed: int) -> None:
    source, target = cloud(seed), cloud(seed)
    target[20:] += 50.0
    weights = np.repeat([1.0, 0.0], 20)
    np.testing.assert_allclose(similarity(source, target, weights).apply(source[:20]), target[:20], atol=1e-9)


@given(st.integers(0, 99))
def test_a_mirrored_target_still_gives_a_proper_rotation(seed: int) -> None:
    source = cloud(seed)
    assert np.linalg.det(similarity(source, source * [-1, 1, 1]).rotation) == pytest.approx(1.0)


@given(st.integers(0, 99))
def test_no_other_similarity_fits_better(seed: int) -> None:
    rng = np.random.default_rng(seed)
    source, target, weights = cloud(seed), cloud(seed + 100), rng.random(40)
    best = similarity(source, target, weights)

    def misfit(candidate: Similarity) -> float:
        return float(weights @ ((candidate.apply(source) - target) ** 2).sum(axis=1))

    nudge = rotation_of_pose(Pose(*rng.normal(scale=2.0, size=3)))
    for other in (
        Similarity(nudge @ best.rotation, best.scale, best.translation),
        Similarity(best.rotation, best.scale * 1.02, best.translation),
        Similarity(best.rotation, best.scale, best.translation + rng.normal(scale=0.05, size=3)),
    ):
        assert misfit(other) >= misfit(best)


@pytest.mark.parametrize(
    ("source", "target", "weights", "message"),
    [
        (np.zeros((5, 2)), np.zeros((5, 2)), None, "must both be"),
        (cloud(0, 5), cloud(0, 6), None, "must both be"),
        (cloud(0, 5), cloud(0, 5), np.array([1, 1, 0, 0, 0]), "at least 3"),
        (cloud(0, 5), cloud(0, 5), np.array([1, 1, 1, 1, -1]), "not negative"),
        (np.ones((5, 3)), cloud(0, 5), None, "fall together"),
    ],
)
def test_what_has_no_similarity_is_refused(
    source: NDArray[np.float64], target: NDArray[np.float64], weights: NDArray[np.float64] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        similarity(source, target, weights)


@given(POSES)
def test_angles_and_rotations_are_one_thing(pose: Pose) -> None:
    found = pose_of_rotation(rotation_of_pose(pose))
    assert max(apart(found.yaw, pose.yaw), apart(found.pitch, pose.pitch), apart(found.roll, pose.roll)) < 1e-6


@given(POSES, st.floats(0.5, 200), SHIFTS, st.integers(0, 9))
def test_the_pose_of_a_turned_face_is_recovered(
    canonical: CanonicalMesh, pose: Pose, scale: float, shift: NDArray[np.float64], seed: int
) -> None:
    # A twentieth of a centimetre of noise is what the landmark network makes of a sharp face.
    noise = np.random.default_rng(seed).normal(scale=0.05, size=(MESH_VERTICES, 3))
    placed = Similarity(rotation_of_pose(pose), scale, shift).apply(canonical.vertices)
    exact, noisy = head_pose(placed, canonical), head_pose(placed + scale * noise, canonical)
    for name in ("yaw", "pitch", "roll"):
        assert apart(getattr(exact, name), getattr(pose, name)) < 0.01
    tolerance = 1.5 / np.cos(np.deg2rad(pose.pitch))  # near the pole yaw and roll turn about the same axis
    assert apart(noisy.pitch, pose.pitch) < 1.5
    assert max(apart(noisy.yaw, pose.yaw), apart(noisy.roll, pose.roll)) < tolerance


def test_signs_are_as_documented(canonical: CanonicalMesh) -> None:
    nose, chin = canonical.vertices[4], canonical.vertices[topology.CHIN]
    assert (rotation_of_pose(Pose(30, 0, 0)) @ nose)[0] > nose[0]  # to the picture's right
    assert (rotation_of_pose(Pose(0, 30, 0)) @ nose)[1] > nose[1]  # down
    assert (rotation_of_pose(Pose(0, 0, 30)) @ chin)[0] < chin[0]  # clockwise: the chin goes left


def test_the_canonical_face_looks_at_the_camera(canonical: CanonicalMesh) -> None:
    vertices = canonical.vertices
    assert vertices.shape == (MESH_VERTICES, 3)
    assert canonical.triangles.shape == (898, 3)
    assert vertices[topology.CHIN, 1] > vertices[topology.FOREHEAD_TOP, 1]
    assert vertices[4, 2] < vertices[topology.LEFT_CHEEK, 2]
    assert vertices[topology.RIGHT_EYE_CORNER, 0] < vertices[topology.LEFT_EYE_CORNER, 0]
    assert canonical.uv.min() >= 0
    assert canonical.uv.max() <= 1
    assert canonical.rigid_weights.sum() == pytest.approx(1.0)
    assert 20 < np.count_nonzero(canonical.rigid_weights) < 60


def test_the_outline_is_the_border_of_the_mesh(canonical: CanonicalMesh) -> None:
    outline = topology.oval(canonical)
    assert len(outline) == len(set(outline.tolist())) == 36
    assert {topology.FOREHEAD_TOP, topology.CHIN, topology.LEFT_CHEEK, topology.RIGHT_CHEEK} <= set(outline.tolist())
    steps = {tuple(sorted(pair)) for pair in zip(outline.tolist(), np.roll(outline, -1).tolist(), strict=True)}
    assert steps <= {tuple(edge) for edge in topology.edges(canonical).tolist()}


def test_the_mesh_is_a_disc(canonical: CanonicalMesh) -> None:
    assert MESH_VERTICES - len(topology.edges(canonical)) + len(canonical.triangles) == 1


def test_mirroring_is_its_own_inverse(canonical: CanonicalMesh) -> None:
    partner = topology.mirror(canonical)
    np.testing.assert_array_equal(partner[partner], np.arange(LANDMARK_COUNT))
    np.testing.assert_array_equal(canonical.vertices[partner[:MESH_VERTICES]] * [-1, 1, 1], canonical.vertices)
    for right, left in (
        (topology.RIGHT_EYE, topology.LEFT_EYE),
        (topology.RIGHT_BROW, topology.LEFT_BROW),
        (topology.RIGHT_IRIS, topology.LEFT_IRIS),
        (topology.LIPS_OUTER, topology.LIPS_OUTER),
        (topology.LIPS_INNER, topology.LIPS_INNER),
    ):
        assert set(partner[right].tolist()) == set(left.tolist())


def test_mirrored_scores_keep_their_meaning() -> None:
    other, names = topology.blendshape_mirror(), topology.BLENDSHAPE_NAMES
    np.testing.assert_array_equal(other[other], np.arange(len(names)))
    assert names[other[names.index("eyeBlinkLeft")]] == "eyeBlinkRight"
    assert names[other[names.index("jawOpen")]] == "jawOpen"


@pytest.mark.parametrize("contour", [topology.RIGHT_EYE, topology.LEFT_EYE, topology.LIPS_OUTER, topology.LIPS_INNER])
def test_contours_run_around_their_feature(canonical: CanonicalMesh, contour: NDArray[np.intp]) -> None:
    points = canonical.vertices[contour, :2] - canonical.vertices[contour, :2].mean(axis=0)
    turns = np.diff(np.unwrap(np.arctan2(points[:, 1], points[:, 0])))
    assert abs(turns.sum()) > np.deg2rad(300)
    assert (np.sign(turns) == np.sign(turns.sum())).mean() > 0.9
