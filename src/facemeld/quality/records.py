"""What a quality run writes down about pictures and results."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from facemeld.fusion.engine import Plan
from facemeld.fusion.types import Assignment, Face, FloatArray, FuseOptions, Picture

Degrees = tuple[int, int]
"""``FuseProfileDegree`` and ``FuseFaceDegree``, 0 (the user's) to 100 (the template's)."""


@runtime_checkable
class MaskingEngine(Protocol):
    """An engine that also says which pixels it may have changed."""

    def fuse_with_mask(self, plan: Plan, assignments: tuple[Assignment, ...], options: FuseOptions) -> tuple[Picture, FloatArray]:
        """The result, and a mask float32 (H, W) that is 0 wherever the template's pixels are untouched."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A picture that was analysed once: its largest face and that face's identity.

    Attributes:
        path: The picture's file.
        face: Its largest face; ``None`` when none was found.
        descriptor: The face's identity vector; ``None`` without a face.
        problem: Why there is no face; ``None`` when there is one.
    """

    path: Path
    face: Face | None = field(repr=False)
    descriptor: FloatArray | None = field(repr=False)
    problem: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One fusion to carry out and measure."""

    user: Subject
    template: Subject
    degrees: Degrees
    keep: bool = True
    """Whether the result's picture is written for the report."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of one fusion.

    Attributes:
        user: File name of the user's photo.
        template: File name of the template.
        degrees: The degrees it was fused with.
        error: Why there is no result; ``None`` when there is one.
        values: Measured metrics by name; what could not be measured is absent.
        descriptor: Identity vector of the face in the result, if it was found.
        contour: Distance of the result's outline from the user's, in face widths, if the face was found.
        picture: File name of the result inside the report's folder, if it was kept.
    """

    user: str
    template: str
    degrees: Degrees
    error: str | None = None
    values: dict[str, float] = field(default_factory=dict)
    descriptor: FloatArray | None = field(default=None, repr=False)
    contour: float | None = None
    picture: str | None = None
