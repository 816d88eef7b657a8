"""Take JPEG, PNG and WebP files apart and put them together: the only parser of their segments and chunks.

The bytes come from strangers, so every length is checked against the file, every walk has a limit, and the only error raised is
``ContainerDamaged``. Nothing is decoded, decompressed or copied: a walk yields positions. Pillow and OpenCV offer no such walk;
they decode.

Sources: ITU-T T.81, annex B (JPEG markers); PNG, third edition, section 5 (chunks); the WebP container specification (RIFF chunks).
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple, TypeAlias

from facemeld.media.errors import ContainerDamaged

ImageFormat: TypeAlias = Literal["jpeg", "png", "webp"]
"""The picture formats that can be read and written."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

APP0, APP1, APP2, APP11, COMMENT = b"\xe0", b"\xe1", b"\xe2", b"\xeb", b"\xfe"
"""Kinds of JPEG segments that hold metadata."""

START_OF_SCAN = b"\xda"
FRAME_HEADERS = frozenset(bytes([marker]) for marker in range(0xC0, 0xD0)) - {b"\xc4", b"\xc8", b"\xcc"}
"""Kinds of JPEG segments that hold the picture's size (SOF0 to SOF15)."""

MAX_SEGMENTS = 10_000
MAX_CHUNKS = 100_000
MAX_SCANS = 100

_EOI = 0xD9
_STANDALONE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


class Block(NamedTuple):
    """A JPEG segment, or a chunk of a PNG or WebP; positions are offsets in the file.

    A named tuple, because a file may have thousands of blocks and a frozen dataclass takes twice as long to create.

    Attributes:
        kind: The chunk's type (four bytes), or the second byte of the segment's marker.
        start: Where its header begins.
        body: Where its content begins.
        stop: Where its content ends.
        end: Where the block ends, after its checksum or padding.
    """

    kind: bytes
    start: int
    body: int
    stop: int
    end: int

    def content(self, data: bytes) -> bytes:
        """Return a copy of the block's content; ``data`` is the whole file."""
        return data[self.body : self.stop]


def sniff(data: bytes) -> ImageFormat | None:
    """Return the format that the first bytes announce, whatever the file's name; None for any other format."""
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(PNG_SIGNATURE):
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return None


def walk(data: bytes) -> Iterator[Block]:
    """Yield the blocks of a file in order; kinds differ between the formats, so a reader may look for all of them at once.

    Raises:
        ContainerDamaged: the file is not a JPEG, PNG or WebP, or is damaged. Blocks before the damage have been yielded.
    """
    match sniff(data):
        case "jpeg":
            yield from jpeg_segments(data)
        case "png":
            yield from png_chunks(data)
        case "webp":
            yield from webp_chunks(data)
        case None:
            raise ContainerDamaged("the file must be a JPEG, PNG or WebP, got something else")


def jpeg_segments(data: bytes) -> Iterator[Block]:
    """Yield the segments of a JPEG up to and including its first start of scan.

    Bytes between segments are skipped, as decoders do.

    Raises:
        ContainerDamaged: a segment is longer than the file, there is no scan, or there are more than ``MAX_SEGMENTS`` segments.
    """
    position = 2
    for _ in range(MAX_SEGMENTS):
        found = _NEXT_MARKER.search(data, position)
        if found is None:
            raise ContainerDamaged("a JPEG must have a scan, the file ends before it")
        start = found.end() - 2
        marker = data[start + 1]
        if marker == _EOI:
            raise ContainerDamaged("a JPEG must have a scan, got its end first")
        if marker in _STANDALONE_MARKERS:
            position = start + 2
            continue
        length = int.from_bytes(data[start + 2 : start + 4], "big")
        position = start + 2 + length
        if length < 2 or position > len(data):
            raise ContainerDamaged("a JPEG segment is longer than the file or shorter than its own header")
        segment = Block(data[start + 1 : start + 2], start, start + 4, position, position)
        yield segment
        if segment.kind == START_OF_SCAN:
            return
    raise ContainerDamaged(f"a JPEG must have at most {MAX_SEGMENTS} segments before its scan")


