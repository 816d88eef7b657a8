"""Paints onto faces what tests look for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.mesh.arrays import f32, sample
from facemeld.fusion.mesh.atlas import Atlas
from facemeld.fusion.mesh.warp import extend, rasterise
from facemeld.fusion.types import Face, FloatArray


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
