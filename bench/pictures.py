"""The pictures that are measured with: two free portraits, scaled, noised like a camera's and laid out, always the same bytes."""

from __future__ import annotations

import functools
import io
from pathlib import Path

import matplotlib
import numpy as np
import skimage
from numpy.typing import NDArray
from PIL import Image

NOISE = 2.0
"""Standard deviation of the noise, in grey levels: a photo of a telephone in good light. Without it, enlarged pictures would be
smooth, and decoding them cheaper than it is in life."""

QUALITY = 92


@functools.cache
def hopper() -> Image.Image:
    """Grace Hopper, a picture of the US Navy, 512 pixels square."""
    with Image.open(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg") as image:
        return image.convert("RGB").crop((0, 0, 512, 512))


@functools.cache
def astronaut() -> Image.Image:
    """Eileen Collins, a picture of NASA, 512 pixels square."""
    with Image.open(Path(skimage.__file__).parent / "data" / "astronaut.png") as image:
        return image.convert("RGB")


def jpeg(picture: Image.Image) -> bytes:
    """A file as a camera writes it."""
    pixels: NDArray[np.float32] = np.asarray(picture, np.float32)
    noise = np.random.default_rng(1).normal(0, NOISE, pixels.shape[:2]).astype(np.float32)
    noisy = Image.fromarray(np.clip(pixels + noise[..., None], 0, 255).astype(np.uint8))
    buffer = io.BytesIO()
    noisy.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


@functools.cache
def material(side: int, faces: int = 1) -> bytes:
    """A square JPEG with one face, or with up to six in a grid.

    Args:
        side: Pixels of a side.
        faces: 1 to 6.
    """
    if faces == 1:
        return jpeg(hopper().resize((side, side), Image.Resampling.LANCZOS))
    columns = 2 if faces <= 4 else 3
    cell = side // columns
    ground = Image.new("RGB", (side, side), (118, 120, 124))
    for number in range(faces):
        person = (hopper(), astronaut())[number % 2].crop((64, 0, 448, 384)).resize((cell, cell), Image.Resampling.LANCZOS)
        ground.paste(person, (cell * (number % columns), cell * (number // columns)))
    return jpeg(ground)


@functools.cache
def photo(megapixels: float) -> bytes:
    """A user's photo in the shape of a camera's (4:3), a JPEG.

    Args:
        megapixels: Millions of pixels; the face is about a fifth of the picture's width, whatever its size.
    """
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    wide = Image.new("RGB", (683, 512), (96, 92, 90))
    wide.paste(astronaut(), (85, 0))
    return jpeg(wide.resize((round(height * 683 / 512), height), Image.Resampling.LANCZOS))
