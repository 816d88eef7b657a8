"""Breaks PNG files at places where decoders look: header, chunks, checksums, palette, filters, compressed data."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from random import Random

from bench.mutants_jpeg import ODD_NUMBERS

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KINDS = (
    b"IHDR",
    b"PLTE",
    b"IDAT",
    b"IEND",
    b"tRNS",
    b"gAMA",
    b"cHRM",
    b"sRGB",
    b"iCCP",
    b"bKGD",
    b"acTL",
    b"fcTL",
    b"fdAT",
    b"eXIf",
    b"ABCD",
)


@cache
def _grows_to_megabytes(byte: bytes) -> bytes:
    """A few kilobytes that decompress to twenty megabytes."""
    return zlib.compress(byte * 20_000_000)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk of a file.

    Attributes:
        kind: Four letters.
        body: Its data.
        length: Length that it claims; None for the true one.
        damage: What its checksum is off by.
    """

    kind: bytes
    body: bytes = b""
    length: int | None = None
    damage: int = 0

    def file(self) -> bytes:
        """Its bytes in a file."""
        length = len(self.body) if self.length is None else self.length
        checksum = zlib.crc32(self.kind + self.body) ^ self.damage
        return struct.pack(">I", length) + self.kind + self.body + struct.pack(">I", checksum)


