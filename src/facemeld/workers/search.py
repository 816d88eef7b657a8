"""Finds the faces of very large pictures without looking for tiny ones in every corner."""

from __future__ import annotations

import numpy as np

from facemeld.fusion.engine import Engine
from facemeld.fusion.types import Face, Picture, Rect

LARGE = 4096
"""Longest side, in pixels, up to which a picture is searched as it is."""

_QUICK = 2048  # longest side to which larger pictures are shrunk for the search


def find_faces(engine: Engine, picture: Picture, within: Rect | None = None) -> tuple[Face, ...]:
    """Find faces, largest first.

    A picture beyond ``LARGE`` is searched on a shrunk copy, and each face found is read once more from the picture itself; the picture
    is searched as a whole only when the copy shows no face. That turns thousands of looks into hundreds: faces under 1/60 of the
    longest side are passed over, which nobody means when there is a larger one. With a box, nothing is passed over.

    Args:
        engine: Finds faces in pictures of any size.
        picture: uint8 (H, W, 3) RGB.
        within: Only faces whose centre lies in this box.
    """
    height, width = picture.shape[:2]
    if within is not None or max(height, width) <= LARGE:
        return engine.analyse(picture, within)
    # Imported here, because the API process imports this module and carries no imaging libraries.
    import cv2

    factor = _QUICK / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    found = engine.analyse(np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8))
    faces: list[Face] = []
    for rough in found:
        face = _exact(engine, picture, rough, factor)
        if face is not None and all(face.box != other.box for other in faces):
            faces.append(face)
    if not faces:
        return engine.analyse(picture)
    return tuple(sorted(faces, key=lambda face: (-face.box.area, face.box.x, face.box.y)))


def _exact(engine: Engine, picture: Picture, rough: Face, factor: float) -> Face | None:
    """A face of the shrunk picture as the picture itself shows it; None where it is not found again."""
    box = rough.box
    left, top = int(box.x / factor), int(box.y / factor)
    whole = Rect(left, top, int(box.width / factor) + 1, int(box.height / factor) + 1)
    middle = rough.landmarks[:, :2].mean(axis=0) / factor
    near = engine.analyse(picture, whole.intersect(Rect(0, 0, picture.shape[1], picture.shape[0])))
    distances = [float(np.linalg.norm(face.landmarks[:, :2].mean(axis=0) - middle)) for face in near]
    if not distances or min(distances) > 0.25 * max(whole.width, whole.height):
        return None
    return near[distances.index(min(distances))]
