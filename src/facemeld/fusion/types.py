"""Value types of the imaging engine: rectangles, poses, faces, assignments and options.

Pictures are ``uint8`` arrays of shape (H, W, 3) in RGB order with values 0-255 unless a docstring says otherwise.
Coordinates are pixels: x to the right, y down, z away from the camera; (0, 0) is the centre of the top left pixel.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from facemeld.boxes import Rect

Picture: TypeAlias = NDArray[np.uint8]
"""A picture: uint8, (H, W, 3), RGB, 0-255."""

FloatArray: TypeAlias = NDArray[np.float32]
"""A float32 array; its docstring gives shape and range."""

Search: TypeAlias = Literal["largest", "prominent", "every"]
"""Faces to look for: the largest alone, all but tiny faces behind a portrait, or every face down to 34 pixels."""

LANDMARK_COUNT = 478
"""Landmarks of a face: the 468 vertices of the canonical mesh, then 5 points for each iris."""

MESH_VERTICES = 468
"""Vertices of the canonical mesh: the first landmarks of every face."""

BLENDSHAPE_COUNT = 52
"""Expression scores of a face, in the order of the blendshape network."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Head rotation in degrees: yaw > 0 turns to the picture's right, pitch > 0 looks down, roll > 0 tilts clockwise."""

    yaw: float
    pitch: float
    roll: float


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face found in a picture.

    Attributes:
        box: Bounding box of the mesh, clipped to the picture.
        landmarks: float32 (478, 3), pixels of the picture; z in the same unit, away from the camera.
        blendshapes: float32 (52,), 0-1.
        pose: Head rotation.
        score: Confidence of the landmark network that this is a face, 0-1.
    """

    box: Rect
    landmarks: FloatArray
    blendshapes: FloatArray
    pose: Pose
    score: float

    @property
    def mesh(self) -> FloatArray:
        """The 468 mesh vertices: float32 (468, 3), pixels."""
        return self.landmarks[:MESH_VERTICES]


@dataclass(frozen=True, slots=True)
class FuseOptions:
    """How much of the user goes into a template.

    Attributes:
        shape: Outline of the face, 0 (the user's) to 1 (the template's); ``FuseProfileDegree`` / 100.
        features: Eyes, brows, nose and mouth, 0 (the user's) to 1 (the template's); ``FuseFaceDegree`` / 100.
    """

    shape: float = 0.5
    features: float = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """A user's face for one face of a template.

    Attributes:
        template_face: Index into the plan's faces.
        picture: The user's picture, uint8 (H, W, 3) RGB.
        face: The user's face in that picture.
    """

    template_face: int
    picture: Picture = field(repr=False)
    face: Face = field(repr=False)
