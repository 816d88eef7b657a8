"""Simple engines and a simple judge that stand in for the real ones; at module level, so that worker processes can load them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from bench.quality.judge import upright
from bench.quality.regions import outlined

from facemeld.boxes import Rect
from facemeld.fusion.finding.analysis import Analyser
from facemeld.fusion.types import Assignment, Face, FloatArray, FuseOptions, Picture
from facemeld.models.store import ensure_bundle


@dataclass(frozen=True)
class SimplePlan:
    """A template and its faces."""

    picture: Picture
    faces: tuple[Face, ...]

    def to_bytes(self) -> bytes:
        return b""


class SimpleEngine:
    """Pastes the user's upright face over the template's, the more of it the lower the degrees; without a mask."""

    name = "simple/1"

    def __init__(self) -> None:
        self._analyser = Analyser(ensure_bundle())

    def analyse(self, picture: Picture, within: Rect | None = None) -> tuple[Face, ...]:
        return self._analyser.analyse(picture, within)

    def plan(self, template: Picture, faces: Sequence[Face]) -> SimplePlan:
        return SimplePlan(template, tuple(faces))

    def load_plan(self, data: bytes) -> SimplePlan:
        raise NotImplementedError("plans are not stored in these tests")

    def fuse(self, plan: SimplePlan, assignments: Sequence[Assignment], options: FuseOptions) -> Picture:
        return self.blend(plan, assignments[0], options)[0]

    def blend(self, plan: SimplePlan, assignment: Assignment, options: FuseOptions) -> tuple[Picture, FloatArray]:
        face, (height, width) = plan.faces[0], plan.picture.shape[:2]
        corners = np.array([33, 263, 152])
        move = cv2.getAffineTransform(assignment.face.landmarks[corners, :2], face.landmarks[corners, :2])
        pasted = cv2.warpAffine(assignment.picture, move, (width, height), borderMode=cv2.BORDER_REPLICATE)
        inside = outlined(face.landmarks, (height, width)).astype(np.float32)
        mask = cv2.GaussianBlur(inside, (0, 0), 4) * (inside > 0)
        share = (mask * (1 - options.features))[..., None]
        return np.round(plan.picture * (1 - share) + pasted * share).astype(np.uint8), mask


class MaskEngine(SimpleEngine):
    """The same with a mask."""

    name = "mask/1"

    def fuse_with_mask(self, plan: SimplePlan, assignments: Sequence[Assignment], options: FuseOptions) -> tuple[Picture, FloatArray]:
        return self.blend(plan, assignments[0], options)


class CopyEngine(MaskEngine):
    """Leaves the template as it is."""

    name = "copy/1"

    def blend(self, plan: SimplePlan, assignment: Assignment, options: FuseOptions) -> tuple[Picture, FloatArray]:
        return plan.picture.copy(), super().blend(plan, assignment, options)[1]


class FailingEngine(SimpleEngine):
    """Fails on every fusion."""

    name = "failing/1"

    def blend(self, plan: SimplePlan, assignment: Assignment, options: FuseOptions) -> tuple[Picture, FloatArray]:
        raise ArithmeticError("the sum of all parts is odd")


class BlankEngine(SimpleEngine):
    """Wipes the face out, so that it is not found again."""

    name = "blank/1"

    def blend(self, plan: SimplePlan, assignment: Assignment, options: FuseOptions) -> tuple[Picture, FloatArray]:
        return np.full_like(plan.picture, 90), np.ones(plan.picture.shape[:2], np.float32)


class DyingEngine(SimpleEngine):
    """Takes its process down with it."""

    name = "dying/1"

    def blend(self, plan: SimplePlan, assignment: Assignment, options: FuseOptions) -> tuple[Picture, FloatArray]:
        os._exit(3)


class SmallPictureJudge:
    """Takes a small upright crop, without its mean, as the identity."""

    name = "small-picture"

    def describe(self, picture: Picture, face: Face) -> FloatArray:
        crop = upright(picture, face.mesh, 24, 8.0).astype(np.float32)
        return (crop - crop.mean()).ravel()


@cache
def analyser(bundle: Path) -> Analyser:
    """One analyser for all tests of this process."""
    return Analyser(bundle)
