"""Small pictures that the tests of this room share."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def scene(width: int = 96, height: int = 72) -> NDArray[np.uint8]:
    """A smooth picture with four differently coloured quarters, so that every turn of it is another picture."""
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.empty((height, width, 3), np.uint8)
    rgb[..., 0] = 40 + 160 * x // width
    rgb[..., 1] = 40 + 160 * y // height
    rgb[..., 2] = np.where((x < width // 2) & (y < height // 2), 200, 60)
    return rgb


def file_of(image: Image.Image | NDArray[np.uint8], file_format: str, **options: Any) -> bytes:
    """The picture as a file."""
    out = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(out, file_format, **options)
    return out.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG chunk with its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_insert(data: bytes, chunk: bytes) -> bytes:
    """The PNG with a chunk directly after its header."""
    return data[:33] + chunk + data[33:]


def jpeg_segment(marker: int, body: bytes) -> bytes:
    """A JPEG segment."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def jpeg_insert(data: bytes, segment: bytes) -> bytes:
    """The JPEG with a segment directly after its start."""
    return data[:2] + segment + data[2:]


def orientation_exif(value: int, order: str = "<", kind: int = 3) -> bytes:
    """A TIFF block with an orientation tag only."""
    start = b"II*\0" if order == "<" else b"MM\0*"
    return start + struct.pack(order + "IHHHIHHI", 8, 1, 0x0112, kind, 1, value, 0, 0)


def png16(pixels: NDArray[np.uint16]) -> bytes:
    """A 16-bit PNG; uint16 (H, W) grey, (H, W, 2) grey and alpha, (H, W, 3) RGB or (H, W, 4) RGBA."""
    height, width = pixels.shape[:2]
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[1 if pixels.ndim == 2 else pixels.shape[2]]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
