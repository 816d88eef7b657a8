"""Similarity transforms between point sets: weighted scaled Procrustes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
        """Map differences of points (offsets): scaled and turned, not moved."""
        return self.scale * (np.asarray(vectors, np.float64) @ self.rotation.T)

    def inverse(self) -> Similarity:
        """The map back."""
        rotation = self.rotation.T
        scale = 1.0 / self.scale
        return Similarity(rotation, scale, -scale * (rotation @ self.translation))


def similarity(source: NDArray[np.floating], target: NDArray[np.floating], weights: NDArray[np.floating] | None = None) -> Similarity:
    """The similarity that maps ``source`` closest to ``target`` in weighted least squares.

    Source of the formula: S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    IEEE PAMI 13(4), 1991.

    Args:
        source: (N, 3) points.
        target: (N, 3) points.
        weights: (N,) non-negative; all equal by default.

    Raises:
        ValueError: shapes differ, or fewer than three points have weight, or the source's points fall together.
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
