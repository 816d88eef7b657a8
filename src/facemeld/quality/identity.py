"""Who a face looks like to a recognition network that the fusion engine never sees."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.types import Face, FloatArray, Picture
from facemeld.quality.errors import BenchExtraMissing

_BOX_PER_RADIUS = 3.09
"""Side of the box that dlib's face detector draws, per root mean square radius of our mesh: the median over 33 portraits."""

_BOX_SIDE = 192
"""Side of that box in the upright crop: above the 107 pixels that it has in the network's 150-pixel chip."""


class Judge(Protocol):
    """A recognition network: pictures of one person get vectors of nearly the same direction."""

    @property
    def name(self) -> str:
        """Short name for reports."""
        ...

    def describe(self, picture: Picture, face: Face) -> FloatArray:
        """The face's identity as a vector."""
        ...


class DlibJudge:
    """dlib's ResNet with its 5-point aligner, both in the public domain; 128 numbers per face.

    Source: D. E. King, ``dlib_face_recognition_resnet_model_v1`` (99.38 % on LFW), aligned as its author publishes it: the 5-point shape
    predictor inside the detector's box, a 150-pixel chip with 25 % padding. The box comes from the face's mesh, because dlib's detector
    misses turned and tilted faces, and the picture is turned upright first.
    """

    name = "dlib-resnet-v1"

    def __init__(self) -> None:
        """Load the networks.

        Raises:
            BenchExtraMissing: dlib or the package with its weights is not installed.
        """
        folder = _weights_folder()
        self._dlib = _dlib()
        self._points = self._dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat"))
        self._network = self._dlib.face_recognition_model_v1(str(folder / "dlib_face_recognition_resnet_model_v1.dat"))

    def describe(self, picture: Picture, face: Face) -> FloatArray:
        """The face's identity: float32 (128,), not normalised; people differ from a distance of about 0.6."""
        chip = upright(picture, face.mesh, 2 * _BOX_SIDE, _BOX_SIDE / _BOX_PER_RADIUS)
        low, high = _BOX_SIDE // 2, 2 * _BOX_SIDE - _BOX_SIDE // 2
        shape = self._points(chip, self._dlib.rectangle(low, low, high, high))
        return np.asarray(self._network.compute_face_descriptor(chip, shape), dtype=np.float32)


def upright(picture: Picture, mesh: FloatArray, side: int, radius: float) -> Picture:
    """A square crop in which the eyes are level and the mesh has one size: uint8 (side, side, 3).

    Args:
        picture: uint8 (H, W, 3) RGB.
        mesh: Mesh vertices, (468, 3) pixels.
        side: Side of the crop in pixels.
        radius: Root mean square radius that the mesh gets in the crop, in pixels.
    """
    points = mesh[:468, :2].astype(np.float64)
    centre = points.mean(axis=0)
    scale = radius / float(np.sqrt(((points - centre) ** 2).sum(axis=1).mean()))
    across = points[[263, 362]].mean(axis=0) - points[[33, 133]].mean(axis=0)
    cos, sin = across / np.linalg.norm(across) * scale
    turn = np.array([[cos, sin], [-sin, cos]])
    matrix = np.column_stack([turn, side / 2 - turn @ centre])
    # Shrinking without a blur first would fold fine detail into noise.
    source = cv2.GaussianBlur(picture, (0, 0), 0.45 / scale) if scale < 0.8 else picture
    return cv2.warpAffine(source, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)


def cosine(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Cosine of the angle between two vectors, -1 to 1."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def normalised_gain(result_user: float, template_user: float) -> float:
    """How much of the way from the template's identity to the user's the result went: 0 for none, 1 for all of it.

    Args:
        result_user: Cosine of result and user.
        template_user: Cosine of template and user, below 1.

    Raises:
        ValueError: user and template are one and the same to the network.
    """
    room = 1 - template_user
    if room < 1e-6:
        raise ValueError("the normalised gain needs a template that differs from the user, got a cosine of 1")
    return (result_user - template_user) / room


def nearest(descriptor: FloatArray, users: dict[str, FloatArray]) -> str:
    """The name of the user whose descriptor has the largest cosine with this one; the first one when several have."""
    return max(users, key=lambda name: cosine(descriptor, users[name]))


def _dlib() -> ModuleType:
    try:
        return importlib.import_module("dlib")
    except ImportError as error:
        raise BenchExtraMissing("measuring identity needs dlib: install facemeld[bench]") from error


def _weights_folder() -> Path:
    # Importing the package would need setuptools' pkg_resources, so only its folder is looked up.
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise BenchExtraMissing("measuring identity needs the weights of face_recognition_models: install facemeld[bench]")
    return Path(spec.origin).parent / "models"