def limit_jpeg_scans(data: bytes, position: int) -> None:
    """Refuse a file with very many scans, because a decoder walks over the whole picture again for each of them.

    Args:
        data: the file.
        position: where its first scan begins.

    Raises:
        ContainerDamaged: there are more than ``MAX_SCANS`` scans.
    """
    scans = 0
    while (found := _NEXT_MARKER.search(data, position)) is not None:
        start = found.end() - 2
        marker = data[start + 1]
        if marker == _EOI:
            return
        scans += marker == START_OF_SCAN[0]
        if scans > MAX_SCANS:
            raise ContainerDamaged(f"a JPEG must have at most {MAX_SCANS} scans")
        position = start + 2
        if marker not in _STANDALONE_MARKERS and position + 2 <= len(data):
            position += max(2, int.from_bytes(data[position : position + 2], "big"))


def png_chunks(data: bytes) -> Iterator[Block]:
    """Yield the chunks of a PNG up to and including IEND; checksums are not verified, see ``check_png_checksum``.

    Raises:
        ContainerDamaged: a chunk is longer than the file, IEND is missing, or there are more than ``MAX_CHUNKS`` chunks.
    """
    position = len(PNG_SIGNATURE)
    for _ in range(MAX_CHUNKS):
        length = int.from_bytes(data[position : position + 4], "big")
        end = position + 12 + length
        if end > len(data):
            raise ContainerDamaged("the PNG is truncated")
        chunk = Block(data[position + 4 : position + 8], position, position + 8, position + 8 + length, end)
        yield chunk
        if chunk.kind == b"IEND":
            return
        position = end
    raise ContainerDamaged(f"a PNG must have at most {MAX_CHUNKS} chunks")


def check_png_checksum(data: bytes, chunk: Block) -> None:
    """Verify the checksum of a PNG chunk.

    Raises:
        ContainerDamaged: it does not match.
    """
    checksum = int.from_bytes(data[chunk.stop : chunk.end], "big")
    if zlib.crc32(memoryview(data)[chunk.start + 4 : chunk.stop]) != checksum:
        raise ContainerDamaged(f"a PNG chunk of type {chunk.kind.decode('latin-1')} is damaged")


def webp_chunks(data: bytes) -> Iterator[Block]:
    """Yield the chunks of a WebP.

    Raises:
        ContainerDamaged: the file or a chunk is shorter than it says, or there are more than ``MAX_CHUNKS`` chunks.
    """
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise ContainerDamaged("the WebP is truncated")
    position = 12
    for _ in range(MAX_CHUNKS):
        if position + 8 > end:
            return
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        stop = position + 8 + length
        if stop > end:
            raise ContainerDamaged("the WebP is truncated")
        # Some writers leave out the padding of the last chunk.
        yield Block(data[position : position + 4], position, position + 8, stop, min(stop + length % 2, end))
        position = stop + length % 2
    raise ContainerDamaged(f"a WebP must have at most {MAX_CHUNKS} chunks")


def webp_picture(kind: bytes, content: bytes) -> tuple[int, int, bool]:
    """Return the width and height in pixels of a ``VP8 `` or ``VP8L`` chunk, and whether it says that it has alpha.

    Raises:
        ContainerDamaged: the chunk is of another kind or too short.
    """
    try:
        if kind == b"VP8L":
            (bits,) = struct.unpack_from("<I", content, 1)
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), bool(bits >> 28 & 1)
        if kind == b"VP8 ":
            width, height = struct.unpack_from("<HH", content, 6)
            return width & 0x3FFF, height & 0x3FFF, False
    except struct.error as error:
        raise ContainerDamaged("the webp header is incomplete") from error
    raise ContainerDamaged(f"a WebP must have a picture chunk, got {kind!r}")


def jpeg_segment(kind: bytes, content: bytes) -> bytes:
    """Return the bytes of a JPEG segment.

    Args:
        kind: the second byte of its marker.
        content: at most 65,533 bytes.
    """
    return b"\xff" + kind + struct.pack(">H", len(content) + 2) + content


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """Return the bytes of a PNG chunk, checksum included."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def webp_file(chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a WebP with the given chunks, each a kind and its content."""
    payload = b"".join(kind + struct.pack("<I", len(content)) + content + b"\x00" * (len(content) % 2) for kind, content in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(payload)) + b"WEBP" + payload
