"""Metrics on pixels: background, seam, tone and sharpness of a result against its template."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike
from skimage.color import deltaE_ciede2000

from bench.quality import regions
from facemeld.fusion.types import Face, FloatArray, Picture

_WIDTH = 320.0
"""Face width in pixels to which pictures are reduced before colour and seams are measured."""


def pixel_values(result: Picture, template: Picture, found: Face, wanted: Face, mask: FloatArray | None) -> dict[str, float]:
    """Return background, seam, tone and sharpness by name; metrics that cannot be measured on these pictures are absent.

    Args:
        result: The fused picture.
        template: The template.
        found: The face in the result.
        wanted: The face in the template.
        mask: float32 (H, W), 0 where the engine changed nothing; without it, background and seam are absent.
    """
    old, points, cut = lab_crop(template, wanted.landmarks)
    new = to_lab(result[cut])
    new_points = found.landmarks - np.array([cut[1].start, cut[0].start, 0], dtype=np.float32)
    values: dict[str, float | None] = {"sharpness": sharpness_ratio(new, old, points)}
    if mask is not None:
        values["background"] = changed_outside(result, template, mask)
        values["mask_area"] = float((mask > 0).sum()) / max(1.0, float(regions.outlined(points, old.shape).sum()))
        mask = mask[cut]
    # Colour and seams are smooth, so a large face is measured at a reduced size, which saves seconds.
    factor = min(1.0, _WIDTH / regions.face_width(points))
    old, new, mask = _shrunk(old, factor), _shrunk(new, factor), None if mask is None else _shrunk(mask, factor)
    points, new_points = _shrunk_points(points, factor), _shrunk_points(new_points, factor)
    scale = max(0.8, 0.012 * regions.face_width(points))
    if mask is not None:
        values["seam"] = edge_ratio(new, old, mask, scale)
    # A soft edge along the outline: a seam would show there whatever the engine's mask is.
    inside = regions.outlined(points, old.shape, 0.94).astype(np.float32)
    values["rim"] = edge_ratio(new, old, cv2.GaussianBlur(inside, (0, 0), 0.05 * regions.face_width(points)), scale)
    return {name: value for name, value in values.items() if value is not None} | tones(new, old, new_points, points, mask)


def to_lab(picture: Picture) -> FloatArray:
    """Convert an sRGB picture to CIELAB (D65): float32 (H, W, 3), L 0 to 100, a and b about -128 to 127."""
    return cv2.cvtColor(picture.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB).astype(np.float32, copy=False)


def lab_crop(picture: Picture, points: FloatArray, margin: float = 0.6) -> tuple[FloatArray, FloatArray, tuple[slice, slice]]:
    """Return the surroundings of a face in CIELAB, the landmarks in them, and the slices that cut them out."""
    box = regions.crop_around(points, picture.shape, margin)
    cut = (slice(box.y, box.bottom), slice(box.x, box.right))
    return to_lab(picture[cut]), points - np.array([box.x, box.y, 0], dtype=np.float32), cut


def changed_outside(result: Picture, template: Picture, mask: FloatArray) -> float:
    """Count the pixels that differ where the mask is 0.

    Raises:
        ValueError: the pictures or the mask differ in size.
    """
    if result.shape != template.shape or mask.shape != template.shape[:2]:
        raise ValueError(f"result, template and mask must have one size, got {result.shape}, {template.shape} and {mask.shape}")
    return float(np.count_nonzero((result != template).any(axis=2) & (mask <= 0)))


def edge_ratio(result: FloatArray, template: FloatArray, alpha: FloatArray, scale: float) -> float | None:
    """Return the colour gradient across the edge of ``alpha`` in the result, divided by the template's own there.

    With n the direction and w the size of alpha's gradient, D(I) = sum of w |dI/dn| over the picture, where dI/dn is the derivative
    across the edge of the picture blurred by ``scale`` pixels and |.| the length in Lab; the ratio is D(result) / D(template).
    At 1 the edge adds nothing; above 1 it can be seen.

    Args:
        result: CIELAB, float32 (H, W, 3).
        template: CIELAB, float32 (H, W, 3).
        alpha: The mask, float32 (H, W), 0-1.
        scale: Standard deviation of the blur in pixels.

    Returns:
        The ratio, or ``None`` if the mask has no edge in this picture.
    """
    field = cv2.GaussianBlur(alpha, (0, 0), scale)
    ay, ax = np.gradient(field)
    weight = np.hypot(ax, ay)
    total = float(weight.sum())
    if total <= 1e-6:
        return None
    nx, ny = (ax / (weight + 1e-9))[..., None], (ay / (weight + 1e-9))[..., None]
    strength = []
    for picture in (result, template):
        dy, dx = np.gradient(cv2.GaussianBlur(picture, (0, 0), scale), axis=(0, 1))
        strength.append(float((weight * np.linalg.norm(dx * nx + dy * ny, axis=2)).sum()) / total)
    # A floor of 0.05 Lab units per pixel of blur avoids a division by zero on a flat background.
    floor = 0.05 / scale
    return (strength[0] + floor) / (strength[1] + floor)


def tones(
    result: FloatArray, template: FloatArray, result_points: FloatArray, template_points: FloatArray, mask: FloatArray | None
) -> dict[str, float]:
    """Return CIEDE2000 differences between the result's face skin and the template's skin.

    Skin is the area that a face's own landmarks frame (without eyes, brows, lips and nostrils), without outliers; its colour is the median
    in Lab. ``tone`` compares with the template's face, neck and ears, ``tone_floor`` compares the template's own face with the same,
    ``tone_face`` compares with the template's face, and ``tone_patches`` is the mean over forehead, cheeks, nose and chin.

    Args:
        result: CIELAB, float32 (H, W, 3).
        template: CIELAB, float32 (H, W, 3).
        result_points: Landmarks of the face in the result.
        template_points: Landmarks of the face in the template.
        mask: Pixels that the engine may have changed; neck and ears are searched outside it.

    Returns:
        The four differences; empty if less than 1 % of a face width squared is visible skin.
    """
    shape, least = template.shape, 0.01 * regions.face_width(template_points) ** 2
    old = regions.typical(template, regions.skin_frame(template_points, shape))
    new = regions.typical(result, regions.skin_frame(result_points, shape))
    if min(np.count_nonzero(old), np.count_nonzero(new)) < least:
        return {}
    blocked = np.zeros(shape[:2], dtype=bool) if mask is None else mask > 0
    pooled = old | regions.neck_and_ears(template, template_points, old, blocked)
    face, own, all_skin = _median(result, new), _median(template, old), _median(template, pooled)
    patches = zip(regions.skin_patches(result_points, shape), regions.skin_patches(template_points, shape), strict=True)
    shown = [(one, other) for one, other in patches if min(np.count_nonzero(one), np.count_nonzero(other)) >= 12]
    differences = [ciede2000(_median(result, one), _median(template, other)) for one, other in shown]
    return {
        "tone": ciede2000(face, all_skin),
        "tone_floor": ciede2000(own, all_skin),
        "tone_face": ciede2000(face, own),
        "tone_patches": float(np.mean(differences)) if differences else ciede2000(face, own),
    }


def ciede2000(first: ArrayLike, second: ArrayLike) -> float:
    """Return the CIEDE2000 difference of two Lab colours (kL = kC = kH = 1); about 1 is just noticeable."""
    return float(deltaE_ciede2000(np.asarray(first, np.float64), np.asarray(second, np.float64)))


def _median(lab: FloatArray, region: regions.Region) -> FloatArray:
    return np.median(lab[region], axis=0)


def sharpness_ratio(result: FloatArray, template: FloatArray, points: FloatArray) -> float | None:
    """Return the fine detail of the result's face relative to its surroundings, divided by the same in the template.

    With d(I, R) the mean |L - blurred L| of picture I over region R, and r(I) = d(I, face) / d(I, around), the ratio is
    r(result) / r(template). 1 is ideal; below 1 the face is smeared, above 1 it is too crisp or noisy for its surroundings. The blur is
    1/200 of the face's width, at least 0.8 pixels; the surroundings reach from 1.15 to 1.6 times the outline.

    Returns:
        The ratio, or ``None`` if nothing around the face is in the picture.
    """
    face = regions.outlined(points, template.shape, 0.9)
    around = regions.outlined(points, template.shape, 1.6) & ~regions.outlined(points, template.shape, 1.15)
    if not face.any() or not around.any():
        return None
    sigma = max(0.8, regions.face_width(points) / 200)
    relative = []
    for lab in (result, template):
        light = np.ascontiguousarray(lab[..., 0])
        detail = np.abs(light - cv2.GaussianBlur(light, (0, 0), sigma))
        relative.append((float(detail[face].mean()) + 0.02) / (float(detail[around].mean()) + 0.02))
    return relative[0] / relative[1]


def _shrunk(values: FloatArray, factor: float) -> FloatArray:
    """Reduce a picture or mask by a factor of at most 1; each new pixel is the mean of the pixels it covers."""
    if factor >= 1:
        return values
    size = (max(1, round(values.shape[1] * factor)), max(1, round(values.shape[0] * factor)))
    return cv2.resize(values, size, interpolation=cv2.INTER_AREA)


def _shrunk_points(points: FloatArray, factor: float) -> FloatArray:
    """Move landmarks as ``_shrunk`` moves pixel centres."""
    half = np.array([0.5, 0.5, 0.0], dtype=np.float32)
    return points if factor >= 1 else ((points + half) * np.float32(factor) - half).astype(np.float32)
