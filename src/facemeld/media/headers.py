"""Format, size, orientation and colour profile of a picture from its bytes, without decoding pixels.

Only what is needed to decode pixels is passed on (``ImageHeader.pixels_only``): EXIF, XMP, text, thumbnails and unknown
chunks of strangers never reach a decoder.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from facemeld.media.errors import EmptyImage, UndecodableImage

ImageFormat: TypeAlias = Literal["jpeg", "png", "webp"]
"""The picture formats that can be read and written."""

DEFAULT_FORMATS: tuple[ImageFormat, ...] = ("jpeg", "png")
"""The formats of the API: JPG and PNG."""

MAX_ICC_BYTES = 4 * 1024 * 1024
_MAX_PNG_CHUNKS = 100_000
_MAX_JPEG_SEGMENTS = 10_000
_MAX_JPEG_SCANS = 100
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SOF_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_STANDALONE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})
_KEPT_MARKERS = _SOF_MARKERS | {0xC4, 0xCC, 0xDB, 0xDD, 0xE0, 0xEE}
_EOI, _SOS, _APP1, _APP2 = 0xD9, 0xDA, 0xE1, 0xE2
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_KEPT_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_CRITICAL_CHUNKS = frozenset({b"IHDR", b"PLTE", b"IDAT"})


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What a file says about its picture.

    ``width`` and ``height`` are those of the upright picture, after ``orientation`` (EXIF, 1-8) has been applied.
    """

    width: int
    height: int
    format: ImageFormat
    orientation: int = 1
    icc: bytes | None = field(default=None, repr=False)
    pixels_only: bytes = field(default=b"", repr=False, compare=False)


def sniff(data: bytes) -> ImageFormat | None:
    """The format that the first bytes announce, whatever the file's name; None when it is none of ours."""
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(_PNG_SIGNATURE):
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return None


def probe(data: bytes, formats: Sequence[ImageFormat] = DEFAULT_FORMATS) -> ImageHeader:
    """Read the header of a picture.

    Raises:
        EmptyImage: there are no bytes.
        UndecodableImage: the format is not among ``formats``, the header is damaged, or the picture is animated.
    """
    if not data:
        raise EmptyImage("a picture must have at least one byte, got 0")
    found = sniff(data)
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
    """The orientation (1-8) in an EXIF block with or without its ``Exif`` prefix; 1 when it is absent or damaged."""
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


def jpeg_frame_and_scan(data: bytes) -> tuple[int, int]:
    """Where the frame header of a JPEG begins, and where the coded pixels of its first scan do.

    Raises:
        UndecodableImage: the file ends before that, or has a scan without a frame.
    """
    frame = None
    for marker, start, end in _jpeg_segments(data):
        if marker in _SOF_MARKERS:
            frame = start
        elif marker == _SOS and frame is not None:
            return frame, end
    raise UndecodableImage("a JPEG must have a frame header before its scan, got none")


def _upright(width: int, height: int, orientation: int) -> tuple[int, int]:
    return (height, width) if orientation >= 5 else (width, height)


