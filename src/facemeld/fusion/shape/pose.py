"""Pose and expression of a face: similarity transforms, head rotation, and a linear basis of how a face's shape changes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.shape.topology import CanonicalMesh
from facemeld.fusion.types import BLENDSHAPE_COUNT, MESH_VERTICES, FloatArray, Pose

_FILE = "expression_basis.npz"
_MOST_YAW, _MOST_PITCH = 50.0, 30.0  # degrees: few of the faces that the drift was learned from are turned farther


@dataclass(frozen=True, slots=True, eq=False)
class Similarity:
    """A map ``scale * rotation @ point + translation``.

    Attributes:
        rotation: float64 (3, 3), a proper rotation.
        scale: Positive factor.
        translation: float64 (3,), in the target's unit.
    """

    rotation: NDArray[np.float64]
    scale: float
    translation: NDArray[np.float64]

    def apply(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map points: (..., 3) to float64 (..., 3)."""
        return self.scale * (np.asarray(points, np.float64) @ self.rotation.T) + self.translation

    def turn(self, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map differences of points: scaled and turned, but not moved."""
        return self.scale * (np.asarray(vectors, np.float64) @ self.rotation.T)

    def inverse(self) -> Similarity:
        """The inverse map."""
        rotation = self.rotation.T
        scale = 1.0 / self.scale
        return Similarity(rotation, scale, -scale * (rotation @ self.translation))


def similarity(source: NDArray[np.floating], target: NDArray[np.floating], weights: NDArray[np.floating] | None = None) -> Similarity:
    """Fit the similarity that maps ``source`` closest to ``target`` in weighted least squares.

    Source of the formula: S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    IEEE PAMI 13(4), 1991.

    Args:
        source: (N, 3) points.
        target: (N, 3) points.
        weights: (N,) non-negative; all equal by default.

    Raises:
        ValueError: shapes differ, fewer than three points have weight, or all points of the source coincide.
    """
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 3:
        raise ValueError(f"source and target must both be (N, 3), got {source.shape} and {target.shape}")
    share = np.ones(len(source)) if weights is None else np.asarray(weights, np.float64)
    if share.shape != (len(source),) or (share < 0).any() or np.count_nonzero(share) < 3:
        raise ValueError(f"weights must be ({len(source)},), not negative, and positive for at least 3 points")
    share = share / share.sum()
    a, b = np.asarray(source, np.float64), np.asarray(target, np.float64)
    centre_a, centre_b = share @ a, share @ b
    a, b = a - centre_a, b - centre_b
    spread = float(share @ (a * a).sum(axis=1))
    if spread <= 0.0:
        raise ValueError("the source's points must not all fall together")
    u, singular, vt = np.linalg.svd((b * share[:, None]).T @ a)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = (u * signs) @ vt
    scale = float(singular @ signs) / spread
    return Similarity(rotation, scale, centre_b - scale * (rotation @ centre_a))


def head_pose(landmarks: NDArray[np.floating], mesh: CanonicalMesh) -> Pose:
    """Yaw, pitch and roll of a face.

    Args:
        landmarks: (468 or more, 3), pixels; z in the same unit, away from the camera.
        mesh: The canonical face and its rigid points.
    """
    return pose_of_rotation(head_placement(landmarks, mesh).rotation)


def head_placement(landmarks: NDArray[np.floating], mesh: CanonicalMesh) -> Similarity:
    """Fit the similarity from the canonical face (centimetres) to the landmarks (pixels) by the rigid points."""
    return similarity(mesh.vertices, landmarks[:MESH_VERTICES], mesh.rigid_weights)


def levelled(landmarks: FloatArray, roll: float) -> FloatArray:
    """Landmarks (V, 3) with a roll in degrees taken back: float32 (V, 3)."""
    cosine, sine = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    turned = landmarks.copy()
    turned[:, :2] = landmarks[:, :2] @ np.array([[cosine, -sine], [sine, cosine]], np.float32)
    return turned


def pose_of_rotation(rotation: NDArray[np.floating]) -> Pose:
    """Angles of a rotation that is first yaw, then pitch, then roll; turning the picture changes roll alone.

    Args:
        rotation: (3, 3), from the canonical face to the picture.
    """
    pitch = math.asin(max(-1.0, min(1.0, float(rotation[2, 1]))))
    yaw = math.atan2(float(rotation[2, 0]), float(rotation[2, 2]))
    roll = math.atan2(-float(rotation[0, 1]), float(rotation[1, 1]))
    return Pose(math.degrees(yaw), math.degrees(pitch), math.degrees(roll))


def rotation_of_pose(pose: Pose) -> NDArray[np.float64]:
    """The rotation of a pose, the inverse of ``pose_of_rotation``: float64 (3, 3)."""
    yaw, pitch, roll = math.radians(pose.yaw), math.radians(pose.pitch), math.radians(pose.roll)
    turn = np.array([[math.cos(yaw), 0, -math.sin(yaw)], [0, 1, 0], [math.sin(yaw), 0, math.cos(yaw)]])
    nod = np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
    tilt = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    return np.asarray(tilt @ nod @ turn, np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class ExpressionBasis:
    """How expression, pose and person change the canonical face, learned from landmarks of synthetic faces.

    All shapes are in the canonical frame (see ``CanonicalMesh``), aligned by the rigid points.

    Attributes:
        moves: float32 (52, 468, 3), centimetres that each vertex moves when a score goes from 0 to 1.
        neutral: float32 (468, 3), centimetres: the mean face at scores 0.
        components: float32 (K, 468, 3), centimetres: differences between people at the same expression, one standard deviation
            each, strongest first.
        drift: float32 (5, 468, 3), centimetres that each vertex seems to move with ``pose_terms``: depth is only guessed, and the
            guess gets worse the more a head is turned, so the same face has other shapes in other poses.
    """

    moves: FloatArray
    neutral: FloatArray
    components: FloatArray
    drift: FloatArray

    @staticmethod
    def load() -> ExpressionBasis:
        """The basis that comes with the package; its arrays are read-only."""
        return _load()

    def offset(self, scores_from: NDArray[np.floating], scores_to: NDArray[np.floating]) -> FloatArray:
        """How far the vertices move from one expression to another.

        Args:
            scores_from: (52,), the face's expression.
            scores_to: (52,), the expression that it should have.

        Returns:
            float32 (468, 3), canonical centimetres.

        Raises:
            ValueError: the scores are not (52,).
        """
        if scores_from.shape != (BLENDSHAPE_COUNT,) or scores_to.shape != (BLENDSHAPE_COUNT,):
            raise ValueError(f"scores must be ({BLENDSHAPE_COUNT},), got {scores_from.shape} and {scores_to.shape}")
        change = np.asarray(scores_to, np.float64) - np.asarray(scores_from, np.float64)
        return np.tensordot(change, self.moves, 1).astype(np.float32)

    def drift_at(self, pose: Pose) -> FloatArray:
        """Apparent move of the vertices of a face that is seen in a pose: float32 (468, 3), canonical centimetres."""
        yaw, pitch = (max(-most, min(most, angle)) for angle, most in ((pose.yaw, _MOST_YAW), (pose.pitch, _MOST_PITCH)))
        return np.tensordot(pose_terms(yaw, pitch), self.drift, 1).astype(np.float32)


def pose_terms(yaw: float, pitch: float) -> NDArray[np.float64]:
    """Terms that the drift depends on: yaw and pitch in units of 30 degrees, their squares and their product, float64 (5,)."""
    yaw, pitch = yaw / 30, pitch / 30
    return np.array([yaw, pitch, yaw**2, pitch**2, yaw * pitch])


@lru_cache(maxsize=1)
def _load() -> ExpressionBasis:
    with files("facemeld.fusion").joinpath("data", _FILE).open("rb") as file, np.load(file, allow_pickle=False) as table:
        return ExpressionBasis(*(_array(table[name]) for name in ("moves", "neutral", "components", "drift")))


def _array(stored: NDArray[Any]) -> FloatArray:
    array = np.asarray(stored, np.float32).reshape(-1, MESH_VERTICES, 3)
    array = array[0] if len(array) == 1 else array
    array.setflags(write=False)
    return array