def parse(data: bytes) -> list[Chunk]:
    """The chunks of a file; the list ends where the file stops making sense."""
    chunks: list[Chunk] = []
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if at + 12 + length > len(data):
            break
        chunks.append(Chunk(data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return chunks


def join(chunks: list[Chunk]) -> bytes:
    """The file of some chunks."""
    return SIGNATURE + b"".join(chunk.file() for chunk in chunks)


def _pick(chunks: list[Chunk], dice: Random, *kinds: bytes) -> int | None:
    found = [number for number, chunk in enumerate(chunks) if not kinds or chunk.kind in kinds]
    return dice.choice(found) if found else None


def _before_data(chunks: list[Chunk], chunk: Chunk) -> None:
    at = next((number for number, one in enumerate(chunks) if one.kind == b"IDAT"), len(chunks))
    chunks.insert(at, chunk)


def header(chunks: list[Chunk], dice: Random) -> None:
    """Another size, depth, kind of colour, compression, filter or interlacing, with a checksum that fits."""
    if (at := _pick(chunks, dice, b"IHDR")) is None or len(chunks[at].body) < 13:
        return
    body = bytearray(chunks[at].body)
    for _ in range(dice.choice((1, 1, 2))):
        match dice.randrange(4):
            case 0:
                struct.pack_into(">I", body, dice.choice((0, 4)), dice.choice((*ODD_NUMBERS, 2**31 - 1, 2**31, 2**32 - 1)))
            case 1:
                body[8] = dice.choice((0, 1, 2, 4, 8, 16, 32, 255))
            case 2:
                body[9] = dice.choice((0, 2, 3, 4, 6, 1, 7, 255))
            case _:
                body[dice.choice((10, 11, 12))] = dice.choice((0, 1, 2, 255))
    chunks[at] = replace(chunks[at], body=bytes(body))


def checksum(chunks: list[Chunk], dice: Random) -> None:
    """A wrong checksum."""
    if (at := _pick(chunks, dice)) is not None:
        chunks[at] = replace(chunks[at], damage=dice.randrange(1, 2**32))


def claimed_length(chunks: list[Chunk], dice: Random) -> None:
    """A chunk that claims to be longer or shorter than it is."""
    if (at := _pick(chunks, dice)) is not None:
        size = len(chunks[at].body)
        chunks[at] = replace(chunks[at], length=dice.choice((0, max(0, size - 1), size + 1, size + 12, 2**31 - 1, 2**31, 2**32 - 1)))


def kind(chunks: list[Chunk], dice: Random) -> None:
    """Another kind of chunk with the same data."""
    if (at := _pick(chunks, dice)) is not None:
        chunks[at] = replace(chunks[at], kind=dice.choice((*_KINDS, dice.randbytes(4))))


def order(chunks: list[Chunk], dice: Random) -> None:
    """A chunk twice, gone, or somewhere else."""
    if len(chunks) < 3:
        return
    at = dice.randrange(len(chunks))
    match dice.randrange(4):
        case 0:
            chunks.insert(dice.randrange(len(chunks)), chunks[at])
        case 1:
            del chunks[at]
        case 2:
            chunks.insert(dice.randrange(len(chunks) - 1), chunks.pop(at))
        case _:
            chunks[at:at] = [chunks[at]] * dice.choice((2, 30))


def pixels(chunks: list[Chunk], dice: Random) -> None:
    """Rows with other filters or bytes, too few or too many of them, compressed anew."""
    try:
        rows = bytearray(zlib.decompress(b"".join(chunk.body for chunk in chunks if chunk.kind == b"IDAT")))
    except zlib.error:
        return
    if not rows:
        return
    match dice.randrange(4):
        case 0:
            for _ in range(dice.randint(1, 50)):
                rows[dice.randrange(len(rows))] = dice.choice((0, 1, 2, 3, 4, 5, 255))
        case 1:
            del rows[dice.randrange(len(rows)) :]
        case 2:
            rows += bytes(dice.choice((1, 1000, 5_000_000)))
        case _:
            rows = bytearray(dice.randbytes(len(rows)))
    _replace_data(chunks, [zlib.compress(bytes(rows), dice.choice((0, 1)))])


def compressed(chunks: list[Chunk], dice: Random) -> None:
    """Flipped bits in the compressed data, its end missing, or a preset dictionary asked for; checksums of the chunks fit."""
    data = bytearray(b"".join(chunk.body for chunk in chunks if chunk.kind == b"IDAT"))
    if len(data) < 3:
        return
    match dice.randrange(4):
        case 0:
            for _ in range(dice.randint(1, 10)):
                data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        case 1:
            del data[dice.randrange(len(data)) :]
        case 2:
            data[1] |= 0x20
        case _:
            data[0] = dice.randrange(256)
    _replace_data(chunks, [bytes(data)])


def pieces(chunks: list[Chunk], dice: Random) -> None:
    """The data in many chunks, some of them empty, or with others between them."""
    data = b"".join(chunk.body for chunk in chunks if chunk.kind == b"IDAT")
    size = max(1, len(data) // dice.choice((2, 20, 300)))
    cut = [data[at : at + size] for at in range(0, len(data), size)]
    for _ in range(dice.choice((0, 1, 50))):
        cut.insert(dice.randrange(len(cut) + 1), b"")
    _replace_data(chunks, cut)
    if dice.random() < 0.3 and (at := _pick(chunks, dice, b"IDAT")) is not None:
        chunks.insert(at, Chunk(dice.choice(_KINDS), dice.randbytes(20)))


def _replace_data(chunks: list[Chunk], bodies: list[bytes]) -> None:
    at = next((number for number, chunk in enumerate(chunks) if chunk.kind == b"IDAT"), len(chunks))
    chunks[:] = [chunk for chunk in chunks if chunk.kind != b"IDAT"]
    chunks[at:at] = [Chunk(b"IDAT", body) for body in bodies]


def palette(chunks: list[Chunk], dice: Random) -> None:
    """A palette with too few, too many or a broken number of colours."""
    entries = Chunk(b"PLTE", dice.randbytes(dice.choice((0, 1, 3, 4, 6, 768, 771))))
    if (at := _pick(chunks, dice, b"PLTE")) is not None and dice.random() < 0.8:
        chunks[at] = entries
    else:
        _before_data(chunks, entries)


def transparency(chunks: list[Chunk], dice: Random) -> None:
    """A transparency that does not fit the kind of colour."""
    _before_data(chunks, Chunk(b"tRNS", dice.randbytes(dice.choice((0, 1, 2, 3, 6, 7, 256, 300)))))


def profile(chunks: list[Chunk], dice: Random) -> None:
    """A colour profile that is none, or one that grows to megabytes."""
    content = bytearray(dice.randbytes(200))
    content[36:40] = b"acsp"
    packed = dice.choice((zlib.compress(bytes(content)), _grows_to_megabytes(b"\0"), zlib.compress(b""), zlib.compress(b"x" * 127)))
    _before_data(chunks, Chunk(b"iCCP", b"name\0\0" + packed[: dice.choice((len(packed), len(packed) // 2))]))


def exif(chunks: list[Chunk], dice: Random) -> None:
    """Any orientation."""
    entry = struct.pack(">HHIHH", 0x0112, dice.choice((3, 3, 4, 0)), dice.choice((1, 1, 0, 2**31)), dice.randrange(12), 0)
    block = b"MM\0*" + struct.pack(">IH", dice.choice((8, 8, 8, 2**32 - 1)), dice.choice((1, 1, 65535))) + entry
    _before_data(chunks, Chunk(b"eXIf", block[: dice.choice((len(block), len(block), 9))]))


def text(chunks: list[Chunk], dice: Random) -> None:
    """Text chunks: XMP that is not whole, or text that grows to megabytes."""
    packed = dice.choice((zlib.compress(b"aigc"), _grows_to_megabytes(b"a")))
    choices = (
        Chunk(b"zTXt", b"Comment\0\0" + packed),
        Chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + packed),
        Chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF" + b"<b>" * dice.choice((0, 5000))),
        Chunk(b"tEXt", b"AIGC\0" + b"[" * 5000),
        Chunk(b"caBX", struct.pack(">I", dice.choice((0, 8, 100, 2**31))) + b"jumb" + dice.randbytes(80)),
    )
    _before_data(chunks, dice.choice(choices))


def animation(chunks: list[Chunk], dice: Random) -> None:
    """Frames of an animation, fewer or more than announced."""
    _before_data(chunks, Chunk(b"acTL", struct.pack(">II", dice.choice((0, 1, 2, 2**31)), 0)[: dice.choice((8, 8, 3))]))
    chunks.insert(max(1, len(chunks) - 1), Chunk(b"fdAT", struct.pack(">I", 1) + dice.randbytes(30)))


MUTATIONS: Mapping[str, Callable[[list[Chunk], Random], None]] = {
    mutation.__name__: mutation
    for mutation in (
        header,
        checksum,
        claimed_length,
        kind,
        order,
        pixels,
        compressed,
        pieces,
        palette,
        transparency,
        profile,
        exif,
        text,
        animation,
    )
}
"""Ways to break a file, by name; each changes the list of its chunks."""
