"""Rasterises triangle meshes into label images and turns per-vertex values into dense maps."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.types import FloatArray

_SHIFT = 4  # fixed-point bits of polygon corners


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """A mesh drawn into a grid of pixels, nearest triangles in front.

    Attributes:
        labels: int32 (H, W), index of the triangle seen at a pixel, -1 where there is none.
        shares: float32 (H * W covered, 3), barycentric coordinates of the covered pixels in row order.
        corners: int32 (H * W covered, 3), the vertices that these shares belong to.
    """

    labels: NDArray[np.int32]
    shares: FloatArray
    corners: NDArray[np.int32]

    @property
    def covered(self) -> NDArray[np.bool_]:
        """bool (H, W): where the mesh is."""
        return self.labels >= 0

    def interpolate(self, values: NDArray[np.floating]) -> FloatArray:
        """Spread values over the mesh, linearly within each triangle.

        Args:
            values: (V, K), one row per vertex.

        Returns:
            float32 (H, W, K); 0 where there is no mesh.
        """
        out = np.zeros((*self.labels.shape, values.shape[1]), np.float32)
        out[self.labels >= 0] = self.covered_values(values)
        return out

    def covered_values(self, values: NDArray[np.floating]) -> FloatArray:
        """The same for covered pixels only, in row order: float32 (covered pixels, K)."""
        table = np.ascontiguousarray(values, np.float32)
        found = np.zeros((len(self.shares), table.shape[1]), np.float32)
        for corner in range(3):
            part = table.take(self.corners[:, corner], axis=0, mode="clip")
            part *= self.shares[:, corner : corner + 1]
            found += part
        return found


def rasterise(
    points: NDArray[np.floating], depth: NDArray[np.floating], triangles: NDArray[np.int32], size: tuple[int, int], *, cull: bool = False
) -> Raster:
    """Draw a mesh, far triangles first.

    Args:
        points: (V, 2) x and y in pixels of the grid; (0, 0) is the centre of the first pixel.
        depth: (V,) distance from the camera; what is nearer hides what is farther.
        triangles: (T, 3) indices into the points, wound alike.
        size: Height and width of the grid.
        cull: Leave out triangles that are seen from behind.
    """
    flat = np.ascontiguousarray(points, np.float64)
    a, b, c = (flat[triangles[:, k]] for k in range(3))
    twice_area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    order = np.argsort(-np.asarray(depth, np.float64)[triangles].mean(axis=1), kind="stable")
    if cull:
        facing = np.sign(np.median(np.sign(twice_area))) or 1.0
        order = order[twice_area[order] * facing > 0]
    labels = np.full(size, -1, np.int32)
    fixed = np.round(flat[triangles] * (1 << _SHIFT)).astype(np.int32)
    for index in order.tolist():
        cv2.fillConvexPoly(labels, fixed[index], index, shift=_SHIFT)
    at = np.flatnonzero(labels.reshape(-1) >= 0)
    drawn = labels.reshape(-1).take(at)
    rows, columns = np.divmod(at.astype(np.int32), np.int32(size[1]))
    # Barycentric coordinates are linear in x and y: three numbers a triangle for each of two of them.
    area = np.where(np.abs(twice_area) < 1e-9, 1e-9, twice_area)[:, None]
    u, v = (b - a) / area, (c - a) / area
    linear = np.stack(
        [v[:, 1], -v[:, 0], v[:, 0] * a[:, 1] - v[:, 1] * a[:, 0], -u[:, 1], u[:, 0], u[:, 1] * a[:, 0] - u[:, 0] * a[:, 1]], axis=1
    )
    rule = linear.astype(np.float32).take(drawn, axis=0, mode="clip")
    shares = np.empty((len(at), 3), np.float32)
    shares[:, 1] = rule[:, 0] * columns + rule[:, 1] * rows + rule[:, 2]
    shares[:, 2] = rule[:, 3] * columns + rule[:, 4] * rows + rule[:, 5]
    shares[:, 0] = 1 - shares[:, 1] - shares[:, 2]
    # A polygon's outline is drawn too, so a centre may lie just outside: keep it from running away in thin triangles.
    np.clip(shares, -0.25, 1.25, out=shares)
    shares /= shares.sum(axis=1, keepdims=True)
    return Raster(labels, shares, triangles.take(drawn, axis=0, mode="clip"))


def extend(field: FloatArray, covered: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """Carry a field's border values outwards.

    Args:
        field: float32 (H, W, K), meaningful where covered.
        covered: bool (H, W), true somewhere.

    Returns:
        The field with every uncovered pixel taking the value of its nearest covered one, and the distance to it in pixels.
    """
    nearest, distance = nearest_covered(covered)
    return field[covered][nearest], distance


def nearest_covered(covered: NDArray[np.bool_]) -> tuple[NDArray[np.intp], FloatArray]:
    """For every pixel, which covered one is nearest (its number in row order) and how far it is in pixels; both (H, W).

    Args:
        covered: bool (H, W), true somewhere.
    """
    outside = np.where(covered, 0, 255).astype(np.uint8)
    distance, nearest = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)
    inside = np.flatnonzero(covered)
    source = np.zeros(int(nearest.max()) + 1, np.intp)
    source[nearest.reshape(-1)[inside]] = np.arange(len(inside))
    return source[nearest], distance.astype(np.float32, copy=False)


def vertex_normals(points: NDArray[np.floating], triangles: NDArray[np.int32]) -> FloatArray:
    """Unit normals of a face mesh that point out of the head: float32 (V, 3); z < 0 faces the camera."""
    p = np.asarray(points, np.float64)
    faces = np.cross(p[triangles[:, 1]] - p[triangles[:, 0]], p[triangles[:, 2]] - p[triangles[:, 0]])
    normals = np.zeros_like(p)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], faces)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9
    outward = np.einsum("vk,vk->v", normals, p - p.mean(axis=0)).sum()
    return (normals if outward >= 0 else -normals).astype(np.float32)
