"""Metrics on faces: head pose, expression and outline of a result against the template and the user."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from bench.quality.regions import OUTLINE, face_width
from scipy.spatial.transform import Rotation

from facemeld.fusion.shape.pose import rotation_of_pose, similarity
from facemeld.fusion.shape.topology import RIGID
from facemeld.fusion.types import Face, FloatArray, Pose


def matching_face(faces: Sequence[Face], wanted: Face) -> Face | None:
    """Return the face of a result nearest to the template's face, if it lies within half a face's width of it."""
    centre = wanted.mesh[:, :2].mean(axis=0)
    offsets = [float(np.linalg.norm(face.mesh[:, :2].mean(axis=0) - centre)) for face in faces]
    best = int(np.argmin(offsets)) if offsets else -1
    return faces[best] if offsets and offsets[best] < 0.5 * face_width(wanted.landmarks) else None


def face_values(result: Face, template: Face) -> dict[str, float]:
    """Return the pose errors in degrees and the expression errors (sums and means of blendshape scores)."""
    differences = np.abs(np.asarray(result.blendshapes, np.float64) - np.asarray(template.blendshapes, np.float64))
    return {
        **pose_errors(result.pose, template.pose),
        "expression": float(differences.sum()),
        "expression_mean": float(differences.sum()) / len(differences),
    }


def pose_errors(result: Pose, template: Pose) -> dict[str, float]:
    """Return the differences between two head poses in degrees: the angle of the rotation between them, and each axis alone.

    The angle is the geodesic distance on SO(3). Source: D. Q. Huynh, "Metrics for 3D rotations: comparison and analysis", J. Math. Imaging
    and Vision 35, 2009, metric 6.
    """
    between = Rotation.from_matrix(rotation_of_pose(result) @ rotation_of_pose(template).T)
    axes = {name: getattr(result, name) - getattr(template, name) for name in ("yaw", "pitch", "roll")}
    turns = {f"pose_{name}": abs((difference + 180) % 360 - 180) for name, difference in axes.items()}
    return {"pose": float(np.degrees(between.magnitude())), **turns}


def contour_distance(result: FloatArray, user: FloatArray) -> float:
    """Return the distance of the result's face outline from the user's, as a share of the face's width.

    A similarity transform lays the user's mesh over the result's, fitted to the points that hardly move with the expression. The distance
    is the mean over the outline's points in the picture plane, divided by the width of the result's face.

    Args:
        result: Landmarks of the result, (478, 3) pixels.
        user: Landmarks of the user, (478, 3) pixels of the user's own picture.
    """
    placed = similarity(user[RIGID], result[RIGID]).apply(user[OUTLINE])
    return float(np.linalg.norm((placed - result[OUTLINE])[:, :2], axis=1).mean()) / face_width(result)
