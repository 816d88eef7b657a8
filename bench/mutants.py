"""Broken pictures by number, made from whole ones in every mode of our formats; the same seed and number always give the same bytes."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
from bench.mutants_png import Chunk, join
from bench.pictures import astronaut, hopper
from numpy.typing import NDArray
from PIL import Image, ImageCms

from bench import mutants_jpeg, mutants_png

SIDE = 160
"""Pixels of a side: enough for a face of 60 pixels, and little enough that decoding costs next to nothing."""

LARGEST_FILE = 90_000
"""Bytes of a file of the development data that is taken as a seed."""

_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


@dataclass(frozen=True, slots=True)
class Seed:
    """A whole file.

    Attributes:
        name: Its kind and origin.
        data: Its bytes.
    """

    name: str
    data: bytes = field(repr=False)


def _file(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def _raw_png(pixels: NDArray[np.generic], colour: int, depth: int, *, interlaced: bool = False) -> bytes:
    """Write a PNG of big-endian samples (H, W, channels), in kinds that the usual writers do not support."""
    height, width = pixels.shape[:2]
    passes = [pixels[top::down, left::across] for left, top, across, down in _ADAM7] if interlaced else [pixels]
    rows = b"".join(b"\0" + np.ascontiguousarray(row).tobytes() for one in passes if one.size for row in one)
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    return join([Chunk(b"IHDR", head), Chunk(b"IDAT", zlib.compress(rows)), Chunk(b"IEND")])


def _jpegs(name: str, picture: Image.Image) -> Iterator[Seed]:
    yield Seed(f"{name} JPEG", _file(picture, "JPEG", quality=90))
    for sampling in (0, 1, 2):
        yield Seed(f"{name} JPEG sampling {sampling}", _file(picture, "JPEG", subsampling=sampling, quality=75))
    yield Seed(f"{name} JPEG progressive", _file(picture, "JPEG", progressive=True))
    yield Seed(f"{name} JPEG restarts", _file(picture, "JPEG", restart_marker_blocks=3))
    yield Seed(f"{name} JPEG grey", _file(picture.convert("L"), "JPEG"))
    yield Seed(f"{name} JPEG grey progressive", _file(picture.convert("L"), "JPEG", progressive=True))
    yield Seed(f"{name} JPEG CMYK", _file(picture.convert("CMYK"), "JPEG"))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    yield Seed(f"{name} JPEG profile", _file(picture, "JPEG", icc_profile=profile))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield Seed(f"{name} JPEG orientation {orientation}", _file(picture, "JPEG", exif=exif))


def _pngs(name: str, picture: Image.Image) -> Iterator[Seed]:
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        yield Seed(f"{name} PNG {mode}", _file(picture.convert(mode), "PNG"))
    for bits in (1, 2, 4):
        yield Seed(f"{name} PNG {bits} bits", _file(picture.quantize(2**bits), "PNG", bits=bits))
    palette = picture.quantize(64)
    yield Seed(f"{name} PNG transparent colour", _file(palette, "PNG", transparency=3))
    yield Seed(f"{name} PNG transparency", _file(palette, "PNG", transparency=bytes(range(64))))
    rgb = np.asarray(picture)
    wide = (rgb.astype(np.uint16) * 257).astype(">u2")
    yield Seed(f"{name} PNG 16 bits", _raw_png(wide, 2, 16))
    yield Seed(f"{name} PNG grey 16 bits", _raw_png(wide[..., :1], 0, 16))
    yield Seed(f"{name} PNG interlaced", _raw_png(rgb, 2, 8, interlaced=True))
    yield Seed(f"{name} PNG interlaced 16 bits", _raw_png(wide, 2, 16, interlaced=True))


@cache
def own_seeds() -> tuple[Seed, ...]:
    """Files made of the two free portraits."""
    found: list[Seed] = []
    for name, picture in (("hopper", hopper()), ("astronaut", astronaut())):
        small = picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        found += [*_jpegs(name, small), *_pngs(name, small)]
    return tuple(found)


def seeds(folder: Path | None) -> tuple[Seed, ...]:
    """The own seeds, and the small JPEG and PNG files of a folder."""
    paths = sorted(folder.iterdir()) if folder is not None else []
    small = [path for path in paths if path.suffix in {".jpg", ".png"} and 0 < path.stat().st_size <= LARGEST_FILE]
    return (*own_seeds(), *(Seed(path.name, path.read_bytes()) for path in small))


_STRUCTURED = 0.75
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBP", b"BM", b"II*\0", b"%PDF-1.7\n", b"PK\3\4", b"<svg>")


@dataclass(frozen=True, slots=True)
class Mutant:
    """A broken picture.

    Attributes:
        number: Which one.
        seed: Name of the whole picture that it was made from.
        how: Description of the change.
        data: Its bytes.
    """

    number: int
    seed: str
    how: tuple[str, ...]
    data: bytes = field(repr=False)


def mutant(number: int, run: int, seeds: Sequence[Seed]) -> Mutant:
    """The mutant of a number.

    Args:
        number: Which one.
        run: Seed of the whole run.
        seeds: Whole pictures to break.
    """
    dice = Random(f"{run}/{number}")
    chosen = dice.choice(seeds)
    data, how = chosen.data, []
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        data, name = _break(data, dice, seeds)
        how.append(name)
    return Mutant(number, chosen.name, tuple(how), data)


def _break(data: bytes, dice: Random, seeds: Sequence[Seed]) -> tuple[bytes, str]:
    if dice.random() < _STRUCTURED:
        if data.startswith(b"\xff\xd8") and len(segments := mutants_jpeg.parse(data)) > 3:
            name = dice.choice(list(mutants_jpeg.MUTATIONS))
            mutants_jpeg.MUTATIONS[name](segments, dice)
            return mutants_jpeg.join(segments), f"jpeg {name}"
        if data.startswith(mutants_png.SIGNATURE) and len(chunks := mutants_png.parse(data)) > 1:
            name = dice.choice(list(mutants_png.MUTATIONS))
            mutants_png.MUTATIONS[name](chunks, dice)
            return mutants_png.join(chunks), f"png {name}"
    return _break_bytes(bytearray(data), dice, seeds)


def _break_bytes(data: bytearray, dice: Random, seeds: Sequence[Seed]) -> tuple[bytes, str]:
    """Break a file of any kind."""
    size = max(1, len(data))
    # Heads matter most: half of all places are among the first bytes.
    place = dice.randrange(min(size, 700)) if dice.random() < 0.5 else dice.randrange(size)
    match dice.randrange(9):
        case 0:
            for _ in range(dice.randint(1, 30)):
                at = dice.randrange(size)
                data[at : at + 1] = bytes([(data[at] if at < len(data) else 0) ^ 1 << dice.randrange(8)])
            return bytes(data), "flipped bits"
        case 1:
            return bytes(data[:place]), "cut off"
        case 2:
            other = dice.choice(seeds).data
            return bytes(data[:place]) + other[dice.randrange(len(other)) :], "spliced"
        case 3:
            return bytes(data) + dice.choice(seeds).data, "another picture behind"
        case 4:
            del data[place : place + dice.choice((1, 2, 3, 4, 100))]
            return bytes(data), "bytes missing"
        case 5:
            data[place:place] = dice.randbytes(dice.choice((1, 2, 3, 4, 100)))
            return bytes(data), "bytes put in"
        case 6:
            data[place:place] = data[place : place + dice.choice((10, 1000))]
            return bytes(data), "bytes repeated"
        case 7:
            magic = dice.choice(_MAGIC)
            return magic + bytes(data[dice.choice((0, len(magic))) :]), "another beginning"
        case _:
            return bytes(data) + dice.choice((dice.randbytes(1000), b"<?php echo 1; ?>", bytes(100_000))), "something behind"
