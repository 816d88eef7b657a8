"""Reading the bundle: what is not one is refused with a clear error."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facemeld.fusion.errors import FusionError, ModelMissing
from facemeld.fusion.finding.analysis import Analyser
from facemeld.fusion.shape.topology import parse_geometry, read_bundle

METADATA = "geometry_pipeline_metadata_landmarks.binarypb"


def varint(value: int) -> bytes:
    """A protobuf varint."""
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def block(number: int, content: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def geometry(vertices: int, triangles: list[int], packed: bool) -> bytes:
    """Metadata with so many vertices, numbers packed or one by one."""
    numbers = [float(value) for value in range(vertices * 5)]
    if packed:
        mesh = block(3, struct.pack(f"<{len(numbers)}f", *numbers)) + block(4, b"".join(map(varint, triangles)))
    else:
        mesh = b"".join(varint(3 << 3 | 5) + struct.pack("<f", value) for value in numbers)
        mesh += b"".join(varint(4 << 3) + varint(index) for index in triangles)
    rigid = varint(1 << 3) + varint(33) + varint(2 << 3 | 5) + struct.pack("<f", 0.25)
    return block(1, mesh) + block(2, rigid)


def test_a_missing_bundle_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"facemeld models fetch"):
        Analyser(tmp_path / "face_landmarker.task")


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "face_landmarker.task"
    path.write_bytes(content)
    with pytest.raises(FusionError, match="must be a face landmarker bundle"):
        read_bundle(path)


def test_a_zip_without_the_networks_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "face_landmarker.task"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("face_detector.tflite", b"")
    with pytest.raises(FusionError, match=r"face_landmarks_detector\.tflite"):
        read_bundle(path)


@pytest.mark.parametrize("packed", [True, False])
def test_geometry_is_read_packed_or_not(packed: bool) -> None:
    mesh = parse_geometry(geometry(468, [0, 1, 200, 467, 130, 2], packed))
    np.testing.assert_array_equal(mesh.vertices[1], [5, -6, -7])
    np.testing.assert_array_equal(mesh.uv[1], [8, 9])
    assert mesh.triangles.tolist() == [[0, 1, 200], [467, 130, 2]]
    assert np.flatnonzero(mesh.rigid_weights).tolist() == [33]


@pytest.mark.parametrize(
    "damaged",
    [b"", geometry(467, [0, 1, 2], False), geometry(468, [0, 1, 468], False), geometry(468, [], True), geometry(468, [0, 1], True)],
    ids=["empty", "vertices", "index", "no triangles", "half a triangle"],
)
def test_damaged_geometry_is_refused(damaged: bytes) -> None:
    with pytest.raises(FusionError, match="geometry metadata is damaged"):
        parse_geometry(damaged)


@given(st.binary(max_size=400))
def test_any_bytes_give_a_mesh_or_a_clear_error(data: bytes) -> None:
    with pytest.raises(FusionError):
        parse_geometry(data)


@given(st.integers(0, 19_000))
def test_cut_geometry_is_refused(bundle_path: Path, cut: int) -> None:
    with zipfile.ZipFile(bundle_path) as archive:
        metadata = archive.read(METADATA)
    with pytest.raises(FusionError):
        parse_geometry(metadata[:cut])
