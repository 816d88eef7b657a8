"""Metadata blocks of JPEG, PNG and WebP files: put in and taken out without touching the encoded pixels.

Sources: XMP specification part 3 (2020), sections 1.1.3 (JPEG) and 1.1.5 (PNG); PNG, third edition, 11.3.3.4 (iTXt);
the WebP container specification (VP8X and XMP chunks).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from facemeld.marks.errors import ContainerInvalid, MetadataInvalid

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\x00"
_PNG_XMP = "XML:com.adobe.xmp"
_JPEG_MAX_BODY = 65_533
_WEBP_HAS_XMP, _WEBP_HAS_ALPHA = 0x04, 0x10
# A JPEG's JUMBF box (ISO/IEC 19566-5, annex D) and the label in the description box of a C2PA manifest store.
_JPEG_JUMBF, _C2PA_LABEL = b"JP", b"c2pa\x00"


@dataclass(slots=True)
class Blocks:
    """Where a file may speak about itself, as found in its container.

    Attributes:
        xmp: XMP packets.
        texts: EXIF blocks, comments and text chunks, as they lie in the file.
        manifest: Whether there is a C2PA manifest store.
    """

    xmp: list[bytes] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    manifest: bool = False


def insert(data: bytes, xmp: bytes, texts: Sequence[tuple[str, str]] = ()) -> bytes:
    """The file with an XMP packet (replacing one that was there) and, in a PNG, text chunks.

    Args:
        data: a JPEG, PNG or WebP.
        xmp: the packet, UTF-8.
        texts: pairs of a Latin-1 keyword and a text; left out of formats other than PNG.

    Raises:
        ContainerInvalid: ``data`` is of another kind or damaged.
        MetadataInvalid: the packet is too long for the format.
    """
    try:
        if data.startswith(b"\xff\xd8\xff"):
            return _insert_jpeg(data, xmp)
        if data.startswith(_PNG_SIGNATURE):
            return _insert_png(data, xmp, texts)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _insert_webp(data, xmp)
    except (struct.error, IndexError) as error:
        raise ContainerInvalid("the file ends inside its header") from error
    raise ContainerInvalid("metadata can be put into JPEG, PNG and WebP files, got something else")


def extract(data: bytes) -> tuple[bytes | None, list[tuple[str, str]]]:
    """The first XMP packet of a file (None where there is none) and a PNG's uncompressed international text chunks.

    Raises:
        ContainerInvalid: ``data`` is not a JPEG, PNG or WebP, or is damaged.
    """
    try:
        if data.startswith(b"\xff\xd8\xff"):
            packets = [
                data[start + 4 + len(_JPEG_XMP) : end] for marker, start, end in _jpeg_segments(data) if _is_jpeg_xmp(data, marker, start)
            ]
            return (packets[0] if packets else None), []
        if data.startswith(_PNG_SIGNATURE):
            texts = [text for kind, body in _png_chunks(data) if kind == b"iTXt" and (text := _read_text(body)) is not None]
            found = next((text for keyword, text in texts if keyword == _PNG_XMP), None)
            return (None if found is None else found.encode()), [pair for pair in texts if pair[0] != _PNG_XMP]
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return next((body for kind, body in _webp_chunks(data) if kind == b"XMP "), None), []
    except (struct.error, IndexError) as error:
        raise ContainerInvalid("the file ends inside its header") from error
    raise ContainerInvalid("metadata can be read from JPEG, PNG and WebP files, got something else")


def survey(data: bytes) -> Blocks:
    """Where a JPEG, PNG or WebP speaks about itself; of a damaged file or one of another kind, what could be found.

    Takes microseconds: the encoded pixels are passed over.
    """
    blocks = Blocks()
    with suppress(ContainerInvalid, struct.error, IndexError):
        if data.startswith(b"\xff\xd8\xff"):
            _survey_jpeg(data, blocks)
        elif data.startswith(_PNG_SIGNATURE):
            _survey_png(data, blocks)
        elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            for kind, body in _webp_chunks(data):
                blocks.xmp += [body] if kind == b"XMP " else []
                blocks.texts += [body] if kind == b"EXIF" else []
                blocks.manifest |= kind == b"C2PA"
    return blocks


def _survey_jpeg(data: bytes, blocks: Blocks) -> None:
    for marker, start, end in _jpeg_segments(data):
        if _is_jpeg_xmp(data, marker, start):
            blocks.xmp.append(data[start + 4 + len(_JPEG_XMP) : end])
        elif marker in {0xE1, 0xFE}:
            blocks.texts.append(data[start + 4 : end])
        elif marker == 0xEB and data.startswith(_JPEG_JUMBF, start + 4):
            blocks.manifest |= _C2PA_LABEL in data[start : min(start + 80, end)]


def _survey_png(data: bytes, blocks: Blocks) -> None:
    for kind, start, end in _png_spans(data):
        if kind == b"caBX":
            blocks.manifest = True
        elif kind == b"iTXt" and (text := _read_text(data[start:end])) is not None and text[0] == _PNG_XMP:
            blocks.xmp.append(text[1].encode())
        elif kind in {b"tEXt", b"iTXt", b"eXIf"}:
            blocks.texts.append(data[start:end])


def is_text_keyword(keyword: str) -> bool:
    """Whether a PNG text chunk may have this keyword: 1-79 printable Latin-1 characters, no spaces at the ends or twice."""
    try:
        encoded = keyword.encode("latin-1")
    except UnicodeEncodeError:
        return False
    printable = all(32 <= code <= 126 or code >= 161 for code in encoded)
    return 1 <= len(encoded) <= 79 and printable and keyword == keyword.strip(" ") and "  " not in keyword and keyword != _PNG_XMP


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start (of its 0xFF) and end of the segments before the first scan."""
    position = 2
    while data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker in {0xD9, 0xDA}:
            return
        (length,) = struct.unpack_from(">H", data, position + 2)
        end = position + 2 + length
        if length < 2 or end > len(data):
            raise ContainerInvalid("a JPEG segment is longer than the file or shorter than its own header")
        yield marker, position, end
        position = end
    raise ContainerInvalid("a JPEG must have a scan after its segments")


