"""The pixel tasks of materials: import a template, measure its faces, plan it again, make a thumbnail."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from facemeld.boxes import Rect
from facemeld.fusion.engine import Plan
from facemeld.fusion.types import Face, Picture
from facemeld.marks.provenance import IncomingMark, notice
from facemeld.media import containers, decode, encode
from facemeld.workers.pool.context import WorkerContext
from facemeld.workers.tasks.template import make, pack, remake

SIDE = 128
"""Faces are measured at this size, in pixels of the longer side, so that the figures of small and large faces compare."""

LONGEST_SIDE = 360
"""Longer side of a thumbnail, in pixels."""

_QUALITY = 85


@dataclass(frozen=True, slots=True)
class ImportedTemplate:
    """The result of importing a template.

    Attributes:
        width, height: Size in pixels.
        format: Format of the file.
        digest: SHA-256 of the file, hexadecimal.
        faces: Faces, largest first.
        quality: Quality of each face, in the same order.
        plan: The packed template, see ``template.pack``.
        incoming: Marks already in the file, including this installation's invisible mark.
    """

    width: int
    height: int
    format: containers.ImageFormat
    digest: str
    faces: tuple[Face, ...]
    quality: tuple[FaceQuality, ...]
    plan: bytes = field(repr=False)
    incoming: tuple[IncomingMark, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportTemplate:
    """Decode a template, find its faces, measure and plan them."""

    data: bytes = field(repr=False)
    limits: decode.DecodeLimits

    def __call__(self, context: WorkerContext) -> ImportedTemplate:
        """Return everything that a material stores about its picture."""
        image = decode.decode(self.data, self.limits)
        template = make(context.engine, image)
        return ImportedTemplate(
            width=image.width,
            height=image.height,
            format=image.format,
            digest=hashlib.sha256(self.data).hexdigest(),
            faces=template.plan.faces,
            quality=tuple(
                measure(image.rgb, face, covered) for face, covered in zip(template.plan.faces, covered_shares(template.plan), strict=True)
            ),
            plan=pack(context.engine, template),
            incoming=notice(self.data, encode.CONTENT_TYPES[image.format], rgb=image.rgb, key=context.mark_key),
        )


@dataclass(frozen=True, slots=True)
class RebuildPlan:
    """Plan an imported template again, for example for a new engine.

    Attributes:
        data: The picture's file.
        limits: Limits for decoding it.
        boxes: Its faces in the order of the import.
    """

    data: bytes = field(repr=False)
    limits: decode.DecodeLimits
    boxes: tuple[Rect, ...]

    def __call__(self, context: WorkerContext) -> bytes:
        """Return the packed template.

        Raises:
            FacesMoved: a face is not found where it was.
        """
        return pack(context.engine, remake(context.engine, decode.decode(self.data, self.limits), self.boxes))


@dataclass(frozen=True, slots=True)
class MakeThumbnail:
    """Shrink a picture to ``LONGEST_SIDE`` and encode it as JPEG, on white where it is transparent."""

    picture: Path
    limits: decode.DecodeLimits

    def __call__(self, context: WorkerContext) -> bytes:
        """Return the thumbnail's file.

        Raises:
            FileNotFoundError: the picture is gone.
            MediaError: it cannot be decoded.
        """
        image = decode.decode(self.picture.read_bytes(), self.limits)
        pixels = image.rgb
        if image.alpha is not None:
            share = image.alpha[..., None].astype(np.float32) / 255
            pixels = np.rint(pixels * share + 255 * (1 - share)).astype(np.uint8)
        scale = LONGEST_SIDE / max(image.width, image.height)
        if scale < 1:
            size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
            # Imported here, because the API process imports this module without imaging libraries.
            import cv2

            pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
        return encode.encode(pixels, "jpeg", quality=_QUALITY)


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """Measurements of one face.

    Attributes:
        box: Bounding box of the face, clipped to the picture.
        yaw, pitch: Head rotation in degrees, signed as in ``fusion.types.Pose``.
        sharpness: Variance of the Laplacian over the variance of the brightness, at ``SIDE`` pixels; sharp faces of portraits
            have 0.03-0.6, the same blurred by 2 % of their width 0.002-0.014.
        brightness: Mean luminance of the box, 0-255.
        outside: Share of the face's area beyond the picture's edge, 0-1.
        covered: Share of the face hidden by something in front of it, 0-1: hair, a hat, dark glasses, a bar, a mask. It stays in
            front in every result; so does a full beard, which is not counted. Portraits have 0-0.12, with ordinary glasses up to
            0.18; a dark bar over the eyes makes 0.15-0.4.
    """

    box: Rect
    yaw: float
    pitch: float
    sharpness: float
    brightness: float
    outside: float
    covered: float = 0.0


def covered_shares(plan: Plan) -> tuple[float, ...]:
    """Return ``FaceQuality.covered`` of each face of a plan; 0 if the engine does not measure it."""
    # Imported here, because the API process imports this module without imaging libraries.
    from facemeld.fusion.plan import MeshPlan

    if not isinstance(plan, MeshPlan):
        return (0.0,) * len(plan.faces)
    return tuple(detail.covered for detail in plan.details)


def measure(picture: Picture, face: Face, covered: float = 0.0) -> FaceQuality:
    """Measure a face.

    The variance of the Laplacian as a measure of focus is from Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy"
    (2000); dividing by the variance of the brightness makes it independent of exposure and contrast.

    Args:
        picture: uint8 (H, W, 3) RGB.
        face: A face of that picture.
        covered: See ``covered_shares``.
    """
    box = face.box
    crop = picture[box.y : box.bottom, box.x : box.right]
    whole = Rect.around(face.landmarks).area
    outside = 1 - box.area / whole if whole else 1.0
    if crop.size == 0:
        return FaceQuality(box, face.pose.yaw, face.pose.pitch, 0.0, 0.0, outside, covered)
    # Imported here, because the API process imports this module without imaging libraries.
    import cv2

    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    scale = SIDE / max(grey.shape)
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC).astype(np.float32)
    contrast = float(small.var())
    detail = float(cv2.Laplacian(small, cv2.CV_32F).var())
    return FaceQuality(
        box=box,
        yaw=face.pose.yaw,
        pitch=face.pose.pitch,
        sharpness=detail / contrast if contrast > 0 else 0.0,
        brightness=float(grey.mean()),
        outside=max(0.0, outside),
        covered=covered,
    )
