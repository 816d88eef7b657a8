"""Learns the expression basis from landmarks and blendshape scores of many faces.

    python scripts/make_expression_basis.py LANDMARKS.npz BUNDLE src/facemeld/fusion/data/expression_basis.npz

LANDMARKS.npz holds ``landmarks_px`` (N, 478, 3), pixels, and ``blendshapes`` (N, 52); BUNDLE is ``face_landmarker.task``.

The meshes are aligned to the canonical face by its rigid points; then ridge regression on the scores, with these choices, each
better on held-out faces:

- every face is used twice, once mirrored, so that the basis is symmetric;
- yaw and pitch (and their squares and product) are regressed along: the landmark network's shape drifts with the pose, and what the
  pose explains is not expression. The drift is kept on its own, for meshes that are aligned as the engine places them;
- the penalty is the one with which the least movement gives the wanted scores, not the one with the best fit of points.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.shape.pose import head_pose, pose_terms, similarity
from facemeld.fusion.shape.topology import (
    LEFT_EYE,
    LIPS_INNER,
    LIPS_OUTER,
    RIGHT_EYE,
    RIGID,
    CanonicalMesh,
    blendshape_mirror,
    mirror,
    read_bundle,
)
from facemeld.fusion.types import BLENDSHAPE_COUNT, MESH_VERTICES

PENALTY = 3.0
"""Weight of the ridge, in units of one face at a score difference of 1."""

COMPONENTS = 16
"""How many differences between people are kept."""

FRONTAL = 20.0
"""Degrees of yaw up to which a face tells how people differ."""

Array = NDArray[np.float64]


def poses_of(landmarks: Array, mesh: CanonicalMesh) -> Array:
    """What the drift depends on: (N, 5)."""
    poses = [head_pose(points, mesh) for points in landmarks]
    return np.array([pose_terms(pose.yaw, pose.pitch) for pose in poses])


def aligned(landmarks: Array, mesh: CanonicalMesh, weights: Array) -> Array:
    """Meshes in the canonical frame: (N, 468, 3)."""
    meshes = landmarks[:, :MESH_VERTICES]
    return np.array([similarity(points, mesh.vertices, weights).apply(points) for points in meshes])


def learn_drift(landmarks: Array, scores: Array, poses: Array, mesh: CanonicalMesh) -> Array:
    """How shapes move with the pose when they are placed as the engine does it, by rigid points that all count alike: (5, 468, 3)."""
    shapes = aligned(landmarks, mesh, np.isin(np.arange(MESH_VERTICES), RIGID).astype(np.float64))
    slopes, _ = ridge(*with_mirrored(shapes, scores, poses, mesh))
    return slopes[BLENDSHAPE_COUNT:]


def with_mirrored(shapes: Array, scores: Array, poses: Array, mesh: CanonicalMesh) -> tuple[Array, Array]:
    """Shapes and regressors, each face followed by its mirror image."""
    flipped = shapes[:, mirror(mesh)[:MESH_VERTICES]] * [-1, 1, 1]
    turned = poses * [-1, 1, 1, 1, -1]
    regressors = np.concatenate([np.hstack([scores, poses]), np.hstack([scores[:, blendshape_mirror()], turned])])
    return np.concatenate([shapes, flipped]), regressors


def ridge(shapes: Array, regressors: Array) -> tuple[Array, Array]:
    """Slopes (R, 468, 3) and the shape (468, 3) where all regressors are 0."""
    centre, mean = regressors.mean(axis=0), shapes.mean(axis=0)
    x, y = regressors - centre, (shapes - mean).reshape(len(shapes), -1)
    slopes = np.linalg.solve(x.T @ x + PENALTY * np.eye(x.shape[1]), x.T @ y).reshape(-1, MESH_VERTICES, 3)
    return slopes, mean - np.tensordot(centre, slopes, 1)


def held_out(shapes: Array, scores: Array, poses: Array, mesh: CanonicalMesh, folds: int = 5) -> Array:
    """Predicted shapes, each by a basis that has not seen the face."""
    predicted = np.empty_like(shapes)
    for fold in np.array_split(np.random.default_rng(0).permutation(len(shapes)), folds):
        seen = np.setdiff1d(np.arange(len(shapes)), fold)
        slopes, start = ridge(*with_mirrored(shapes[seen], scores[seen], poses[seen], mesh))
        predicted[fold] = start + np.tensordot(np.hstack([scores[fold], poses[fold]]), slopes, 1)
    return predicted


def main() -> None:
    """Read, learn, report, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("landmarks", type=Path)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    mesh = read_bundle(arguments.bundle).mesh
    with np.load(arguments.landmarks, allow_pickle=False) as table:
        landmarks, scores = table["landmarks_px"].astype(np.float64), table["blendshapes"].astype(np.float64)
    shapes, poses = aligned(landmarks, mesh, mesh.rigid_weights), poses_of(landmarks, mesh)
    predicted, mean = held_out(shapes, scores, poses, mesh), shapes.mean(axis=0)
    mouth, eyes = np.union1d(LIPS_OUTER, LIPS_INNER), np.union1d(LEFT_EYE, RIGHT_EYE)
    for name, points in (("all points", np.arange(MESH_VERTICES)), ("mouth", mouth), ("eyes", eyes)):
        rest, spread = (float(((shapes - other)[:, points] ** 2).sum()) for other in (predicted, mean))
        print(f"held-out R2, {name}: {1 - rest / spread:.3f}")
    all_shapes, regressors = with_mirrored(shapes, scores, poses, mesh)
    slopes, start = ridge(all_shapes, regressors)
    frontal = np.abs(regressors[:, BLENDSHAPE_COUNT] * 30) < FRONTAL
    people = (all_shapes - start - np.tensordot(regressors, slopes, 1))[frontal].reshape(int(frontal.sum()), -1)
    _, sizes, directions = np.linalg.svd(people, full_matrices=False)
    spreads = sizes / np.sqrt(len(people))
    kept = (spreads[:COMPONENTS] ** 2).sum() / (spreads**2).sum()
    print(f"people differ by {np.sqrt((spreads**2).sum() / MESH_VERTICES):.3f} cm a vertex; {COMPONENTS} components hold {kept:.3f} of it")
    components = (directions[:COMPONENTS] * spreads[:COMPONENTS, None]).reshape(-1, MESH_VERTICES, 3)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        arguments.output,
        moves=slopes[:BLENDSHAPE_COUNT].astype(np.float16),
        neutral=start.astype(np.float32),
        components=components.astype(np.float16),
        drift=learn_drift(landmarks, scores, poses, mesh).astype(np.float16),
    )
    print(f"wrote {arguments.output}, {arguments.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
