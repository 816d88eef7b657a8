"""Reads the landmark bundle: three networks, the canonical face mesh and the weights of its rigid points."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.errors import FusionError, ModelMissing
from facemeld.fusion.types import MESH_VERTICES, FloatArray

_METADATA = "geometry_pipeline_metadata_landmarks.binarypb"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, slots=True, eq=False)
class CanonicalMesh:
    """The mean face that every landmark mesh shares its numbering with.

    The axes are the picture's: x to the right as the viewer sees it, y down, z away from the camera; the face looks at the camera.

    Attributes:
        vertices: float32 (468, 3), centimetres.
        uv: float32 (468, 2), 0-1, the face unrolled: u to the right, v down from the forehead to the chin.
        triangles: int32 (898, 3), indices into the vertices.
        rigid_weights: float32 (468,), how firmly a vertex keeps its place when the face moves; sums to 1, mostly 0.
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
        ModelMissing: the file is not there.
        FusionError: the file is not such a bundle.
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
    """Read the canonical mesh out of the bundle's geometry metadata (a protobuf of the schema below).

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
    """Fields of a protobuf message as (number, wire type, value); fixed-width values stay bytes."""
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
