"""Bends the template around an outline that moves, so that nothing tears and nothing far away changes."""

from __future__ import annotations

import cv2

from facemeld.fusion.mesh.arrays import f32, smoothstep
from facemeld.fusion.types import FloatArray

BEND = 0.42
"""Face widths beyond the outline over which the template is bent."""


def bend_field(inside: FloatArray, distance: FloatArray, width: float) -> FloatArray:
    """Carry the mesh's displacement beyond its outline and let it fade to nothing.

    Args:
        inside: float32 (H, W, 2), displacement, already extended beyond the mesh by nearest values.
        distance: float32 (H, W), distance to the mesh, same pixels.
        width: The face's width in the same pixels.

    Returns:
        float32 (H, W, 2): exactly 0 from ``BEND`` face widths on.
    """
    # A wide average needs no fine grid.
    coarse = max(1, int(0.03 * width))
    size = (-(-inside.shape[1] // coarse), -(-inside.shape[0] // coarse))
    small = cv2.resize(inside, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), max(0.5, 0.07 * width / coarse), borderType=cv2.BORDER_REPLICATE)
    soft = f32(cv2.resize(small, inside.shape[1::-1], interpolation=cv2.INTER_LINEAR))
    # On the mesh, where the distance is 0, both factors leave its own displacement as it is.
    field = soft - inside
    field *= cv2.merge([smoothstep(distance, 0.0, 0.05 * width)] * 2)
    field += inside
    field *= cv2.merge([1 - smoothstep(distance, 0.0, BEND * width)] * 2)
    return field
