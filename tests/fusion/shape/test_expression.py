"""The expression basis: linear, symmetric, and checked against the network."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from facemeld.fusion.finding.analysis import Analyser
from facemeld.fusion.shape import topology
from facemeld.fusion.shape.pose import ExpressionBasis, head_placement
from facemeld.fusion.shape.topology import CanonicalMesh
from facemeld.fusion.types import BLENDSHAPE_COUNT, MESH_VERTICES, FloatArray, Picture, Pose

BASIS = ExpressionBasis.load()


def scores(seed: int) -> NDArray[np.float64]:
    """Random expression scores."""
    return np.random.default_rng(seed).random(BLENDSHAPE_COUNT)


def test_the_basis_comes_with_the_package_and_cannot_be_changed() -> None:
    assert BASIS.moves.shape == (BLENDSHAPE_COUNT, MESH_VERTICES, 3)
    assert BASIS.neutral.shape == (MESH_VERTICES, 3)
    assert BASIS.components.shape[1:] == (MESH_VERTICES, 3)
    assert BASIS.drift.shape == (5, MESH_VERTICES, 3)
    assert ExpressionBasis.load() is BASIS
    with pytest.raises(ValueError, match="read-only"):
        BASIS.moves[0] = 1


def test_the_neutral_face_is_a_face(canonical: CanonicalMesh) -> None:
    assert np.linalg.norm(BASIS.neutral - canonical.vertices, axis=1).mean() < 1.0


def test_the_basis_is_symmetric(canonical: CanonicalMesh) -> None:
    partner, other = topology.mirror(canonical)[:MESH_VERTICES], topology.blendshape_mirror()
    np.testing.assert_allclose(BASIS.moves[other][:, partner] * [-1, 1, 1], BASIS.moves, atol=2e-3)
    np.testing.assert_allclose(BASIS.neutral[partner] * [-1, 1, 1], BASIS.neutral, atol=1e-4)


def test_the_drift_is_symmetric_nothing_straight_ahead_and_bounded(canonical: CanonicalMesh) -> None:
    partner = topology.mirror(canonical)[:MESH_VERTICES]
    mirrored = BASIS.drift_at(Pose(-25.0, 10.0, 0.0))[partner] * [-1, 1, 1]
    np.testing.assert_allclose(BASIS.drift_at(Pose(25.0, 10.0, 0.0)), mirrored, atol=5e-3)
    assert not BASIS.drift_at(Pose(0.0, 0.0, 45.0)).any()
    np.testing.assert_array_equal(BASIS.drift_at(Pose(50.0, -30.0, 0.0)), BASIS.drift_at(Pose(89.0, -80.0, 0.0)))
    assert 0.1 < float(np.linalg.norm(BASIS.drift_at(Pose(0.0, 30.0, 0.0)), axis=1).mean()) < 1.0


def test_opening_the_jaw_lowers_the_chin_and_closing_an_eye_lowers_its_lid() -> None:
    calm = np.zeros(BLENDSHAPE_COUNT)
    names = topology.BLENDSHAPE_NAMES

    def move(name: str) -> FloatArray:
        wanted = calm.copy()
        wanted[names.index(name)] = 1
        return BASIS.offset(calm, wanted)

    assert move("jawOpen")[topology.LOWER_LIP_INSIDE, 1] > 1.5
    assert move("jawOpen")[topology.CHIN, 1] > 1.0
    left, right = move("eyeBlinkLeft")[386, 1], move("eyeBlinkLeft")[159, 1]
    assert left > 0.2
    assert left > 3 * abs(right)


@given(st.integers(0, 99), st.integers(100, 199), st.integers(200, 299))
def test_offsets_add_up(one: int, two: int, three: int) -> None:
    a, b, c = scores(one), scores(two), scores(three)
    np.testing.assert_allclose(BASIS.offset(a, b) + BASIS.offset(b, c), BASIS.offset(a, c), atol=1e-4)
    assert not BASIS.offset(a, a).any()


def test_scores_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"scores must be \(52,\), got \(51,\)"):
        BASIS.offset(np.zeros(51), np.zeros(52))


def test_an_offset_brings_the_expression_nearer(analyser: Analyser, hopper: Picture, astronaut: Picture, canonical: CanonicalMesh) -> None:
    (user,), (template,) = analyser.analyse(hopper), analyser.analyse(astronaut)
    placement = head_placement(user.landmarks, canonical)

    def rest(offset: FloatArray) -> float:
        moved = user.landmarks.copy()
        moved[:MESH_VERTICES] += placement.turn(offset).astype(np.float32)
        return float(np.abs(analyser.blendshapes(moved) - template.blendshapes).sum())

    start = rest(np.zeros((MESH_VERTICES, 3), np.float32))
    assert rest(BASIS.offset(user.blendshapes, template.blendshapes)) < 0.8 * start
