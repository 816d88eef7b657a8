"""Where to look for faces: square views that together show every face of at least 34 pixels large enough to be found."""

from __future__ import annotations

import math

from facemeld.fusion.types import Rect

SMALLEST_VIEW = 200.0
"""Side of the smallest view, pixels: a face of 34 pixels fills 17 % of it, enough for the detector to find nearly all."""

OVERLAP = 0.3
"""Neighbouring views share so much of their side: a face too small for the next larger views lies whole in one of these."""

Point = tuple[float, float]


def centre_of(frame: Rect) -> Point:
    """Centre of a box, pixels."""
    return frame.x + frame.width / 2, frame.y + frame.height / 2


def view_sides(frame: Rect) -> list[float]:
    """Sides of the views that follow the one of the whole frame, largest first, each about half the one before."""
    longest = float(max(frame.width, frame.height))
    steps = math.ceil(math.log2(longest / SMALLEST_VIEW)) if longest > SMALLEST_VIEW else 0
    return [longest * (SMALLEST_VIEW / longest) ** (step / steps) for step in range(1, steps + 1)]


def views(frame: Rect, side: float) -> list[Point]:
    """Centres of overlapping square views that cover the frame, row by row.

    Args:
        frame: The part of the picture to cover.
        side: Side of each view, pixels.
    """
    across = _centres(frame.x, frame.width, side)
    down = _centres(frame.y, frame.height, side)
    return [(x, y) for y in down for x in across]


def _centres(start: float, length: float, side: float) -> list[float]:
    if length <= side:
        return [start + length / 2]
    count = math.ceil((length - side) / (side * (1 - OVERLAP))) + 1
    step = (length - side) / (count - 1)
    return [start + side / 2 + step * number for number in range(count)]
