"""Choose, among several photos of one user, the photo that suits a template's face best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from facemeld.boxes import Rect
from facemeld.fusion.arrays import f32, lab_of, smoothstep
from facemeld.fusion.shape import topology
from facemeld.fusion.shape.masks import Stencil, bare_skin, box_around, face_oval, features
from facemeld.fusion.shape.topology import face_width
from facemeld.fusion.types import Face, FloatArray, Picture

_WIDTH = 192.0  # face width, in pixels, at which photos are compared
_TURN = 22.0  # degrees of yaw and pitch between the poses at which the score falls to 0.61
_EXPRESSION = 6.0  # sum of blendshape differences at which the score falls to 0.37
_SHARP = (0.012, 0.075)  # fine detail over contrast of eyes, brows and lips, between blurred and sharp
_NOISE = (2.5, 12.0)  # grain of the skin, levels of 255
_UNEVEN = (0.10, 0.60)  # difference between the halves, over their brightness
_DIM = (12.0, 50.0)  # mean brightness of the skin, levels of 255, from too dark to use to enough
_CLIPPED = (0.02, 0.30)  # share of the face whose lights or shadows have no detail
_ODD = 15.0  # Lab distance from bare skin, with a third of the lightness, above which something covers it
_COVERED = (0.06, 0.45)  # share of the skin that is covered
_LOOKS = tuple(number for number, name in enumerate(topology.BLENDSHAPE_NAMES) if name.startswith("eyeLook"))
_SIDES = np.array([[50, 280], [101, 330], [205, 425], [36, 266], [117, 346], [109, 338]], np.intp)


@dataclass(frozen=True, slots=True)
class ViewScore:
    """How well a photo suits a template's face, each 0 (not at all) to 1.

    Attributes:
        pose: exp(-d^2 / (2 * 22^2)), where d is the distance of yaw and pitch in degrees.
        sharpness: Fine detail of eyes, brows and lips over their contrast at a face width of 192 pixels, without grain.
        light: Evenness between the halves of the face, sufficient brightness, and no clipping to white or black.
        expression: exp(-d / 6), where d is the sum of the blendshapes' differences without the direction of gaze.
        bare: Share of the skin that nothing covers.
    """

    pose: float
    sharpness: float
    light: float
    expression: float
    bare: float

    @property
    def total(self) -> float:
        """Weighted geometric mean: good parts cannot make up for a bad one."""
        parts = ((self.pose, 0.3), (self.sharpness, 0.25), (self.light, 0.15), (self.expression, 0.1), (self.bare, 0.2))
        return float(np.prod([max(value, 0.02) ** weight for value, weight in parts]))


def best_view(template: Face, views: Sequence[tuple[Picture, Face]]) -> int:
    """Index of the photo that suits a template's face best; the first if several are equal.

    Args:
        template: The template's face.
        views: Photos, uint8 (H, W, 3) RGB, each with the user's face in it.

    Raises:
        ValueError: there are no photos.
    """
    if not views:
        raise ValueError("at least one view is needed, got none")
    scores = [rate_view(template, picture, face).total for picture, face in views]
    return scores.index(max(scores))


def rate_view(template: Face, picture: Picture, face: Face) -> ViewScore:
    """Rate one photo for a template's face.

    Args:
        template: The template's face.
        picture: The user's photo, uint8 (H, W, 3) RGB.
        face: The user's face in it.
    """
    turn = np.hypot(face.pose.yaw - template.pose.yaw, face.pose.pitch - template.pose.pitch)
    difference = np.abs(face.blendshapes - template.blendshapes)
    difference[list(_LOOKS)] = 0
    patch, landmarks = _normalised(picture, face.landmarks)
    stencil = Stencil(Rect.of(patch))
    width = face_width(landmarks)
    parts = features(landmarks, stencil, width)
    skin = face_oval(landmarks, stencil, width) * (1 - parts)
    light = np.asarray(cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY), np.float32)
    return ViewScore(
        pose=float(np.exp(-(turn**2) / (2 * _TURN**2))),
        sharpness=_sharpness(light, parts, skin),
        light=_evenness(light, landmarks, skin),
        expression=float(np.exp(-float(difference.sum()) / _EXPRESSION)),
        bare=_bareness(patch, landmarks, skin),
    )


def _normalised(picture: Picture, landmarks: FloatArray) -> tuple[Picture, FloatArray]:
    """The face cut out at a width of 192 pixels, and its landmarks there."""
    box = box_around(landmarks, 2.0, picture)
    if min(box.width, box.height) < 2:
        return np.zeros((16, 16, 3), np.uint8), np.zeros_like(landmarks)
    factor = _WIDTH / face_width(landmarks)
    size = max(8, round(box.width * factor)), max(8, round(box.height * factor))
    kernel = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    patch = np.asarray(cv2.resize(np.ascontiguousarray(picture[box.window]), size, interpolation=kernel), np.uint8)
    moved = (landmarks - np.array([box.x, box.y, 0], np.float32)) * np.array(
        [size[0] / box.width, size[1] / box.height, factor], np.float32
    )
    return patch, moved.astype(np.float32)


def _mean(values: FloatArray, weight: FloatArray) -> float:
    return float((values * weight).sum() / (weight.sum() + 1e-6))


def _sharpness(light: FloatArray, parts: FloatArray, skin: FloatArray) -> float:
    fine = np.abs(light - np.asarray(cv2.GaussianBlur(light, (0, 0), 1.0), np.float32))
    bare = skin > 0.5
    grain = float(np.median(fine[bare])) if bare.any() else 0.0
    contrast = float(np.sqrt(_mean((light - _mean(light, parts)) ** 2, parts)))
    found = max(0.0, _mean(fine, parts) - grain) / (contrast + 4)
    return float(smoothstep(found, *_SHARP)) * (1 - float(smoothstep(grain, *_NOISE)))


def _evenness(light: FloatArray, landmarks: FloatArray, skin: FloatArray) -> float:
    soft = np.asarray(cv2.GaussianBlur(light, (0, 0), 6.0), np.float32)
    places = np.round(landmarks[_SIDES, :2]).astype(int)
    values = soft[np.clip(places[..., 1], 0, light.shape[0] - 1), np.clip(places[..., 0], 0, light.shape[1] - 1)]
    uneven = float((np.abs(values[:, 0] - values[:, 1]) / (values.mean(axis=1) + 8)).mean())
    clipped = _mean(((light > 250) | (light < 10)).astype(np.float32), skin)
    return (
        (1 - float(smoothstep(uneven, *_UNEVEN)))
        * (1 - float(smoothstep(clipped, *_CLIPPED)))
        * float(smoothstep(_mean(light, skin), *_DIM))
    )


def _bareness(patch: Picture, landmarks: FloatArray, skin: FloatArray) -> float:
    gap = np.asarray(cv2.GaussianBlur(lab_of(f32(patch)), (0, 0), 2.0), np.float32) - bare_skin(patch, landmarks)
    odd = np.sqrt((gap[..., 0] / 3) ** 2 + gap[..., 1] ** 2 + gap[..., 2] ** 2) > _ODD
    return 1 - float(smoothstep(_mean(odd.astype(np.float32), skin), *_COVERED))
