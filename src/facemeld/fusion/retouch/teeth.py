"""Cleans and whitens teeth where they are seen between the lips."""

from __future__ import annotations

import cv2
import numpy as np

from facemeld.fusion import topology
from facemeld.fusion.retouch.areas import Stencil, bare_skin, box_around, cut, face_width, lab_of, rgb_of, step, weighted
from facemeld.fusion.types import FloatArray, Picture, Rect

_UPPER, _LOWER = topology.LIPS_INNER[[14, 15, 16]], topology.LIPS_INNER[[6, 5, 4]]
_OPEN = (0.035, 0.08)  # gap between the lips over the mouth's width from which teeth may be seen
_BRIGHTEST = 92.0  # L that no tooth exceeds


def mouth_gap(landmarks: FloatArray) -> float:
    """Gap between the lips over the width of the mouth."""
    gap = float(np.linalg.norm(landmarks[_UPPER, :2] - landmarks[_LOWER, :2], axis=1).mean())
    return gap / (float(np.linalg.norm(landmarks[61, :2] - landmarks[291, :2])) + 1e-6)


def whitened(picture: Picture, landmarks: FloatArray) -> tuple[Rect, FloatArray] | None:
    """What full whitening adds around the mouth.

    A tooth is what is bright and hardly red between the lips; gums, tongue and the dark behind stay as they are. Teeth lose most
    of their yellow and gain a little light, never beyond what the face's own light allows.

    Args:
        picture: uint8 (H, W, 3) RGB.
        landmarks: float32 (478, 3), pixels of the picture.

    Returns:
        The box and float32 (h, w, 3) in levels of 255, or None where no teeth can be seen.
    """
    opened = float(step(mouth_gap(landmarks), *_OPEN))
    width = face_width(landmarks)
    box = box_around(landmarks[topology.LIPS_INNER], 0.02 * width, (picture.shape[0], picture.shape[1]))
    if opened == 0.0 or min(box.width, box.height) < 3:
        return None
    patch = picture[cut(picture, box)]
    lab = lab_of(patch)
    inner = Stencil(box).area(landmarks[topology.LIPS_INNER], soft=0.006 * width)
    skin = bare_skin(picture, landmarks)
    light, red, bright = lab[..., 0], lab[..., 1], max(float(skin[0]), 10.0)
    tooth = step(light, 0.62 * bright, 0.85 * bright) * (1 - step(red, 12.0, 22.0)) * inner * np.float32(opened)
    tooth = np.asarray(cv2.GaussianBlur(tooth, (0, 0), max(0.5, 0.004 * width)), np.float32) * inner
    brightest = min(_BRIGHTEST, bright + 20)
    even = np.asarray(cv2.GaussianBlur(lab, (0, 0), max(0.8, 0.008 * width)), np.float32)
    clean = lab.copy()
    clean[..., 0] += np.minimum(5.0, np.maximum(brightest - light, 0) * 0.4)
    # Stains are patches of yellow: the colour comes from the surroundings, with less of it; the light keeps the teeth's form.
    clean[..., 1] += 0.5 * (even[..., 1] * 0.5 - red)
    clean[..., 2] += 0.85 * (even[..., 2] * 0.45 - lab[..., 2]) * step(lab[..., 2], -2.0, 4.0)
    return box, weighted(rgb_of(clean) - patch, tooth)
