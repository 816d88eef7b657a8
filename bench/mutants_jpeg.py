"""Breaks JPEG files at places where decoders look: markers, lengths, tables, frames, scans, entropy-coded data."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random

SOI, EOI, SOS, DHT, DQT, DRI, APP1, APP2, APP14, COM = 0xD8, 0xD9, 0xDA, 0xC4, 0xDB, 0xDD, 0xE1, 0xE2, 0xEE, 0xFE
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_BODY = frozenset({0x01, *range(0xD0, 0xDA)})
ODD_NUMBERS = (0, 1, 2, 3, 7, 8, 63, 64, 65, 127, 128, 255, 256, 2400, 4095, 4096, 7999, 8000, 32767, 32768, 65499, 65500, 65535)
"""Sides and lengths around which something changes."""


@dataclass(frozen=True, slots=True)
class Part:
    """A segment of a file.

    Attributes:
        marker: Second byte of its marker.
        body: What follows its length; empty for markers without one.
        scan: Entropy-coded data behind a start of scan.
        length: Length that it claims; None for the true one.
    """

    marker: int
    body: bytes = b""
    scan: bytes = b""
    length: int | None = None

    def file(self) -> bytes:
        """Its bytes in a file."""
        if self.marker in _WITHOUT_BODY - {SOS}:
            return bytes([0xFF, self.marker])
        length = len(self.body) + 2 if self.length is None else self.length
        return bytes([0xFF, self.marker]) + struct.pack(">H", length & 0xFFFF) + self.body + self.scan


def parse(data: bytes) -> list[Part]:
    """The segments of a whole file; the list ends where the file stops making sense."""
    parts: list[Part] = []
    at = 0
    while at + 2 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _WITHOUT_BODY and marker != SOS:
            parts.append(Part(marker))
            at += 2
            continue
        if at + 4 > len(data):
            break
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        after = _scan_end(data, end) if marker == SOS else end
        parts.append(Part(marker, data[at + 4 : end], data[end:after]))
        at = after
    return parts


def _scan_end(data: bytes, at: int) -> int:
    while (at := data.find(b"\xff", at)) >= 0:
        if at + 1 >= len(data) or not (data[at + 1] == 0 or 0xD0 <= data[at + 1] <= 0xD7):
            return at
        at += 2
    return len(data)


def join(parts: list[Part]) -> bytes:
    """The file of some segments."""
    return b"".join(part.file() for part in parts)


def _pick(parts: list[Part], dice: Random, *markers: int) -> int | None:
    found = [number for number, part in enumerate(parts) if part.marker in markers]
    return dice.choice(found) if found else None


def _with_bytes(body: bytes, dice: Random, first: int = 0, most: int = 3) -> bytes:
    changed = bytearray(body)
    for _ in range(dice.randint(1, most)):
        if len(changed) > first:
            changed[dice.randrange(first, len(changed))] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
    return bytes(changed)


def frame(parts: list[Part], dice: Random) -> None:
    """Precision, size, number of components, sampling factors or table numbers of the frame."""
    if (at := _pick(parts, dice, *_FRAMES)) is None or len(parts[at].body) < 6:
        return
    body = bytearray(parts[at].body)
    match dice.randrange(5):
        case 0:
            body[0] = dice.choice((0, 1, 7, 9, 12, 16, 255))
        case 1:
            struct.pack_into(">H", body, dice.choice((1, 3)), dice.choice(ODD_NUMBERS))
        case 2:
            body[5] = dice.choice((0, 1, 2, 3, 4, 5, 10, 255))
        case 3 if len(body) > 6:
            place = 6 + 3 * dice.randrange((len(body) - 6) // 3 or 1)
            body[min(place + dice.randrange(3), len(body) - 1)] = dice.choice((0x00, 0x11, 0x12, 0x21, 0x22, 0x41, 0x44, 0x1F, 0xFF, 4))
        case _:
            body = bytearray(_with_bytes(bytes(body), dice))
    parts[at] = replace(parts[at], body=bytes(body))


def process(parts: list[Part], dice: Random) -> None:
    """Another kind of frame than the data has: progressive, lossless, arithmetic, hierarchical."""
    if (at := _pick(parts, dice, *_FRAMES)) is not None:
        parts[at] = replace(parts[at], marker=dice.choice(sorted(_FRAMES)))


def huffman(parts: list[Part], dice: Random) -> None:
    """Counts, values or the number of a Huffman table."""
    if (at := _pick(parts, dice, DHT)) is not None and parts[at].body:
        body = bytearray(parts[at].body)
        if dice.random() < 0.5:
            body[0] = dice.choice((0x00, 0x01, 0x03, 0x04, 0x10, 0x13, 0x20, 0xFF))
        parts[at] = replace(parts[at], body=_with_bytes(bytes(body), dice, 1, 6))


def quantisation(parts: list[Part], dice: Random) -> None:
    """Values, precision or the number of a quantisation table."""
    if (at := _pick(parts, dice, DQT)) is not None and parts[at].body:
        body = bytearray(parts[at].body)
        if dice.random() < 0.3:
            body[0] = dice.choice((0x00, 0x03, 0x04, 0x10, 0x1F, 0xFF))
        elif dice.random() < 0.3:
            body[1:] = bytes(len(body) - 1)
        parts[at] = replace(parts[at], body=_with_bytes(bytes(body), dice, 1, 8))


def scan_header(parts: list[Part], dice: Random) -> None:
    """Components, tables, spectral selection or approximation of a scan."""
    if (at := _pick(parts, dice, SOS)) is not None:
        parts[at] = replace(parts[at], body=_with_bytes(parts[at].body, dice))


def scan_data(parts: list[Part], dice: Random) -> None:
    """Flipped bits, markers, restarts or zeros among entropy-coded data; or some of it gone."""
    if (at := _pick(parts, dice, SOS)) is None or not parts[at].scan:
        return
    data = bytearray(parts[at].scan)
    place = dice.randrange(len(data))
    match dice.randrange(6):
        case 0:
            for _ in range(dice.randint(1, 20)):
                data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        case 1:
            data[place:place] = bytes([0xFF, dice.choice((0xD0, 0xD3, 0xD7, 0xC4, 0xDB, EOI, SOI, SOS, 0x00, 0xFF))])
        case 2:
            data[place : place + dice.randint(1, 400)] = b""
        case 3:
            data[place : place + 200] = bytes(200)
        case 4:
            data[place : place + 200] = b"\xff" * 200
        case _:
            data = data[:place]
    parts[at] = replace(parts[at], scan=bytes(data))


def restart_interval(parts: list[Part], dice: Random) -> None:
    """A restart interval that the data does not keep."""
    at = _pick(parts, dice, SOS)
    parts.insert(len(parts) if at is None else at, Part(DRI, struct.pack(">H", dice.choice(ODD_NUMBERS))))


def claimed_length(parts: list[Part], dice: Random) -> None:
    """A segment that claims to be longer or shorter than it is."""
    if with_body := [number for number, part in enumerate(parts) if part.body]:
        at = dice.choice(with_body)
        length = dice.choice((0, 1, 2, 3, len(parts[at].body), len(parts[at].body) + 3, 0x7FFF, 0xFFFF))
        parts[at] = replace(parts[at], length=length)


def order(parts: list[Part], dice: Random) -> None:
    """A segment twice, gone, or somewhere else."""
    if len(parts) < 3:
        return
    at = dice.randrange(1, len(parts))
    match dice.randrange(4):
        case 0:
            parts.insert(dice.randrange(1, len(parts)), parts[at])
        case 1:
            del parts[at]
        case 2:
            parts.insert(dice.randrange(1, len(parts) - 1), parts.pop(at))
        case _:
            parts[at:at] = [parts[at]] * dice.choice((2, 30, 200))


def marker(parts: list[Part], dice: Random) -> None:
    """Another marker before the same bytes."""
    if parts:
        at = dice.randrange(len(parts))
        parts[at] = replace(parts[at], marker=dice.randrange(1, 255))


def exif(parts: list[Part], dice: Random) -> None:
    """An EXIF block with any orientation, of any kind of number, in either byte order, whole or not."""
    sign = dice.choice("<>")
    kind, count, value = dice.choice((0, 1, 2, 3, 3, 3, 4, 5, 12, 255)), dice.choice((0, 1, 1, 1, 2, 2**31)), dice.choice(range(12))
    entries, start = dice.choice((0, 1, 1, 1, 2, 65535)), dice.choice((8, 8, 8, 0, 6, 2**31, 2**32 - 1))
    entry = struct.pack(sign + "HHI", 0x0112, kind, count) + struct.pack(sign + "HH", value, 0)
    tiff = (b"II*\0" if sign == "<" else b"MM\0*") + struct.pack(sign + "I", start) + struct.pack(sign + "H", entries) + entry
    body = b"Exif\0\0" + tiff + bytes(dice.choice((0, 4)))
    parts.insert(1, Part(APP1, body[: len(body) - dice.choice((0, 0, 0, 5, 14, 20))]))


def profile(parts: list[Part], dice: Random) -> None:
    """A colour profile that is none, in one piece or in several that do not fit together."""
    for number in range(dice.choice((1, 2, 20))):
        body = bytearray(dice.randbytes(dice.choice((10, 130, 3000))))
        if len(body) > 40 and dice.random() < 0.7:
            body[36:40] = b"acsp"
        parts.insert(1, Part(APP2, b"ICC_PROFILE\0" + bytes([dice.choice((0, 1, number, 255)), 1]) + bytes(body)))


def colours(parts: list[Part], dice: Random) -> None:
    """An Adobe segment that says that the colours are of another kind."""
    parts.insert(1, Part(APP14, b"Adobe\0\x64\0\0\0\0" + bytes([dice.choice((0, 1, 2, 3, 255))])))


def many_scans(parts: list[Part], dice: Random) -> None:
    """The same scan again and again."""
    if (at := _pick(parts, dice, SOS)) is not None:
        parts[at:at] = [replace(parts[at], scan=parts[at].scan[: dice.choice((0, 10, 100))])] * dice.choice((5, 90, 150))


def metadata(parts: list[Part], dice: Random) -> None:
    """XMP, comments or content credentials that are not whole."""
    texts = (
        b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF",
        b"http://ns.adobe.com/xap/1.0/\0" + b"<a>" * 3000,
        b"http://ns.adobe.com/xap/1.0/\0<!DOCTYPE a [<!ENTITY b 'c'><!ENTITY d '&b;&b;&b;'>]><a>&d;</a>",
        b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 40,
        b'http://ns.adobe.com/xap/1.0/\0{"AIGC": {"Label": "1"' + b"[" * 5000,
        b"JP" + struct.pack(">HI", 1, 1) + struct.pack(">I", dice.choice((0, 8, 100, 2**31))) + b"jumb" + dice.randbytes(60),
    )
    body = dice.choice(texts)
    parts.insert(1, Part(0xEB if body.startswith(b"JP") else APP1, body))


MUTATIONS: Mapping[str, Callable[[list[Part], Random], None]] = {
    mutation.__name__: mutation
    for mutation in (
        frame,
        process,
        huffman,
        quantisation,
        scan_header,
        scan_data,
        restart_interval,
        claimed_length,
        order,
        marker,
        exif,
        profile,
        colours,
        many_scans,
        metadata,
    )
}
"""Ways to break a file, by name; each changes the list of its segments."""
