"""Metrics on the result's pixels against the template's: background, seam, tone and sharpness."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from facemeld.fusion.types import FloatArray, Picture
from facemeld.quality import regions
from facemeld.quality.colour import ciede2000, to_lab
from facemeld.quality.errors import NotMeasurable
from facemeld.quality.regions import Region


@dataclass(frozen=True, slots=True)
class Tone:
    """Colour differences in CIEDE2000 units.

    Attributes:
        pooled: The result's face skin against the template's skin on face, neck and ears.
        floor: The template's own face skin against the same; what an engine that changes nothing would get.
        face: The result's face skin against the template's face skin.
        patches: Mean over forehead, cheeks, nose and chin of result against template.
    """

    pooled: float
    floor: float
    face: float
    patches: float


def changed_outside(result: Picture, template: Picture, mask: FloatArray) -> int:
    """Number of pixels that differ where the mask is 0.

    Raises:
        ValueError: the pictures or the mask differ in size.
    """
    if result.shape != template.shape or mask.shape != template.shape[:2]:
        raise ValueError(f"result, template and mask must have one size, got {result.shape}, {template.shape} and {mask.shape}")
    return int(np.count_nonzero((result != template).any(axis=2) & (mask <= 0)))


def edge_ratio(result: FloatArray, template: FloatArray, alpha: FloatArray, scale: float) -> float:
    """Colour gradient across the edge of ``alpha`` in the result, divided by the template's own there.

    With n the direction and w the size of alpha's gradient, D(I) = sum of w |dI/dn| over the picture, where dI/dn is the derivative
    across the edge of the picture blurred by ``scale`` pixels and |.| the length in Lab; the ratio is D(result) / D(template).
    1 means that the edge adds nothing, more that it can be seen.

    Args:
        result: CIELAB, float32 (H, W, 3).
        template: CIELAB, float32 (H, W, 3).
        alpha: The mask, float32 (H, W), 0-1.
        scale: Standard deviation of the blur in pixels.

    Raises:
        NotMeasurable: the mask has no edge in this picture.
    """
    field = cv2.GaussianBlur(alpha, (0, 0), scale)
    ax, ay = np.gradient(field, axis=1), np.gradient(field, axis=0)
    weight = np.hypot(ax, ay)
    total = float(weight.sum())
    if total <= 1e-6:
        raise NotMeasurable("the mask has no edge")
    nx, ny = (ax / (weight + 1e-9))[..., None], (ay / (weight + 1e-9))[..., None]
    strength = []
    for picture in (result, template):
        smooth = cv2.GaussianBlur(picture, (0, 0), scale)
        across = np.gradient(smooth, axis=1) * nx + np.gradient(smooth, axis=0) * ny
        strength.append(float((weight * np.linalg.norm(across, axis=2)).sum()) / total)
    # A floor of 0.05 Lab units per pixel of blur keeps a perfectly flat background from dividing by nothing.
    floor = 0.05 / scale
    return (strength[0] + floor) / (strength[1] + floor)


def rim(points: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """A soft edge along the face's outline, float32 (H, W), 0-1: where a seam would be whatever the engine's mask is."""
    inside = regions.filled(regions.scaled_outline(points, 0.94), shape).astype(np.float32)
    blurred: FloatArray = cv2.GaussianBlur(inside, (0, 0), 0.05 * regions.face_width(points)).astype(np.float32, copy=False)
    return blurred


def tone(result: FloatArray, template: FloatArray, result_points: FloatArray, template_points: FloatArray, mask: FloatArray | None) -> Tone:
    """Colour of the result's face skin against the template's skin.

    Each skin is what its own landmarks frame (without eyes, brows, lips and nostrils), without outliers; its colour is the median in Lab.

    Args:
        result: CIELAB, float32 (H, W, 3).
        template: CIELAB, float32 (H, W, 3).
        result_points: Landmarks of the face in the result.
        template_points: Landmarks of the face in the template.
        mask: What the engine may have changed; neck and ears are looked for outside it.

    Raises:
        NotMeasurable: less than 1 % of a face width squared is visible skin.
    """
    shape = (template.shape[0], template.shape[1])
    least = 0.01 * regions.face_width(template_points) ** 2
    old = regions.typical(template, regions.skin_frame(template_points, shape))
    new = regions.typical(result, regions.skin_frame(result_points, shape))
    if min(np.count_nonzero(old), np.count_nonzero(new)) < least:
        raise NotMeasurable("too little skin is visible")
    blocked = np.zeros(shape, dtype=bool) if mask is None else mask > 0
    pooled = old | regions.neck_and_ears(template, template_points, old, blocked)
    colours = [np.median(picture[region], axis=0) for picture, region in ((result, new), (template, old), (template, pooled))]
    patches = _patch_differences(result, template, result_points, template_points)
    return Tone(
        pooled=float(ciede2000(colours[0], colours[2])),
        floor=float(ciede2000(colours[1], colours[2])),
        face=float(ciede2000(colours[0], colours[1])),
        patches=float(np.mean(patches)) if patches else float(ciede2000(colours[0], colours[1])),
    )


def _patch_differences(result: FloatArray, template: FloatArray, result_points: FloatArray, template_points: FloatArray) -> list[float]:
    """CIEDE2000 between the median colours of each patch that both faces show."""
    shape = (template.shape[0], template.shape[1])
    pairs = zip(regions.skin_patches(result_points, shape), regions.skin_patches(template_points, shape), strict=True)
    return [
        float(ciede2000(np.median(result[new], axis=0), np.median(template[old], axis=0)))
        for new, old in pairs
        if min(np.count_nonzero(new), np.count_nonzero(old)) >= 12
    ]


def detail(lab: FloatArray, region: Region, sigma: float) -> float:
    """Mean absolute difference between the lightness and its blur by ``sigma`` pixels, over a region; in units of L."""
    light = np.ascontiguousarray(lab[..., 0])
    return float(np.abs(light - cv2.GaussianBlur(light, (0, 0), sigma))[region].mean())


def sharpness_ratio(result: FloatArray, template: FloatArray, points: FloatArray) -> float:
    """Fine detail of the result's face relative to its surroundings, divided by the same in the template.

    With d(I, R) the fine detail of picture I in region R, and r(I) = d(I, face) / d(I, around): the ratio is r(result) / r(template).
    1 is ideal; below 1 the face is smeared, above 1 it is too crisp or noisy for its surroundings. The blur is 1/200 of the face's width,
    at least 0.8 pixels; the surroundings reach from 1.15 to 1.6 times the outline.

    Raises:
        NotMeasurable: nothing around the face is in the picture.
    """
    shape = (template.shape[0], template.shape[1])
    face = regions.filled(regions.scaled_outline(points, 0.9), shape)
    around = regions.filled(regions.scaled_outline(points, 1.6), shape) & ~regions.filled(regions.scaled_outline(points, 1.15), shape)
    if not face.any() or not around.any():
        raise NotMeasurable("nothing around the face is in the picture")
    sigma = max(0.8, regions.face_width(points) / 200)
    relative = [(detail(lab, face, sigma) + 0.02) / (detail(lab, around, sigma) + 0.02) for lab in (result, template)]
    return relative[0] / relative[1]


def lab_crop(picture: Picture, points: FloatArray, margin: float = 0.6) -> tuple[FloatArray, FloatArray, tuple[slice, slice]]:
    """The part of a picture around a face in CIELAB, the landmarks in it, and the slices that cut it out."""
    box = regions.crop_around(points, picture.shape, margin)
    cut = (slice(box.y, box.bottom), slice(box.x, box.right))
    return to_lab(np.ascontiguousarray(picture[cut])), points - np.array([box.x, box.y, 0], dtype=np.float32), cut


def shrunk(values: FloatArray, factor: float) -> FloatArray:
    """A picture or mask reduced by a factor of at most 1: each new pixel is the mean of those that it covers."""
    if factor >= 1:
        return values
    size = (max(1, round(values.shape[1] * factor)), max(1, round(values.shape[0] * factor)))
    return cv2.resize(values, size, interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)


def shrunk_points(points: FloatArray, factor: float) -> FloatArray:
    """Landmarks in a picture reduced by ``shrunk``: pixel centres stay where they were in the scene."""
    if factor >= 1:
        return points
    half = np.array([0.5, 0.5, 0.0], dtype=np.float32)
    return ((points + half) * np.float32(factor) - half).astype(np.float32)
