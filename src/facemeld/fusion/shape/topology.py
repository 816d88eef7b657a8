"""The canonical face: its mesh, read from the landmark bundle, and which landmark is where.

Left and right are the person's own: in an upright picture the right eye is on the viewer's left. Closed contours are listed in
order around the feature.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.errors import FusionError, ModelMissing
from facemeld.fusion.types import LANDMARK_COUNT, MESH_VERTICES, FloatArray

_METADATA = "geometry_pipeline_metadata_landmarks.binarypb"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

Indices = NDArray[np.intp]
FOREHEAD_TOP: Final = 10
CHIN: Final = 152

RIGHT_EYE_CORNER: Final = 33
"""Outer corner of the right eye."""

LEFT_EYE_CORNER: Final = 263
"""Outer corner of the left eye."""

RIGHT_CHEEK: Final = 234
"""Where the outline passes in front of the right ear."""

LEFT_CHEEK: Final = 454
"""Where the outline passes in front of the left ear."""

UPPER_LIP_INSIDE: Final = 13
LOWER_LIP_INSIDE: Final = 14

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


@dataclass(frozen=True, slots=True, eq=False)
class CanonicalMesh:
    """The mean face, whose numbering every landmark mesh shares.

    The axes are the picture's: x to the viewer's right, y down, z away from the camera. The face looks at the camera.

    Attributes:
        vertices: float32 (468, 3), centimetres.
        uv: float32 (468, 2), 0-1, the face unrolled: u to the right, v down from the forehead to the chin.
        triangles: int32 (898, 3), indices into the vertices.
        rigid_weights: float32 (468,), how firmly a vertex keeps its place when the face moves; mostly 0, sums to 1.
    """

    vertices: FloatArray
    uv: FloatArray
    triangles: NDArray[np.int32]
    rigid_weights: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """The parts of the landmark bundle; the networks are TFLite flatbuffers."""

    detector: bytes = field(repr=False)
    landmarker: bytes = field(repr=False)
    blendshapes: bytes = field(repr=False)
    mesh: CanonicalMesh


def read_bundle(path: Path) -> Bundle:
    """Read the landmark bundle.

    Raises:
        ModelMissing: the file does not exist.
        FusionError: the file is not a landmark bundle.
    """
    if not path.is_file():
        raise ModelMissing(f"expected the landmark bundle at {path}; 'facemeld models fetch' puts it into the model folder")
    try:
        with zipfile.ZipFile(path) as archive:
            return Bundle(
                detector=archive.read("face_detector.tflite"),
                landmarker=archive.read("face_landmarks_detector.tflite"),
                blendshapes=archive.read("face_blendshapes.tflite"),
                mesh=parse_geometry(archive.read(_METADATA)),
            )
    except (zipfile.BadZipFile, KeyError) as error:
        raise FusionError(f"{path} must be a face landmarker bundle: {error}") from error


def parse_geometry(metadata: bytes) -> CanonicalMesh:
    """Read the canonical mesh from the bundle's geometry metadata, a protobuf.

    Message 1: field 1 the mesh, fields 2 the rigid points. Mesh: fields 3 the vertex buffer (x y z u v, floats), fields 4 the
    triangle indices. Rigid point: field 1 the landmark, field 2 its weight.

    Raises:
        FusionError: the bytes do not follow that schema or do not describe 468 vertices.
    """
    try:
        return _parse_geometry(metadata)
    except (IndexError, struct.error, ValueError) as error:
        raise FusionError(f"the bundle's geometry metadata is damaged: {error}") from error


def _parse_geometry(metadata: bytes) -> CanonicalMesh:
    vertices: list[float] = []
    indices: list[int] = []
    rigid = np.zeros(MESH_VERTICES, np.float32)
    for number, _, value in _fields(metadata):
        if number == 1 and isinstance(value, bytes):
            for part, _, content in _fields(value):
                if part == 3:
                    vertices += _floats(content)
                elif part == 4:
                    indices += _integers(content)
        elif number == 2 and isinstance(value, bytes):
            point = {part: content for part, _, content in _fields(value)}
            rigid[_integers(point[1])[0]] = _floats(point[2])[0]
    table = np.array(vertices, np.float32).reshape(-1, 5)
    triangles = np.array(indices, np.int32).reshape(-1, 3)
    if len(table) != MESH_VERTICES or not len(triangles) or not rigid.any():
        raise ValueError(f"expected {MESH_VERTICES} vertices, triangles and rigid points, got {len(table)} and {len(triangles)}")
    if triangles.min() < 0 or triangles.max() >= MESH_VERTICES:
        raise ValueError(f"triangle indices must be within 0-{MESH_VERTICES - 1}")
    # The file's axes are y up and z towards the camera.
    return CanonicalMesh(table[:, :3] * np.array([1, -1, -1], np.float32), table[:, 3:].copy(), triangles, rigid / rigid.sum())


def _fields(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """Yield the fields of a protobuf message as (number, wire type, value); fixed-width values stay bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == _VARINT:
            number, at = _varint(data, at)
            yield key >> 3, kind, number
            continue
        if kind == _BYTES:
            size, at = _varint(data, at)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"unknown wire type {kind}")
        if at + size > len(data):
            raise ValueError("a field runs past the end")
        yield key >> 3, kind, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def _floats(content: int | bytes) -> list[float]:
    """Floats of a repeated field, packed or not."""
    if isinstance(content, int):
        raise ValueError("expected floats, got an integer")
    return list(struct.unpack(f"<{len(content) // 4}f", content))


