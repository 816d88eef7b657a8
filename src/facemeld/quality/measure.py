"""Measures one result against its user and its template."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from facemeld.fusion.types import Face, FloatArray, Picture
from facemeld.quality import colour, pixels, regions
from facemeld.quality.errors import NotMeasurable
from facemeld.quality.geometry import expression_error, pose_error
from facemeld.quality.identity import cosine, normalised_gain

_WIDTH = 320.0
"""Width of a face, in pixels, to which pictures are reduced before colour and seams are measured."""


def matching_face(faces: tuple[Face, ...], wanted: Face) -> Face | None:
    """The face of a result that lies where the template's face was: the one nearest to it within half a face's width."""
    centre = wanted.mesh[:, :2].mean(axis=0)
    reach = 0.5 * regions.face_width(wanted.landmarks)
    offsets = [(float(np.linalg.norm(face.mesh[:, :2].mean(axis=0) - centre)), index) for index, face in enumerate(faces)]
    best = min(offsets, default=(reach, -1))
    return faces[best[1]] if best[0] < reach else None


def identity_values(result: FloatArray, user: FloatArray, template: FloatArray) -> dict[str, float]:
    """Identity metrics from three identity vectors."""
    result_user, template_user = cosine(result, user), cosine(template, user)
    values = {
        "identity_user": result_user,
        "identity_template": cosine(result, template),
        "identity_gain": result_user - template_user,
    }
    if template_user < 1 - 1e-6:
        values["normalised_gain"] = normalised_gain(result_user, template_user)
    return values


def face_values(result: Face, template: Face) -> dict[str, float]:
    """Pose and expression metrics from two faces."""
    error, expression = pose_error(result.pose, template.pose), expression_error(result.blendshapes, template.blendshapes)
    return {
        "pose": error.angle,
        "pose_yaw": error.yaw,
        "pose_pitch": error.pitch,
        "pose_roll": error.roll,
        "expression": expression,
        "expression_mean": expression / len(template.blendshapes),
    }


def pixel_values(result: Picture, template: Picture, found: Face, wanted: Face, mask: FloatArray | None) -> dict[str, float]:
    """Background, seam, tone and sharpness; what cannot be measured on these pictures is left out.

    Args:
        result: The fused picture.
        template: The template.
        found: The face in the result.
        wanted: The face in the template.
        mask: float32 (H, W), 0 where the engine changed nothing; without it background and seam are left out.
    """
    values: dict[str, float] = {}
    old, points, cut = pixels.lab_crop(template, wanted.landmarks)
    new = colour.to_lab(np.ascontiguousarray(result[cut]))
    offset = np.array([cut[1].start, cut[0].start, 0], dtype=np.float32)
    new_points = found.landmarks - offset
    local = None if mask is None else np.ascontiguousarray(mask[cut])

    def put(name: str, measure: Callable[[], float]) -> None:
        try:
            values[name] = measure()
        except NotMeasurable:
            return

    put("sharpness", lambda: pixels.sharpness_ratio(new, old, points))
    if mask is not None:
        values["background"] = float(pixels.changed_outside(result, template, mask))
        hull = regions.face_hull(points, (old.shape[0], old.shape[1]))
        values["mask_area"] = float((mask > 0).sum()) / max(1.0, float(hull.sum()))
    # Colour and seams are smooth: a large face is measured at a reduced size, which saves seconds.
    factor = min(1.0, _WIDTH / regions.face_width(points))
    old, new = (pixels.shrunk(picture, factor) for picture in (old, new))
    points, new_points = (pixels.shrunk_points(face, factor) for face in (points, new_points))
    scale = max(0.8, 0.012 * regions.face_width(points))
    if local is not None:
        local = pixels.shrunk(local, factor)
        edge = local
        put("seam", lambda: pixels.edge_ratio(new, old, edge, scale))
    put("rim", lambda: pixels.edge_ratio(new, old, pixels.rim(points, (old.shape[0], old.shape[1])), scale))
    try:
        tone = pixels.tone(new, old, new_points, points, local)
    except NotMeasurable:
        return values
    return values | {"tone": tone.pooled, "tone_floor": tone.floor, "tone_face": tone.face, "tone_patches": tone.patches}
