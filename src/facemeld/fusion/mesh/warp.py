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
        places: (N,), the covered pixels, counted in row order.
        shares: float32 (3, N), their barycentric coordinates.
        corners: (3, N), the vertices that these shares belong to.
    """

    labels: NDArray[np.int32]
    places: NDArray[np.intp]
    shares: FloatArray
    corners: NDArray[np.intp]

    @property
    def covered(self) -> NDArray[np.bool_]:
        """bool (H, W): where the mesh is."""
        return self.labels >= 0

    def planes(self, values: NDArray[np.floating]) -> FloatArray:
        """Spread values over the mesh, linearly within each triangle.

        Args:
            values: (V, K), one row per vertex.

        Returns:
            float32 (K, H, W); 0 where there is no mesh.
        """
        out = np.zeros((values.shape[1], self.labels.size), np.float32)
        for plane, found in zip(out, self.covered_values(values), strict=True):
            plane[self.places] = found
        return out.reshape(-1, *self.labels.shape)

    def interpolate(self, values: NDArray[np.floating]) -> FloatArray:
        """The same pixel by pixel: float32 (H, W, K)."""
        return np.ascontiguousarray(np.moveaxis(self.planes(values), 0, 2))

    def covered_values(self, values: NDArray[np.floating]) -> FloatArray:
        """The same for covered pixels only, in row order: float32 (K, covered pixels)."""
        out = np.empty((values.shape[1], len(self.places)), np.float32)
        for found, column in zip(out, np.ascontiguousarray(values.T, np.float32), strict=True):
            np.multiply(column.take(self.corners[0], mode="clip"), self.shares[0], out=found)
            for corner, share in zip(self.corners[1:], self.shares[1:], strict=True):
                part = column.take(corner, mode="clip")
                part *= share
                found += part
        return out


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
    for index, corners in zip(order.tolist(), fixed[order], strict=True):
        cv2.fillConvexPoly(labels, corners, index, cv2.LINE_8, _SHIFT)
    places = np.flatnonzero(labels.reshape(-1) >= 0)
    drawn = labels.reshape(-1).take(places)
    rows, columns = np.divmod(places.astype(np.int32), np.int32(size[1]))
    x, y = columns.astype(np.float32), rows.astype(np.float32)
    # Barycentric coordinates are linear in x and y: three numbers a triangle for each of two of them.
    area = np.where(np.abs(twice_area) < 1e-9, 1e-9, twice_area)[:, None]
    u, v = (b - a) / area, (c - a) / area
    second = v[:, 1], -v[:, 0], v[:, 0] * a[:, 1] - v[:, 1] * a[:, 0]
    third = -u[:, 1], u[:, 0], u[:, 1] * a[:, 0] - u[:, 0] * a[:, 1]
    shares = np.empty((3, len(places)), np.float32)
    for share, rule in ((shares[1], second), (shares[2], third)):
        by_x, by_y, constant = (part.astype(np.float32).take(drawn, mode="clip") for part in rule)
        share[:] = by_x * x + by_y * y + constant
    shares[0] = 1 - shares[1] - shares[2]
    # A polygon's outline is drawn too, so a centre may lie just outside: keep it from running away in thin triangles.
    np.clip(shares, -0.25, 1.25, out=shares)
    shares /= shares[0] + shares[1] + shares[2]
    return Raster(labels, places, shares, np.ascontiguousarray(triangles.T, np.intp).take(drawn, axis=1, mode="clip"))


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
    outside = np.logical_not(covered).view(np.uint8)
    distance, labels = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)
    nearest, inside = np.asarray(labels, np.intp), np.flatnonzero(covered)
    source = np.zeros(int(nearest.max()) + 1, np.intp)
    source[nearest.reshape(-1).take(inside)] = np.arange(len(inside))
    return source.take(nearest, mode="clip"), distance.astype(np.float32, copy=False)


def vertex_normals(points: NDArray[np.floating], triangles: NDArray[np.int32]) -> FloatArray:
    """Unit normals of a face mesh that point out of the head: float32 (V, 3); z < 0 faces the camera."""
    p = np.asarray(points, np.float64)
    faces = np.cross(p[triangles[:, 1]] - p[triangles[:, 0]], p[triangles[:, 2]] - p[triangles[:, 0]])
    corners = triangles.T.reshape(-1)
    normals: NDArray[np.float64] = np.stack([np.bincount(corners, np.tile(faces[:, k], 3), len(p)) for k in range(3)], axis=1)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9
    outward = np.einsum("vk,vk->v", normals, p - p.mean(axis=0)).sum()
    return (normals if outward >= 0 else -normals).astype(np.float32)