def _integers(content: int | bytes) -> list[int]:
    """Integers of a repeated field, packed or not."""
    if isinstance(content, int):
        return [content]
    numbers, at = [], 0
    while at < len(content):
        number, at = _varint(content, at)
        numbers.append(number)
    return numbers


def _indices(*values: int) -> Indices:
    table = np.array(values, np.intp)
    table.setflags(write=False)
    return table


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


def oval(mesh: CanonicalMesh) -> Indices:
    """Outline of the face: the mesh's border, in order from the top of the forehead; (36,)."""
    seen: set[tuple[int, int]] = set()
    for triangle in mesh.triangles.tolist():
        seen.update(zip(triangle, triangle[1:] + triangle[:1], strict=True))
    # Triangles wind the same way, so an inner edge is seen once in each direction.
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
    """For each landmark, the landmark that mirroring left and right puts in its place: (478,); its own inverse."""
    reflected = mesh.vertices * np.array([-1, 1, 1], np.float32)
    distance = np.linalg.norm(reflected[:, None] - mesh.vertices[None], axis=2)
    partner = np.arange(LANDMARK_COUNT)
    partner[:MESH_VERTICES] = distance.argmin(axis=1)
    # In a mirror the left rim point of the right iris is the right rim point of the left iris.
    turned = LEFT_IRIS[[0, 3, 2, 1, 4]]
    partner[RIGHT_IRIS], partner[turned] = turned, RIGHT_IRIS
    return _indices(*partner.tolist())


@lru_cache(maxsize=1)
def blendshape_mirror() -> Indices:
    """For each expression score, the score that mirroring left and right puts in its place: (52,); its own inverse."""

    def other(name: str) -> str:
        if name.endswith("Left"):
            return name.removesuffix("Left") + "Right"
        return name.removesuffix("Right") + "Left" if name.endswith("Right") else name

    return _indices(*(BLENDSHAPE_NAMES.index(other(name)) for name in BLENDSHAPE_NAMES))


def face_width(mesh: NDArray[np.floating]) -> float:
    """Size of a face in pixels that does not change with its pose: the distance between the ears in three dimensions."""
    across = float(np.linalg.norm(mesh[LEFT_CHEEK] - mesh[RIGHT_CHEEK]))
    return max(across, 1.0)
