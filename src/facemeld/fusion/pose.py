"""Head rotation of a landmark mesh against the canonical face."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.alignment import Similarity, similarity
from facemeld.fusion.bundle import CanonicalMesh
from facemeld.fusion.types import MESH_VERTICES, FloatArray, Pose


def head_pose(landmarks: NDArray[np.floating], mesh: CanonicalMesh) -> Pose:
    """Yaw, pitch and roll of a face.

    Args:
        landmarks: (468 or more, 3), pixels; z in the same unit, away from the camera.
        mesh: The canonical face and its rigid points.
    """
    return pose_of_rotation(head_placement(landmarks, mesh).rotation)


def head_placement(landmarks: NDArray[np.floating], mesh: CanonicalMesh) -> Similarity:
    """The similarity that puts the canonical face (centimetres) where the landmarks are (pixels), by the rigid points."""
    return similarity(mesh.vertices, landmarks[:MESH_VERTICES], mesh.rigid_weights)


def levelled(landmarks: FloatArray, roll: float) -> FloatArray:
    """Landmarks (V, 3) turned back by a roll in degrees: float32 (V, 3)."""
    cosine, sine = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    turned = landmarks.copy()
    turned[:, :2] = landmarks[:, :2] @ np.array([[cosine, -sine], [sine, cosine]], np.float32)
    return turned


def pose_of_rotation(rotation: NDArray[np.floating]) -> Pose:
    """Angles of a rotation that is first yaw, then pitch, then roll: roll is what turning the picture changes, and only that.

    Args:
        rotation: (3, 3), from the canonical face to the picture.
    """
    pitch = math.asin(max(-1.0, min(1.0, float(rotation[2, 1]))))
    yaw = math.atan2(float(rotation[2, 0]), float(rotation[2, 2]))
    roll = math.atan2(-float(rotation[0, 1]), float(rotation[1, 1]))
    return Pose(math.degrees(yaw), math.degrees(pitch), math.degrees(roll))


def rotation_of_pose(pose: Pose) -> NDArray[np.float64]:
    """The rotation that ``pose_of_rotation`` reads: float64 (3, 3)."""
    yaw, pitch, roll = math.radians(pose.yaw), math.radians(pose.pitch), math.radians(pose.roll)
    turn = np.array([[math.cos(yaw), 0, -math.sin(yaw)], [0, 1, 0], [math.sin(yaw), 0, math.cos(yaw)]])
    nod = np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
    tilt = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    return np.asarray(tilt @ nod @ turn, np.float64)
