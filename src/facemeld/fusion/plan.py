"""A planned template: everything about it that does not depend on the user, and how it is stored."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.boxes import Rect
from facemeld.fusion.codec import Damaged, Stock, dump
from facemeld.fusion.errors import PlanOutdated
from facemeld.fusion.finding.networks import LANDMARKER_SIDE, Pyramid, region_of_landmarks, view_matrix
from facemeld.fusion.shape.bend import rough_squares
from facemeld.fusion.skin.features import Parts, Skin
from facemeld.fusion.skin.paint import Finish
from facemeld.fusion.types import Face, FloatArray, Picture

FORMAT = "facemeld-plan/2"


@dataclass(frozen=True, slots=True, eq=False)
class FacePlan:
    """Everything about one template face that does not depend on the user.

    Attributes:
        crop: The part of the template that a fusion may change.
        landmarks: float32 (478, 3), pixels of the crop.
        skin: The face on the atlas.
        parts: Its eyes and mouth.
        matte: uint8 (h, w) of the crop, 0-255: what lies in front of the face.
        finish: Colours and fineness of the picture.
        mouth: How far its mouth stays as it is, 0-1, because a tongue hangs out of it or something covers it.
        covered: Share of the face that something else hides, 0-1.
    """

    crop: Rect
    landmarks: FloatArray
    skin: Skin
    parts: Parts
    matte: NDArray[np.uint8]
    finish: Finish
    mouth: float
    covered: float


@dataclass(frozen=True, slots=True, eq=False)
class Miniature:
    """A template's face in the view that the landmark network takes of it.

    Attributes:
        picture: uint8 (LANDMARKER_SIDE, LANDMARKER_SIDE, 3) RGB.
        matte: uint8 (LANDMARKER_SIDE, LANDMARKER_SIDE), 0-255: what lies in front of the face.
        landmarks: float32 (478, 3), pixels of the miniature.
        to_crop: float64 (2, 3), maps pixels (x, y, 1) of the miniature to pixels of the plan's crop.
    """

    picture: Picture
    matte: NDArray[np.uint8]
    landmarks: FloatArray
    to_crop: NDArray[np.float64]

    @classmethod
    def of(cls, crop: Picture, matte: NDArray[np.uint8], landmarks: FloatArray) -> Miniature:
        """Cut the view out of a crop.

        Args:
            crop: uint8 (h, w, 3) RGB.
            matte: uint8 (h, w), 0-255.
            landmarks: float32 (478, 3), pixels of the crop.
        """
        region, size = region_of_landmarks(landmarks), (LANDMARKER_SIDE, LANDMARKER_SIDE)
        to_crop = view_matrix((region.x, region.y), region.side, region.roll, LANDMARKER_SIDE)
        picture = Pyramid(crop).view(to_crop, LANDMARKER_SIDE, finer=1, border=cv2.BORDER_REPLICATE)
        small = np.asarray(cv2.warpAffine(matte, to_crop, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP), np.uint8)
        return cls(picture, small, _inwards(landmarks, to_crop), to_crop)

    def inwards(self, points: FloatArray) -> FloatArray:
        """Map points (V, 3) of the crop to the miniature: float32 (V, 3)."""
        return _inwards(points, self.to_crop)

    @property
    def turn(self) -> NDArray[np.float64]:
        """The rotation from the miniature's axes to the crop's: float64 (3, 3)."""
        turn = np.eye(3)
        turn[:2, :2] = self.to_crop[:, :2] / np.sqrt(np.linalg.det(self.to_crop[:, :2]))
        return turn


def _inwards(points: FloatArray, to_crop: NDArray[np.float64]) -> FloatArray:
    inverse = cv2.invertAffineTransform(to_crop)
    scale = float(np.sqrt(np.linalg.det(inverse[:, :2])))
    placed = points.astype(np.float64)
    placed[:, 2] *= scale
    placed[:, :2] = placed[:, :2] @ inverse[:, :2].T + inverse[:, 2]
    return placed.astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class FaceView:
    """Data derived from a planned face and its pixels, which is therefore not stored.

    Attributes:
        rough: bool (rows, columns), squares of the crop that need the fine kernel; see ``rough_squares``.
        miniature: The face as the landmark network sees it.
    """

    rough: NDArray[np.bool_]
    miniature: Miniature

    @classmethod
    def of(cls, picture: Picture, plan: FacePlan) -> FaceView:
        """Look at a planned face of a template, uint8 (H, W, 3) RGB."""
        pixels = picture[plan.crop.window]
        return cls(rough_squares(pixels), Miniature.of(pixels, plan.matte, plan.landmarks))


@dataclass(frozen=True, slots=True, eq=False)
class MeshPlan:
    """A template that the mesh engine is ready to fuse users into.

    Attributes:
        picture: uint8 (H, W, 3) RGB, read-only.
        faces: The template's faces, in the order they were given.
        details: The plan of each face.
        views: The data derived from each plan and the pixels.
        engine: Name and version of the engine that made it.
    """

    picture: Picture = field(repr=False)
    faces: tuple[Face, ...]
    details: tuple[FacePlan, ...] = field(repr=False)
    views: tuple[FaceView, ...] = field(repr=False)
    engine: str

    @classmethod
    def of(cls, picture: Picture, faces: tuple[Face, ...], details: tuple[FacePlan, ...], engine: str) -> MeshPlan:
        """A plan of a template's faces; the picture becomes read-only."""
        picture.setflags(write=False)
        return cls(picture, faces, details, tuple(FaceView.of(picture, detail) for detail in details), engine)

    def to_bytes(self) -> bytes:
        """Store the plan, with the picture as PNG; the bytes hold no pickled objects."""
        done, png = cv2.imencode(".png", cv2.cvtColor(self.picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 1])
        if not done:
            raise PlanOutdated(f"a template of {self.picture.shape[1]} x {self.picture.shape[0]} pixels could not be stored")
        stored = _Stored(self.faces, self.details)
        return dump(stored, {"format": FORMAT, "engine": self.engine}, {"picture": np.asarray(png, np.uint8)})

    @classmethod
    def from_bytes(cls, data: bytes, engine: str) -> MeshPlan:
        """Read a plan back.

        Raises:
            PlanOutdated: the plan was made by another engine version, or is damaged.
        """
        try:
            stock = Stock(data)
            if (stock.about["format"], stock.about["engine"]) != (FORMAT, engine):
                raise PlanOutdated(f"expected a plan of {engine} ({FORMAT}), got {stock.about['engine']} ({stock.about['format']})")
            decoded = cv2.imdecode(stock.arrays["picture"], cv2.IMREAD_COLOR)
            if decoded is None:
                raise Damaged("the stored template must be a PNG picture")
            stored = stock.value(_Stored)
            return cls.of(np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8), stored.faces, stored.details, engine)
        except (KeyError, ValueError, TypeError, cv2.error) as error:
            raise PlanOutdated(f"the stored plan is damaged: {error}") from error


@dataclass(frozen=True, slots=True, eq=False)
class _Stored:
    """The stored part of a plan, besides its picture."""

    faces: tuple[Face, ...]
    details: tuple[FacePlan, ...]
