"""The recognition network that judges identity, which the fusion engine never sees, and the identity metrics."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.types import MESH_VERTICES, Face, FloatArray, Picture

_BOX_PER_RADIUS = 3.09
"""Side of the box that dlib's face detector draws, per root mean square radius of our mesh: the median over 33 portraits."""

_BOX_SIDE = 192
"""Side of that box in the upright crop: larger than the 107 pixels that it has in the network's 150-pixel chip."""


class JudgeMissing(Exception):
    """A package that only measuring needs is not installed."""


class Judge(Protocol):
    """A recognition network: pictures of one person get vectors of nearly the same direction."""

    def describe(self, picture: Picture, face: Face) -> FloatArray:
        """Return the face's identity as a vector."""
        ...


class DlibJudge:
    """dlib's ResNet with its 5-point aligner, both in the public domain; 128 numbers per face.

    Source: D. E. King, ``dlib_face_recognition_resnet_model_v1`` (99.38 % on LFW), aligned as its author publishes it: the 5-point shape
    predictor inside the detector's box, a 150-pixel chip with 25 % padding. The box comes from the face's mesh because dlib's detector
    misses turned and tilted faces, and the picture is turned upright first.

    Raises:
        JudgeMissing: dlib or the package with its weights is not installed.
    """

    def __init__(self) -> None:
        # Importing the weights' package would need setuptools' pkg_resources, so only its folder is looked up.
        weights = importlib.util.find_spec("face_recognition_models")
        try:
            self._dlib = importlib.import_module("dlib")
        except ImportError:
            weights = None
        if weights is None or weights.origin is None:
            raise JudgeMissing("measuring identity needs dlib and face_recognition_models: install facemeld[bench], as `make quality` does")
        folder = Path(weights.origin).parent / "models"
        self._points = self._dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat"))
        self._network = self._dlib.face_recognition_model_v1(str(folder / "dlib_face_recognition_resnet_model_v1.dat"))

    def describe(self, picture: Picture, face: Face) -> FloatArray:
        """Return the face's identity: float32 (128,), not normalised; vectors of two people differ by about 0.6 or more."""
        chip = upright(picture, face.mesh, 2 * _BOX_SIDE, _BOX_SIDE / _BOX_PER_RADIUS)
        low, high = _BOX_SIDE // 2, 2 * _BOX_SIDE - _BOX_SIDE // 2
        shape = self._points(chip, self._dlib.rectangle(low, low, high, high))
        return np.asarray(self._network.compute_face_descriptor(chip, shape), dtype=np.float32)


def upright(picture: Picture, mesh: FloatArray, side: int, radius: float) -> Picture:
    """Return a square crop in which the eyes are level and the mesh has a fixed size: uint8 (side, side, 3).

    Args:
        picture: uint8 (H, W, 3) RGB.
        mesh: Mesh vertices, (468, 3) pixels.
        side: Side of the crop in pixels.
        radius: Root mean square radius of the mesh in the crop, in pixels.
    """
    points = mesh[:MESH_VERTICES, :2].astype(np.float64)
    centre = points.mean(axis=0)
    scale = radius / float(np.sqrt(((points - centre) ** 2).sum(axis=1).mean()))
    across = points[[263, 362]].mean(axis=0) - points[[33, 133]].mean(axis=0)
    cos, sin = across / np.linalg.norm(across) * scale
    turn = np.array([[cos, sin], [-sin, cos]])
    matrix = np.column_stack([turn, side / 2 - turn @ centre])
    # A blur before shrinking avoids aliasing.
    source = cv2.GaussianBlur(picture, (0, 0), 0.45 / scale) if scale < 0.8 else picture
    return cv2.warpAffine(source, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)


def cosine(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Return the cosine of the angle between two vectors, -1 to 1."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def nearest(identity: FloatArray, users: Mapping[str, FloatArray]) -> str:
    """Return the name of the user with the largest cosine to an identity; the first one on a tie."""
    return max(users, key=lambda name: cosine(identity, users[name]))


def identity_values(result: FloatArray, user: FloatArray, template: FloatArray) -> dict[str, float]:
    """Return the identity metrics from three identity vectors.

    The normalised gain is absent when the network sees the same person in user and template.
    """
    result_user, template_user = cosine(result, user), cosine(template, user)
    gain, room = result_user - template_user, 1 - template_user
    values = {"identity_user": result_user, "identity_template": cosine(result, template), "identity_gain": gain}
    return values | ({"normalised_gain": gain / room} if room > 1e-6 else {})
