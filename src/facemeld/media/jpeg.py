"""Pixels to JPEG files; large pictures in parts, which two threads can write.

Source: ITU-T T.81 | ISO/IEC 10918-1, section E.1.4 (restart intervals) and annex B (markers and segments).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.media.errors import EncodingFailed
from facemeld.media.headers import jpeg_frame_and_scan
from facemeld.parallel import WORTH_SHARING, each

_BLOCK = 8
"""Side of a coding unit at full colour resolution, pixels."""

_CYCLE = 8
"""Restart markers are numbered from 0 to 7, again and again."""

_PARTS = 8
"""Parts of a picture: few enough for the restarts to weigh nothing, and small enough that a part's copy finds room in freed memory."""

_LONGEST_INTERVAL = 65_535
_HEIGHT = 5
"""Where a frame header holds the picture's height: after its marker, its length and the depth of its samples."""


def write_jpeg(rgb: NDArray[np.uint8], quality: int) -> bytes:
    """A picture as baseline JPEG with full colour resolution (4:4:4).

    A large picture is written in parts that two threads share. They are joined to one scan with restart intervals, which every
    decoder reads: the same coefficients, so the same pixels, for some 100 bytes more. How it is cut depends on its size alone.

    Args:
        rgb: uint8 (H, W, 3), at most 65,500 pixels a side.
        quality: 1-100.

    Raises:
        EncodingFailed: the codec refuses.
    """
    height, width = rgb.shape[:2]
    interval = _interval(height, width)
    step = height if interval == 0 else _CYCLE * interval * _BLOCK
    if step >= height:
        return _part(rgb, quality, 0)
    tops = range(0, height, step)
    files: dict[int, bytes] = {}

    def write(top: int) -> None:
        files[top] = _part(rgb[top : top + step], quality, interval * _blocks(width))

    each(write, tops, height * width)
    return _joined([files[top] for top in tops], height)


def _interval(height: int, width: int) -> int:
    """Rows of blocks between two restarts, so that a part has one whole cycle of them; 0 where the picture is not worth parting."""
    if height * width < WORTH_SHARING:
        return 0
    return min(-(-_blocks(height) // (_PARTS * _CYCLE)), _LONGEST_INTERVAL // _blocks(width))


def _blocks(side: int) -> int:
    return -(-side // _BLOCK)


def _part(rgb: NDArray[np.uint8], quality: int, interval: int) -> bytes:
    """One file, with a restart after so many blocks; 0 for none."""
    # The bytes are Pillow's, without its copy of the picture with four channels. Thinner wrappers of the codec take its fast, inexact
    # transform, which loses 1.6 dB at quality 95.
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    settings += [cv2.IMWRITE_JPEG_RST_INTERVAL, interval]
    done, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), settings)
    if not done:
        raise EncodingFailed(f"a picture of {rgb.shape[1]}x{rgb.shape[0]} pixels could not be written as JPEG")
    return bytes(data.data)


def _joined(files: Sequence[bytes], height: int) -> bytes:
    """One file of several that lie below each other; all but the last have a whole cycle of restart intervals."""
    frame, scan = jpeg_frame_and_scan(files[0])
    head = bytearray(files[0][:scan])
    head[frame + _HEIGHT : frame + _HEIGHT + 2] = height.to_bytes(2, "big")
    scans = [memoryview(files[0])[scan:-2], *(memoryview(file)[jpeg_frame_and_scan(file)[1] : -2] for file in files[1:])]
    # Where one part ends and the next begins there is the last marker of a cycle; at the end, the end of the picture.
    between = [b"\xff\xd7"] * (len(scans) - 1) + [b"\xff\xd9"]
    return b"".join([head, *(piece for pair in zip(scans, between, strict=True) for piece in pair)])
