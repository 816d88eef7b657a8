"""A caller's logo in a place of the picture, instead of the text label."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facemeld.marks.errors import MarkError
from facemeld.marks.geometry import Rect
from facemeld.marks.label import LETTER_SHARE

MAX_LOGO_SIDE = 2160
"""Longest side a logo may be stretched to, pixels (the API's limit of ``LogoRect``)."""

# Grey levels of 255 that are seen at once beside each other.
_CLEAR_DIFFERENCE = 32


def draw_logo(
    rgb: NDArray[np.uint8],
    logo: NDArray[np.uint8],
    rect: Rect,
    *,
    logo_alpha: NDArray[np.uint8] | None = None,
    alpha: NDArray[np.uint8] | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None, Rect]:
    """Put a logo on a copy of the picture, stretched into a rectangle and clipped to the picture.

    Args:
        rgb: the picture, uint8 (H, W, 3).
        logo: uint8 (h, w, 3).
        rect: where it goes; a width or height of 0 means the logo's own. The corner may lie outside the picture.
        logo_alpha: uint8 (h, w), 0 = transparent, or None for an opaque logo.
        alpha: the picture's alpha, uint8 (H, W), or None.

    Returns:
        The picture with the logo, its alpha (None if none was given), and the box that was drawn in (empty where the
        rectangle lies outside); all pixels outside the box are unchanged.

    Raises:
        MarkError: the rectangle has a negative size or is larger than 2160 pixels a side.
    """
    target = Rect(rect.x, rect.y, rect.width or logo.shape[1], rect.height or logo.shape[0])
    if not (0 < target.width <= MAX_LOGO_SIDE and 0 < target.height <= MAX_LOGO_SIDE):
        raise MarkError(f"a logo must be 1-{MAX_LOGO_SIDE} pixels a side, got {target.width}x{target.height}")
    box = target.clipped(rgb.shape[1], rgb.shape[0])
    drawn = rgb.copy()
    if box.width == 0 or box.height == 0:
        return drawn, None if alpha is None else alpha.copy(), box
    colours, opacity = _stretched(logo, logo_alpha, target.width, target.height)
    part = slice(box.y - target.y, box.y - target.y + box.height), slice(box.x - target.x, box.x - target.x + box.width)
    window = slice(box.y, box.y + box.height), slice(box.x, box.x + box.width)
    colours, opacity = colours[part], opacity[part]
    below = np.float32(1) if alpha is None else alpha[window].astype(np.float32)[:, :, None] / np.float32(255)
    # Porter and Duff, "Compositing digital images" (1984): the "over" operator, colours premultiplied by their opacity.
    opaque = opacity + below * (1 - opacity)
    mixed = colours + rgb[window].astype(np.float32) * below * (1 - opacity)
    drawn[window] = np.rint(np.where(opaque > 0, mixed / np.maximum(opaque, np.float32(1e-6)), rgb[window])).clip(0, 255).astype(np.uint8)
    if alpha is not None:
        alpha = alpha.copy()
        alpha[window] = np.rint(opaque[:, :, 0] * 255).astype(np.uint8)
    return drawn, alpha, box


def _stretched(
    logo: NDArray[np.uint8], logo_alpha: NDArray[np.uint8] | None, width: int, height: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Colours times opacity, float32 (height, width, 3), 0-255, and opacity, float32 (height, width, 1), 0-1.

    Multiplying before scaling keeps the colours that hide in transparent pixels out of the edges.
    """
    opacity = np.ones(logo.shape[:2], np.float32) if logo_alpha is None else logo_alpha.astype(np.float32) / np.float32(255)
    planes = [logo[:, :, channel].astype(np.float32) * opacity for channel in range(3)] + [opacity]
    if (logo.shape[1], logo.shape[0]) != (width, height):
        planes = [np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC)) for plane in planes]
    stacked = np.stack(planes, axis=-1)
    scaled_opacity = stacked[:, :, 3:].clip(0, 1)
    return stacked[:, :, :3].clip(0, 255 * scaled_opacity), scaled_opacity


def shows(before: NDArray[np.uint8], after: NDArray[np.uint8], box: Rect) -> bool:
    """Whether a logo can be seen well enough to stand for the label: neither a speck nor all but transparent.

    Both sides of what lies inside the picture must be at least 5 % of the picture's shorter side, and at least half as many pixels
    as a square of that size has must differ clearly from the picture without the logo.

    Args:
        before: the picture without the logo, uint8 (H, W, 3).
        after: the picture with it.
        box: where it was drawn.
    """
    least = LETTER_SHARE * min(before.shape[:2])
    if min(box.width, box.height) < least:
        return False
    window = slice(box.y, box.y + box.height), slice(box.x, box.x + box.width)
    difference = np.abs(after[window].astype(np.int16) - before[window]).max(axis=2)
    return bool(np.count_nonzero(difference >= _CLEAR_DIFFERENCE) >= least * least / 2)
