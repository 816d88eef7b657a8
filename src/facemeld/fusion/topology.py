"""Which landmark is where: index groups of the 478-point mesh, and what follows from its triangles.

Left and right are the person's own: in an upright picture the right eye is on the viewer's left. Closed contours are listed in
order around the feature.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.bundle import CanonicalMesh
from facemeld.fusion.types import LANDMARK_COUNT, MESH_VERTICES

Indices = NDArray[np.intp]


def _indices(*values: int) -> Indices:
    table = np.array(values, np.intp)
    table.setflags(write=False)
    return table


FOREHEAD_TOP: Final = 10
CHIN: Final = 152
NOSE_TIP: Final = 4
RIGHT_EYE_CORNER: Final = 33
"""Outer corner of the right eye."""
LEFT_EYE_CORNER: Final = 263
"""Outer corner of the left eye."""
RIGHT_CHEEK: Final = 234
"""Where the outline passes before the right ear."""
LEFT_CHEEK: Final = 454
"""Where the outline passes before the left ear."""
UPPER_LIP_INSIDE: Final = 13
LOWER_LIP_INSIDE: Final = 14

RIGHT_EYE: Final = _indices(33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE: Final = _indices(263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
RIGHT_BROW: Final = _indices(70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_BROW: Final = _indices(300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
LIPS_OUTER: Final = _indices(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
LIPS_INNER: Final = _indices(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
RIGHT_IRIS: Final = _indices(468, 469, 470, 471, 472)
"""Centre of the right iris, then four points of its rim: towards the person's left, top, towards the right, bottom."""
LEFT_IRIS: Final = _indices(473, 474, 475, 476, 477)
"""Centre of the left iris, then four points of its rim: towards the person's left, top, towards the right, bottom."""
RIGID: Final = _indices(33, 133, 362, 263, 1, 168, 6, 10, 152, 234, 454, 127, 356, 151, 9, 8)
"""Points that move little with expression."""

BLENDSHAPE_LANDMARKS: Final = _indices(
    *(0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80, 81, 82, 84),
    *(87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153, 154, 155, 157, 158, 159),
    *(160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251, 263, 267, 269, 270, 276, 282, 283),
    *(284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361),
    *(362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415),
    *(454, 466, 468, 469, 470, 471, 472, 473, 474, 475, 476, 477),
)
"""The 146 landmarks that the blendshape network reads."""

BLENDSHAPE_NAMES: Final = (
    *("_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff"),
    *("cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight"),
    *("eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight"),
    *("eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight"),
    *("mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel", "mouthLeft"),
    *("mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker", "mouthRight"),
    *("mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft", "mouthSmileRight"),
    *("mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight", "noseSneerLeft", "noseSneerRight"),
)
"""Names of the 52 expression scores, in the network's order."""


def oval(mesh: CanonicalMesh) -> Indices:
    """Outline of the face: the mesh's border, in order, starting at the top of the forehead; (36,)."""
    seen: set[tuple[int, int]] = set()
    for triangle in mesh.triangles.tolist():
        seen.update(zip(triangle, triangle[1:] + triangle[:1], strict=True))
    # Triangles wind the same way: an inner edge is seen once in each direction.
    following = {start: end for start, end in seen if (end, start) not in seen}
    loop = [FOREHEAD_TOP]
    while (point := following[loop[-1]]) != FOREHEAD_TOP:
        loop.append(point)
    return _indices(*loop)


def edges(mesh: CanonicalMesh) -> Indices:
    """Every edge of the mesh once, lower index first: (1365, 2)."""
    pairs = np.concatenate([mesh.triangles[:, [0, 1]], mesh.triangles[:, [1, 2]], mesh.triangles[:, [2, 0]]])
    return np.unique(np.sort(pairs, axis=1), axis=0).astype(np.intp)


def mirror(mesh: CanonicalMesh) -> Indices:
    """The landmark that a left-right mirror puts in each landmark's place: (478,); its own inverse."""
    reflected = mesh.vertices * np.array([-1, 1, 1], np.float32)
    distance = np.linalg.norm(reflected[:, None] - mesh.vertices[None], axis=2)
    partner = np.arange(LANDMARK_COUNT)
    partner[:MESH_VERTICES] = distance.argmin(axis=1)
    # Seen in a mirror the left rim point of the right iris is the right rim point of the left one.
    turned = LEFT_IRIS[[0, 3, 2, 1, 4]]
    partner[RIGHT_IRIS], partner[turned] = turned, RIGHT_IRIS
    return _indices(*partner.tolist())


@lru_cache(maxsize=1)
def blendshape_mirror() -> Indices:
    """The expression score that a left-right mirror puts in each one's place: (52,); its own inverse."""

    def other(name: str) -> str:
        if name.endswith("Left"):
            return name.removesuffix("Left") + "Right"
        return name.removesuffix("Right") + "Left" if name.endswith("Right") else name

    return _indices(*(BLENDSHAPE_NAMES.index(other(name)) for name in BLENDSHAPE_NAMES))
