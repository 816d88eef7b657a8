"""How far the result's head pose, expression and outline are from the template's and the user's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facemeld.fusion.alignment import similarity
from facemeld.fusion.pose import rotation_of_pose
from facemeld.fusion.topology import RIGID
from facemeld.fusion.types import FloatArray, Pose
from facemeld.quality.regions import OUTLINE, face_width


@dataclass(frozen=True, slots=True)
class PoseError:
    """Difference of two head poses in degrees: the angle of the rotation between them, and each axis alone (absolute)."""

    angle: float
    yaw: float
    pitch: float
    roll: float


def pose_error(result: Pose, template: Pose) -> PoseError:
    """Difference between two head poses.

    The angle is the geodesic distance on SO(3), arccos((trace(A B^T) - 1) / 2).
    Source: D. Q. Huynh, "Metrics for 3D rotations: comparison and analysis", J. Math. Imaging and Vision 35, 2009, metric 6.
    """
    between = rotation_of_pose(result) @ rotation_of_pose(template).T
    # The arctangent form keeps its precision near 0 and 180 degrees, where the arccosine loses it.
    skew = np.array([between[2, 1] - between[1, 2], between[0, 2] - between[2, 0], between[1, 0] - between[0, 1]])
    angle = float(np.degrees(np.arctan2(np.linalg.norm(skew), np.trace(between) - 1)))
    return PoseError(angle, _turn(result.yaw, template.yaw), _turn(result.pitch, template.pitch), _turn(result.roll, template.roll))


def _turn(first: float, second: float) -> float:
    """Absolute difference of two angles in degrees, 0-180."""
    return abs((first - second + 180) % 360 - 180)


def expression_error(result: FloatArray, template: FloatArray) -> float:
    """Sum of the absolute differences of two sets of blendshape scores, 0 to 52."""
    return float(np.abs(np.asarray(result, dtype=np.float64) - np.asarray(template, dtype=np.float64)).sum())


def contour_distance(result: FloatArray, user: FloatArray) -> float:
    """How far the result's face outline is from the user's, as a share of the face's width.

    The user's mesh is laid over the result's by the similarity transform that fits the points which hardly move with the expression best;
    the distance is the mean distance of the outline's points in the picture plane, divided by the width of the result's face.

    Args:
        result: Landmarks of the result, (478, 3) pixels.
        user: Landmarks of the user, (478, 3) pixels of the user's own picture.
    """
    placed = similarity(user[RIGID], result[RIGID]).apply(user[OUTLINE])
    return float(np.linalg.norm((placed - result[OUTLINE])[:, :2], axis=1).mean()) / face_width(result)