def _probe_jpeg(data: bytes) -> ImageHeader:
    size: tuple[int, int] | None = None
    orientation: int | None = None
    icc: dict[int, bytes] = {}
    kept = [data[:2]]
    scan_start = 0
    for marker, start, end in _jpeg_segments(data):
        body = data[start + 4 : end]
        if marker == _SOS:
            scan_start = start
            break
        if marker in _SOF_MARKERS:
            if size is not None:
                raise UndecodableImage("a JPEG must have one frame header, got several")
            height, width = struct.unpack_from(">HH", body, 1)
            size = (width, height)
        elif marker == _APP1 and orientation is None and body.startswith(b"Exif\x00\x00"):
            orientation = exif_orientation(body)
        elif marker == _APP2 and body.startswith(b"ICC_PROFILE\x00") and len(body) > 14:
            icc[body[12]] = body[14:]
        if marker in _KEPT_MARKERS:
            kept.append(data[start:end])
    if size is None or not scan_start:
        raise UndecodableImage("a JPEG must have a frame header and a scan, got none")
    _limit_scans(data, scan_start)
    kept.append(data[scan_start:])
    profile = b"".join(icc[number] for number in sorted(icc))
    width, height = _upright(*size, orientation or 1)
    return ImageHeader(width, height, "jpeg", orientation or 1, _sane_icc(profile), b"".join(kept))


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start (of its 0xFF) and end of every segment up to and including the first start of scan."""
    position = 2
    for _ in range(_MAX_JPEG_SEGMENTS):
        found = _NEXT_MARKER.search(data, position)
        if found is None:
            raise UndecodableImage("a JPEG must have a scan, the file ends before it")
        start = found.end() - 2
        marker = data[start + 1]
        if marker == _EOI:
            raise UndecodableImage("a JPEG must have a scan, got its end first")
        if marker in _STANDALONE_MARKERS:
            position = start + 2
            continue
        end = start + 2 + _segment_length(data, start)
        yield marker, start, end
        if marker == _SOS:
            return
        position = end
    raise UndecodableImage(f"a JPEG must have at most {_MAX_JPEG_SEGMENTS} segments before its scan")


def _segment_length(data: bytes, start: int) -> int:
    (length,) = struct.unpack_from(">H", data, start + 2)
    if length < 2 or start + 2 + length > len(data):
        raise UndecodableImage("a JPEG segment is longer than the file or shorter than its own header")
    return int(length)


def _limit_scans(data: bytes, position: int) -> None:
    """Refuse files with very many scans: each one makes the decoder walk over the whole picture again."""
    scans = 0
    while (found := _NEXT_MARKER.search(data, position)) is not None:
        start = found.end() - 2
        marker = data[start + 1]
        if marker == _EOI:
            return
        scans += marker == _SOS
        if scans > _MAX_JPEG_SCANS:
            raise UndecodableImage(f"a JPEG must have at most {_MAX_JPEG_SCANS} scans")
        position = start + 2
        if marker not in _STANDALONE_MARKERS and position + 2 <= len(data):
            position += max(2, struct.unpack_from(">H", data, position)[0])


def _probe_png(data: bytes) -> ImageHeader:
    width, height = struct.unpack_from(">II", data, 16)
    if data[8:16] != b"\x00\x00\x00\rIHDR":
        raise UndecodableImage("a PNG must begin with its header chunk")
    icc: bytes | None = None
    exif = b""
    kept = [_PNG_SIGNATURE]
    for kind, start, end in _png_chunks(data):
        if kind == b"acTL" and struct.unpack_from(">I", data, start + 8)[0] > 1:
            raise UndecodableImage("the picture must be still, got an animated PNG")
        if kind == b"IHDR" and start != 8:
            raise UndecodableImage("a PNG must have one header chunk, got several")
        if kind == b"iCCP":
            icc = _png_icc(data[start + 8 : end - 4])
        elif kind == b"eXIf":
            exif = data[start + 8 : end - 4]
        if kind in _KEPT_CHUNKS:
            kept.append(data[start:end])
    orientation = exif_orientation(exif)
    width, height = _upright(width, height, orientation)
    return ImageHeader(width, height, "png", orientation, _sane_icc(icc or b""), b"".join(kept))


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of every chunk up to and including the last; checksums of those that matter are verified."""
    position = 8
    for _ in range(_MAX_PNG_CHUNKS):
        (length,) = struct.unpack_from(">I", data, position)
        kind = data[position + 4 : position + 8]
        end = position + 12 + length
        if end > len(data):
            raise UndecodableImage("the PNG is truncated")
        if kind in _CRITICAL_CHUNKS:
            (checksum,) = struct.unpack_from(">I", data, end - 4)
            if zlib.crc32(memoryview(data)[position + 4 : end - 4]) != checksum:
                raise UndecodableImage(f"a PNG chunk of type {kind.decode('ascii')} is damaged")
        yield kind, position, end
        if kind == b"IEND":
            return
        position = end
    raise UndecodableImage(f"a PNG must have at most {_MAX_PNG_CHUNKS} chunks")


def _png_icc(body: bytes) -> bytes | None:
    """The profile of an iCCP chunk (name, 0, method 0, zlib stream), or None when it is damaged or too large."""
    _, _, rest = body.partition(b"\x00")
    inflater = zlib.decompressobj()
    try:
        profile = inflater.decompress(rest[1:], MAX_ICC_BYTES + 1)
    except zlib.error:
        return None
    return profile if inflater.eof else None


def _probe_webp(data: bytes) -> ImageHeader:
    chunks = dict(_webp_chunks(data))
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
    elif b"VP8L" in chunks:
        (bits,) = struct.unpack_from("<I", chunks[b"VP8L"], 1)
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    elif b"VP8 " in chunks:
        width, height = (value & 0x3FFF for value in struct.unpack_from("<HH", chunks[b"VP8 "], 6))
    else:
        raise UndecodableImage("a WebP must have a picture chunk, got none")
    payload = b"".join(kind + struct.pack("<I", len(body)) + body + b"\x00" * (len(body) % 2) for kind, body in kept)
    orientation = exif_orientation(chunks.get(b"EXIF", b""))
    width, height = _upright(width, height, orientation)
    clean = b"RIFF" + struct.pack("<I", 4 + len(payload)) + b"WEBP" + payload
    return ImageHeader(width, height, "webp", orientation, _sane_icc(chunks.get(b"ICCP", b"")), clean)


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    end = 8 + int(struct.unpack_from("<I", data, 4)[0])
    if end > len(data):
        raise UndecodableImage("the WebP is truncated")
    position = 12
    for _ in range(_MAX_PNG_CHUNKS):
        if position + 8 > end:
            return
        kind = data[position : position + 4]
        (length,) = struct.unpack_from("<I", data, position + 4)
        if position + 8 + length > end:
            raise UndecodableImage("the WebP is truncated")
        yield kind, data[position + 8 : position + 8 + length]
        position += 8 + length + length % 2
    raise UndecodableImage(f"a WebP must have at most {_MAX_PNG_CHUNKS} chunks")


def _sane_icc(profile: bytes) -> bytes | None:
    """The profile when it looks like one (ICC.1:2022, 7.2: signature ``acsp`` at byte 36), else None."""
    return profile if 128 < len(profile) <= MAX_ICC_BYTES and profile[36:40] == b"acsp" else None