def _is_jpeg_xmp(data: bytes, marker: int, start: int) -> bool:
    return marker == 0xE1 and data.startswith(_JPEG_XMP, start + 4)


def _insert_jpeg(data: bytes, xmp: bytes) -> bytes:
    if len(_JPEG_XMP) + len(xmp) > _JPEG_MAX_BODY:
        raise MetadataInvalid(f"an XMP packet in a JPEG must have at most {_JPEG_MAX_BODY - len(_JPEG_XMP)} bytes, got {len(xmp)}")
    segment = struct.pack(">BBH", 0xFF, 0xE1, len(_JPEG_XMP) + len(xmp) + 2) + _JPEG_XMP + xmp
    parts = [data[:2]]
    inserted = False
    position = 2
    for marker, start, end in _jpeg_segments(data):
        # JFIF wants its own segment first.
        if marker != 0xE0 and not inserted:
            parts.append(segment)
            inserted = True
        if not _is_jpeg_xmp(data, marker, start):
            parts.append(data[start:end])
        position = end
    return b"".join([*parts, b"" if inserted else segment, data[position:]])


def _png_spans(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of the body of every chunk."""
    position = len(_PNG_SIGNATURE)
    while True:
        (length,) = struct.unpack_from(">I", data, position)
        kind = data[position + 4 : position + 8]
        if position + 12 + length > len(data):
            raise ContainerInvalid("the PNG is truncated")
        yield kind, position + 8, position + 8 + length
        if kind == b"IEND":
            return
        position += 12 + length


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    for kind, start, end in _png_spans(data):
        yield kind, data[start:end]


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _insert_png(data: bytes, xmp: bytes, texts: Sequence[tuple[str, str]]) -> bytes:
    parts = [_PNG_SIGNATURE]
    for kind, body in _png_chunks(data):
        if kind == b"iTXt" and body.startswith(_PNG_XMP.encode() + b"\x00"):
            continue
        parts.append(_png_chunk(kind, body))
        if kind == b"IHDR":
            added = [(_PNG_XMP, xmp.decode()), *texts]
            parts += [_png_chunk(b"iTXt", keyword.encode("latin-1") + b"\x00\x00\x00\x00\x00" + text.encode()) for keyword, text in added]
    return b"".join(parts)


def _read_text(body: bytes) -> tuple[str, str] | None:
    """Keyword and text of an iTXt chunk; None where it is compressed or damaged."""
    keyword, separator, rest = body.partition(b"\x00")
    fields = rest[2:].split(b"\x00", 2)
    if not separator or rest[:1] != b"\x00" or len(fields) != 3:
        return None
    return keyword.decode("latin-1"), fields[2].decode("utf-8", "replace")


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    end = 8 + int(struct.unpack_from("<I", data, 4)[0])
    if end > len(data):
        raise ContainerInvalid("the WebP is truncated")
    position = 12
    while position + 8 <= end:
        (length,) = struct.unpack_from("<I", data, position + 4)
        if position + 8 + length > end:
            raise ContainerInvalid("the WebP is truncated")
        yield data[position : position + 4], data[position + 8 : position + 8 + length]
        position += 8 + length + length % 2


def _insert_webp(data: bytes, xmp: bytes) -> bytes:
    chunks = [(kind, body) for kind, body in _webp_chunks(data) if kind != b"XMP "]
    if not chunks:
        raise ContainerInvalid("a WebP must have a picture chunk, got none")
    if chunks[0][0] == b"VP8X":
        flags = chunks.pop(0)[1]
        extended = bytes([flags[0] | _WEBP_HAS_XMP]) + flags[1:]
    else:
        extended = _extended_header(*chunks[0])
    chunks = [(b"VP8X", extended), *chunks, (b"XMP ", xmp)]
    payload = b"".join(kind + struct.pack("<I", len(body)) + body + b"\x00" * (len(body) % 2) for kind, body in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(payload)) + b"WEBP" + payload


def _extended_header(kind: bytes, body: bytes) -> bytes:
    """The VP8X chunk that announces XMP beside a simple WebP's only picture chunk."""
    flags = _WEBP_HAS_XMP
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", body, 1)
        width, height = int(bits & 0x3FFF), int(bits >> 14 & 0x3FFF)
        flags |= _WEBP_HAS_ALPHA if bits >> 28 & 1 else 0
    elif kind == b"VP8 ":
        width, height = (int(value & 0x3FFF) - 1 for value in struct.unpack_from("<HH", body, 6))
    else:
        raise ContainerInvalid(f"a WebP must begin with a picture, got {kind!r}")
    return bytes([flags, 0, 0, 0]) + width.to_bytes(3, "little") + height.to_bytes(3, "little")
