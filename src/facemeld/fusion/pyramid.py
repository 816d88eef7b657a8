"""A picture at halved sizes, so that small views of it can be cut out fast and without aliasing."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.types import Picture


class Pyramid:
    """A picture and, made when first asked for, its halves, quarters and so on."""

    def __init__(self, picture: Picture) -> None:
        self._levels = [np.ascontiguousarray(picture)]

    @property
    def picture(self) -> Picture:
        """The picture itself."""
        return self._levels[0]

    @property
    def width(self) -> int:
        """Columns of the picture."""
        return int(self._levels[0].shape[1])

    @property
    def height(self) -> int:
        """Rows of the picture."""
        return int(self._levels[0].shape[0])

    def view(self, to_picture: NDArray[np.float64], size: int, finer: int = 0, border: int = cv2.BORDER_CONSTANT) -> Picture:
        """Cut out a square view.

        Args:
            to_picture: (2, 3), maps a pixel of the view (x, y, 1) to a pixel of the picture.
            size: Side of the view in pixels.
            finer: Read from a level so many halvings finer than smoothness asks for. The networks were trained on views read
                straight from the picture, and the reference implementation reads them so; at 0 nothing aliases.
            border: OpenCV border mode for what lies outside the picture; constant means black.
        """
        shrink = math.sqrt(abs(float(np.linalg.det(to_picture[:, :2]))))
        wanted = max(0, math.floor(math.log2(shrink)) - finer) if shrink > 0 else 0
        level = self._ensure(wanted)
        factor = 2.0**level
        # Pixel i of a level covers pixels factor*i ... factor*i + factor-1 of the picture: its centre lies half a pixel further.
        matrix = np.array(to_picture, np.float64)
        matrix[:, 2] -= (factor - 1) / 2
        matrix /= factor
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(self._levels[level], matrix, (size, size), flags=flags, borderMode=border), np.uint8)

    def _ensure(self, level: int) -> int:
        """Make levels up to ``level`` while the picture has at least two rows and columns left; the level that there is."""
        while len(self._levels) <= level:
            last = self._levels[-1]
            height, width = last.shape[0] // 2, last.shape[1] // 2
            if min(height, width) < 1:
                return len(self._levels) - 1
            even = last[: height * 2, : width * 2]
            self._levels.append(np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8))
        return level

    def flat(self, centre: tuple[float, float], side: float, limit: float) -> bool:
        """Whether the picture hardly varies in a square.

        Args:
            centre: Centre of the square, pixels.
            side: Side of the square, pixels.
            limit: Standard deviation (of 0-255) that no channel may reach.
        """
        level = self._ensure(max(0, math.floor(math.log2(max(side, 1.0) / 32.0))))
        factor = 2.0**level
        left, top = (max(0, math.floor((middle - side / 2) / factor)) for middle in centre)
        right, bottom = (max(0, math.ceil((middle + side / 2) / factor)) for middle in centre)
        part = self._levels[level][top:bottom, left:right]
        return not part.size or bool((cv2.meanStdDev(part)[1] < limit).all())
