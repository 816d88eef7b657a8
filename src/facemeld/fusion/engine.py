"""The interface that every fusion engine implements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from facemeld.boxes import Rect
from facemeld.fusion.types import Assignment, Face, FloatArray, FuseOptions, Picture, Search


class Plan(Protocol):
    """An engine's preparation of a template, made once and used by every call."""

    @property
    def picture(self) -> Picture:
        """The template's pixels, uint8 (H, W, 3) RGB."""
        ...

    @property
    def faces(self) -> tuple[Face, ...]:
        """The template's faces, largest first."""
        ...

    def to_bytes(self) -> bytes:
        """Store the plan for ``Engine.load_plan``; the bytes hold no pickled objects."""
        ...


class Engine(Protocol):
    """Finds faces, plans templates and fuses users into them.

    All methods are pure: the same input gives the same bytes.
    """

    @property
    def name(self) -> str:
        """Short name and version, such as ``mesh/1``; stored plans with another name are made anew."""
        ...

    def analyse(self, picture: Picture, within: Rect | None = None, search: Search = "prominent") -> tuple[Face, ...]:
        """Find faces, largest first.

        Args:
            picture: uint8 (H, W, 3) RGB.
            within: Only faces whose centre lies in this box, searched in a crop around it.
            search: Which faces to look for; with ``largest``, smaller faces may be missing.
        """
        ...

    def plan(self, template: Picture, faces: Sequence[Face]) -> Plan:
        """Work out everything about a template that does not depend on the user."""
        ...

    def load_plan(self, data: bytes) -> Plan:
        """Read a plan back from ``Plan.to_bytes``.

        Raises:
            facemeld.fusion.errors.PlanOutdated: the bytes come from another engine version or are damaged.
        """
        ...

    def fuse(self, plan: Plan, assignments: Sequence[Assignment], options: FuseOptions) -> Picture:
        """Fuse every assigned user into the template: uint8 (H, W, 3) RGB of the template's size."""
        ...

    def fuse_with_mask(self, plan: Plan, assignments: Sequence[Assignment], options: FuseOptions) -> tuple[Picture, FloatArray]:
        """Fuse, and return the picture with float32 (H, W): 0 (untouched) to 1 (the user's face)."""
        ...
