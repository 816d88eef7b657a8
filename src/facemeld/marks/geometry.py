"""The rectangle that every visible mark is given and reports back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rect:
    """An axis-aligned box in whole pixels of the picture: left, top, width and height."""

    x: int
    y: int
    width: int
    height: int

    @property
    def window(self) -> tuple[slice, slice]:
        """Its rows and columns; for a box inside its picture."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)

    def clipped(self, width: int, height: int) -> Rect:
        """The part inside a picture of that size; width or height is 0 where nothing is left."""
        left, top = min(max(0, self.x), width), min(max(0, self.y), height)
        right, bottom = min(max(left, self.x + self.width), width), min(max(top, self.y + self.height), height)
        return Rect(left, top, right - left, bottom - top)
