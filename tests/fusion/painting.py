"""Portraits, and what tests paint onto them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facemeld.fusion.arrays import f32, sample
from facemeld.fusion.shape import topology
from facemeld.fusion.shape.atlas import GRID, Atlas, extend, rasterise
from facemeld.fusion.types import Face, FloatArray


def portrait(shared_data: Path, name: str) -> NDArray[np.uint8]:
    """One of the development portraits, uint8 (H, W, 3) RGB."""
    with Image.open(shared_data / "faces" / f"{name}.jpg") as image:
        return np.asarray(image.convert("RGB"))


def drawn_on(field: FloatArray, face: Face, size: tuple[int, ...], atlas: Atlas) -> FloatArray:
    """A map of the atlas, drawn into a picture where a face is: float32 (H, W), 0 beside the face."""
    drawn = rasterise(face.mesh[:, :2], face.mesh[:, 2], atlas.mesh.triangles, (size[0], size[1]))
    cells, _ = extend(drawn.interpolate(atlas.cells), drawn.covered)
    return f32(sample(f32(field), cells) * drawn.covered)


def coloured(picture: NDArray[np.uint8], share: FloatArray, colour: tuple[int, int, int], grain: float = 0.0) -> NDArray[np.uint8]:
    """A picture with a colour laid over it where a map says so, with as much grain (of 255)."""
    noise = np.random.default_rng(0).normal(0, grain, picture.shape[:2])[..., None] if grain else 0.0
    over = picture + (np.array(colour, np.float32) + noise - picture) * share[..., None]
    return np.clip(over + 0.5, 0, 255).astype(np.uint8)


def mask_over(face: Face, size: tuple[int, ...], atlas: Atlas) -> FloatArray:
    """Where a mask from the nose to below the chin lies: float32 (H, W), 0-1."""
    below = (np.arange(GRID)[:, None] > atlas.cells[5, 1] + 2) & atlas.covered
    return f32(cv2.GaussianBlur(drawn_on(f32(below), face, size, atlas), (0, 0), 1.2))


def ball_before(face: Face, size: tuple[int, ...]) -> FloatArray:
    """Where a microphone, or a drink, is held before the mouth: float32 (H, W), 0-1."""
    mesh = face.mesh[:, :2]
    width = float(np.linalg.norm(mesh[topology.LEFT_CHEEK] - mesh[topology.RIGHT_CHEEK]))
    lip, chin = mesh[topology.LOWER_LIP_INSIDE], mesh[topology.CHIN]
    ball = np.zeros(size[:2], np.float32)
    for middle, across, along in ((0.45 * chin + 0.55 * lip, 0.2, 0.22), (1.6 * chin - 0.6 * lip, 0.1, 0.4)):
        axes = round(across * width), round(along * width)
        cv2.ellipse(ball, (round(float(middle[0])), round(float(middle[1]))), axes, 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    return ball
