"""Read format, size, orientation and colour profile of a picture from its bytes, without decoding pixels.

Only the parts needed to decode pixels are passed on (``ImageHeader.pixels_only``): EXIF, XMP, text, thumbnails and unknown chunks
never reach a decoder.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from facemeld.media import containers
from facemeld.media.containers import ImageFormat
from facemeld.media.errors import EmptyImage, UndecodableImage

DEFAULT_FORMATS: tuple[ImageFormat, ...] = ("jpeg", "png")
"""The formats of the API: JPG and PNG."""

MAX_ICC_BYTES = 4 * 1024 * 1024
_KEPT_SEGMENTS = containers.FRAME_HEADERS | {b"\xc4", b"\xcc", b"\xdb", b"\xdd", containers.APP0, b"\xee"}
_KEPT_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_CRITICAL_CHUNKS = frozenset({b"IHDR", b"PLTE", b"IDAT"})


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """The description of a picture in its file.

    Attributes:
        width, height: Size in pixels of the upright picture, after ``orientation`` has been applied.
        format: Format of the file.
        orientation: EXIF orientation, 1-8.
        icc: Colour profile, or None where there is none or it is damaged.
        pixels_only: The file without everything that decoding does not need.
    """

    width: int
    height: int
    format: ImageFormat
    orientation: int = 1
    icc: bytes | None = field(default=None, repr=False)
    pixels_only: bytes = field(default=b"", repr=False, compare=False)


def probe(data: bytes, formats: Sequence[ImageFormat] = DEFAULT_FORMATS) -> ImageHeader:
    """Read the header of a picture.

    Raises:
        EmptyImage: there are no bytes.
        UndecodableImage: the format is not among ``formats``, the header is damaged, or the picture is animated.
    """
    if not data:
        raise EmptyImage("a picture must have at least one byte, got 0")
    found = containers.sniff(data)
    if found is None or found not in formats:
        raise UndecodableImage(f"the picture must be {' or '.join(formats)}, got {found or 'something else'}")
    try:
        header = {"jpeg": _probe_jpeg, "png": _probe_png, "webp": _probe_webp}[found](data)
    except (struct.error, IndexError) as error:
        raise UndecodableImage(f"the {found} header is incomplete") from error
    if header.width < 1 or header.height < 1:
        raise UndecodableImage(f"the picture must have pixels, got {header.width}x{header.height}")
    return header


def exif_orientation(exif: bytes) -> int:
    """Return the orientation (1-8) in an EXIF block, with or without its ``Exif`` prefix; 1 when it is absent or damaged."""
    tiff = exif.removeprefix(b"Exif\x00\x00")
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, start)
        for index in range(count):
            tag, kind, values, value = struct.unpack_from(order + "HHIH", tiff, start + 2 + 12 * index)
            if tag == 0x0112:
                return value if kind == 3 and values == 1 and 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1


def _upright(width: int, height: int, orientation: int) -> tuple[int, int]:
    return (height, width) if orientation >= 5 else (width, height)


def _probe_jpeg(data: bytes) -> ImageHeader:
    size: tuple[int, int] | None = None
    orientation: int | None = None
    icc: dict[int, bytes] = {}
    kept = [data[:2]]
    scan_start = 0
    for segment in containers.jpeg_segments(data):
        if segment.kind == containers.START_OF_SCAN:
            scan_start = segment.start
            break
        body = segment.content(data)
        if segment.kind in containers.FRAME_HEADERS:
            if size is not None:
                raise UndecodableImage("a JPEG must have one frame header, got several")
            height, width = struct.unpack_from(">HH", body, 1)
            size = (width, height)
        elif segment.kind == containers.APP1 and orientation is None and body.startswith(b"Exif\x00\x00"):
            orientation = exif_orientation(body)
        elif segment.kind == containers.APP2 and body.startswith(b"ICC_PROFILE\x00") and len(body) > 14:
            icc[body[12]] = body[14:]
        if segment.kind in _KEPT_SEGMENTS:
            kept.append(data[segment.start : segment.end])
    if size is None or not scan_start:
        raise UndecodableImage("a JPEG must have a frame header and a scan, got none")
    containers.limit_jpeg_scans(data, scan_start)
    kept.append(data[scan_start:])
    profile = b"".join(icc[number] for number in sorted(icc))
    width, height = _upright(*size, orientation or 1)
    return ImageHeader(width, height, "jpeg", orientation or 1, _sane_icc(profile), b"".join(kept))


def _probe_png(data: bytes) -> ImageHeader:
    width, height = struct.unpack_from(">II", data, 16)
    if data[8:16] != b"\x00\x00\x00\rIHDR":
        raise UndecodableImage("a PNG must begin with its header chunk")
    icc: bytes | None = None
    exif = b""
    kept = [containers.PNG_SIGNATURE]
    for chunk in containers.png_chunks(data):
        if chunk.kind in _CRITICAL_CHUNKS:
            containers.check_png_checksum(data, chunk)
        if chunk.kind == b"acTL" and struct.unpack_from(">I", data, chunk.body)[0] > 1:
            raise UndecodableImage("the picture must be still, got an animated PNG")
        if chunk.kind == b"IHDR" and chunk.start != len(containers.PNG_SIGNATURE):
            raise UndecodableImage("a PNG must have one header chunk, got several")
        if chunk.kind == b"iCCP":
            icc = _png_icc(chunk.content(data))
        elif chunk.kind == b"eXIf":
            exif = chunk.content(data)
        if chunk.kind in _KEPT_CHUNKS:
            kept.append(data[chunk.start : chunk.end])
    orientation = exif_orientation(exif)
    width, height = _upright(width, height, orientation)
    return ImageHeader(width, height, "png", orientation, _sane_icc(icc or b""), b"".join(kept))


def _png_icc(body: bytes) -> bytes | None:
    """Return the profile of an iCCP chunk (name, 0, method 0, zlib stream), or None when it is damaged or too large."""
    _, _, rest = body.partition(b"\x00")
    inflater = zlib.decompressobj()
    try:
        profile = inflater.decompress(rest[1:], MAX_ICC_BYTES + 1)
    except zlib.error:
        return None
    return profile if inflater.eof else None


def _probe_webp(data: bytes) -> ImageHeader:
    chunks = {chunk.kind: chunk.content(data) for chunk in containers.webp_chunks(data)}
    extended = chunks.get(b"VP8X")
    if b"ANIM" in chunks or b"ANMF" in chunks or (extended and extended[0] & 0x02):
        raise UndecodableImage("the picture must be still, got an animated WebP")
    kept: list[tuple[bytes, bytes]] = []
    if extended:
        # Of the flags only "has alpha" stays: the chunks that the others announce are dropped.
        kept.append((b"VP8X", bytes([extended[0] & 0x10]) + extended[1:]))
    kept += [(kind, chunks[kind]) for kind in (b"ALPH", b"VP8 ", b"VP8L") if kind in chunks]
    if extended:
        width = 1 + int.from_bytes(extended[4:7], "little")
        height = 1 + int.from_bytes(extended[7:10], "little")
    else:
        picture = next((kind for kind in (b"VP8L", b"VP8 ") if kind in chunks), None)
        if picture is None:
            raise UndecodableImage("a WebP must have a picture chunk, got none")
        width, height, _ = containers.webp_picture(picture, chunks[picture])
    orientation = exif_orientation(chunks.get(b"EXIF", b""))
    width, height = _upright(width, height, orientation)
    return ImageHeader(width, height, "webp", orientation, _sane_icc(chunks.get(b"ICCP", b"")), containers.webp_file(kept))


def _sane_icc(profile: bytes) -> bytes | None:
    """Return the profile when it looks like one (ICC.1:2022, 7.2: signature ``acsp`` at byte 36), else None."""
    return profile if 128 < len(profile) <= MAX_ICC_BYTES and profile[36:40] == b"acsp" else None
