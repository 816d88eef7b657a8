"""The rectangle that every room uses for faces, marks and parts of pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Rect:
    """An axis-aligned box in whole pixels: left, top, width and height."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """First column to the right of the box."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """First row below the box."""
        return self.y + self.height

    @property
    def area(self) -> int:
        """Number of pixels in the box."""
        return max(0, self.width) * max(0, self.height)

    @property
    def window(self) -> tuple[slice, slice]:
        """Index of its rows and columns in an array; only for a box inside its picture."""
        return slice(self.y, self.bottom), slice(self.x, self.right)

    def grown(self, margin: int) -> Rect:
        """Return the box with a margin on every side."""
        return Rect(self.x - margin, self.y - margin, self.width + 2 * margin, self.height + 2 * margin)

    def intersect(self, other: Rect) -> Rect:
        """Return the common part of two boxes; width or height is 0 where they do not meet."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        return Rect(x, y, max(0, min(self.right, other.right) - x), max(0, min(self.bottom, other.bottom) - y))

    def clipped(self, width: int, height: int) -> Rect:
        """Return the part inside a picture of that size; width or height is 0 where nothing is left."""
        left, top = min(max(0, self.x), width), min(max(0, self.y), height)
        right, bottom = min(max(left, self.right), width), min(max(top, self.bottom), height)
        return Rect(left, top, right - left, bottom - top)

    @classmethod
    def of(cls, picture: NDArray[np.generic]) -> Rect:
        """Return the box of a whole picture, (H, W) or (H, W, channels)."""
        return cls(0, 0, picture.shape[1], picture.shape[0])

    @classmethod
    def around(cls, points: NDArray[np.floating], margin: int | None = None) -> Rect:
        """Return the smallest box that holds every point.

        Args:
            points: (N, 2 or more), x and y in pixels.
            margin: Pixels to add on every side; the box then also holds the outermost points' pixels as a whole.
        """
        low, high = np.floor(points[:, :2].min(axis=0)), np.ceil(points[:, :2].max(axis=0))
        box = cls(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))
        if margin is None:
            return box
        grown = box.grown(margin)
        return cls(grown.x, grown.y, grown.width + 1, grown.height + 1)
