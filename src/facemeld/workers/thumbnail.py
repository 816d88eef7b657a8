"""The pixel task that makes a small picture of a stored one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facemeld.media.decode import DecodeLimits, decode
from facemeld.media.encode import encode
from facemeld.workers.pool.context import WorkerContext

LONGEST_SIDE = 360
"""Pixels of a thumbnail's longer side."""

_QUALITY = 85


@dataclass(frozen=True, slots=True)
class MakeThumbnail:
    """Shrink a picture to ``LONGEST_SIDE`` and encode it as JPEG, on white where it is transparent."""

    picture: Path
    limits: DecodeLimits

    def __call__(self, context: WorkerContext) -> bytes:
        """Do the work.

        Raises:
            FileNotFoundError: the picture is gone.
            MediaError: it cannot be decoded.
        """
        image = decode(self.picture.read_bytes(), self.limits)
        pixels = image.rgb
        if image.alpha is not None:
            share = image.alpha[..., None].astype(np.float32) / 255
            pixels = np.rint(pixels * share + 255 * (1 - share)).astype(np.uint8)
        scale = LONGEST_SIDE / max(image.width, image.height)
        if scale < 1:
            size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
            # Imported here, because the API process imports this module and carries no imaging libraries.
            import cv2

            pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
        return encode(pixels, "jpeg", quality=_QUALITY)
