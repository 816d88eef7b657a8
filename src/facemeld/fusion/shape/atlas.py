"""The face unrolled: a mesh rasteriser, and constant maps of the canonical face on a small square grid over its UV plane."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.arrays import f32
from facemeld.fusion.shape import topology
from facemeld.fusion.shape.topology import CanonicalMesh
from facemeld.fusion.types import FloatArray

_SHIFT = 4  # fixed-point bits of polygon corners

GRID = 128
"""Side of the atlas in cells: a face fills most of it, so a cell is about 1/120 of the face's width."""

_NOSE_BASE = np.array([2, 97, 98, 64, 48, 115, 220, 44, 1, 274, 440, 344, 278, 294, 327, 326], np.intp)
"""Around both nostrils and the tip of the nose."""

_RIGHT_TEMPLE = np.array([226, 34, 127, 162, 139, 156, 124, 35, 143], np.intp)
_BRIDGE = np.array([193, 417, 351, 122, 168, 6, 197, 196, 419, 8], np.intp)
_CHIN = (0.8, 0.125)  # height at which the chin begins, and half its width, in face heights and widths

_BAND = np.array([234, 454, 21, 251, 105, 334, 50, 280, 101, 330, 217, 437, 9], np.intp)
"""Corners of the part of a face that glasses can cover."""

_MOUSTACHE = np.array([164, 167, 165, 92, 393, 391, 322, 2, 97, 326], np.intp)
"""Between the nose and the upper lip."""

_CHEEK = np.array([50, 101, 118, 117, 123, 187, 205], np.intp)
"""The middle of one cheek: bare on every face."""


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """A mesh drawn into a grid of pixels, nearest triangles in front.

    Attributes:
        labels: int32 (H, W), index of the triangle seen at a pixel, -1 where there is none.
        places: (N,), the covered pixels, counted in row order.
        shares: float32 (3, N), their barycentric coordinates.
        corners: (3, N), the vertices that the shares belong to.
    """

    labels: NDArray[np.int32]
    places: NDArray[np.intp]
    shares: FloatArray
    corners: NDArray[np.intp]

    @property
    def covered(self) -> NDArray[np.bool_]:
        """The mesh's silhouette: bool (H, W)."""
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
        """Spread values over the mesh, channels last: float32 (H, W, K)."""
        return np.ascontiguousarray(np.moveaxis(self.planes(values), 0, 2))

    def covered_values(self, values: NDArray[np.floating]) -> FloatArray:
        """Spread values over the covered pixels only, in row order: float32 (K, covered pixels)."""
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
        depth: (V,) distance from the camera; near triangles hide far ones.
        triangles: (T, 3) indices into the points, all wound the same way.
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
    # Barycentric coordinates are linear in x and y: three numbers per triangle for each of two coordinates.
    area = np.where(np.abs(twice_area) < 1e-9, 1e-9, twice_area)[:, None]
    u, v = (b - a) / area, (c - a) / area
    second = v[:, 1], -v[:, 0], v[:, 0] * a[:, 1] - v[:, 1] * a[:, 0]
    third = -u[:, 1], u[:, 0], u[:, 1] * a[:, 0] - u[:, 0] * a[:, 1]
    shares = np.empty((3, len(places)), np.float32)
    for share, rule in ((shares[1], second), (shares[2], third)):
        by_x, by_y, constant = (part.astype(np.float32).take(drawn, mode="clip") for part in rule)
        share[:] = by_x * x + by_y * y + constant
    shares[0] = 1 - shares[1] - shares[2]
    # The outline of a polygon is drawn too, so a centre may lie just outside; clipping keeps thin triangles from extrapolating far.
    np.clip(shares, -0.25, 1.25, out=shares)
    shares /= shares[0] + shares[1] + shares[2]
    return Raster(labels, places, shares, np.ascontiguousarray(triangles.T, np.intp).take(drawn, axis=1, mode="clip"))


def extend(field: FloatArray, covered: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """Carry a field's border values outwards.

    Args:
        field: float32 (H, W, K), meaningful where covered.
        covered: bool (H, W), true somewhere.

    Returns:
        The field, where each uncovered pixel has the value of the nearest covered one, and the distance to that in pixels.
    """
    nearest, distance = nearest_covered(covered)
    return field[covered][nearest], distance


def nearest_covered(covered: NDArray[np.bool_]) -> tuple[NDArray[np.intp], FloatArray]:
    """For every pixel, the number (in row order) of the nearest covered pixel and its distance in pixels; both (H, W).

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
    """Unit normals of a face mesh, pointing out of the head: float32 (V, 3); z < 0 faces the camera."""
    p = np.asarray(points, np.float64)
    faces = np.cross(p[triangles[:, 1]] - p[triangles[:, 0]], p[triangles[:, 2]] - p[triangles[:, 0]])
    corners = triangles.T.reshape(-1)
    normals: NDArray[np.float64] = np.stack([np.bincount(corners, np.tile(faces[:, k], 3), len(p)) for k in range(3)], axis=1)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9
    outward = np.einsum("vk,vk->v", normals, p - p.mean(axis=0)).sum()
    return (normals if outward >= 0 else -normals).astype(np.float32)


def _distance(inside: NDArray[np.bool_]) -> FloatArray:
    """Distance in pixels of every pixel inside to the nearest pixel outside."""
    distance = cv2.distanceTransform(inside.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # The last digit of OpenCV's result depends on the arrays' addresses in memory; the square is a whole number.
    return f32(np.sqrt(np.rint(np.square(distance))))


@dataclass(frozen=True, eq=False)
class Atlas:
    """Constant maps of the canonical face over the UV plane; every map is float32 (GRID, GRID), 0-1, with the chin below.

    Attributes:
        mesh: The canonical mesh.
        raster: The mesh drawn into the grid.
        cells: float32 (468, 2), where each vertex lies in the grid (x, y).
    """

    mesh: CanonicalMesh
    raster: Raster
    cells: FloatArray

    @classmethod
    def of(cls, mesh: CanonicalMesh) -> Atlas:
        """The atlas of a canonical mesh."""
        cells = (mesh.uv * GRID - 0.5).astype(np.float32)
        return cls(mesh, rasterise(cells, np.zeros(len(cells)), mesh.triangles, (GRID, GRID)), cells)

    @cached_property
    def twins(self) -> NDArray[np.intp]:
        """For each vertex the vertex on the other half of the face, (468,); on the atlas, mirroring flips left and right."""
        return topology.mirror(self.mesh)[: len(self.cells)]

    @cached_property
    def covered(self) -> NDArray[np.bool_]:
        """Cells that belong to the face: bool."""
        return self.raster.covered

    @cached_property
    def inset(self) -> FloatArray:
        """Distance of a cell to the face's border, in face widths (not limited to 1)."""
        return _distance(np.pad(self.covered, 1))[1:-1, 1:-1] / np.float32(GRID)

    def at_vertices(self, field: FloatArray) -> FloatArray:
        """Values at the vertices, float32 (468,), of a map of the atlas, float32 (GRID, GRID)."""
        x, y = np.clip(np.round(self.cells).astype(int), 0, GRID - 1).T
        return f32(field[y, x])

    def area(self, vertices: NDArray[np.intp], grow: float, soft: float) -> FloatArray:
        """A soft map of the polygon through some vertices.

        Args:
            vertices: The polygon's corners; the convex hull is used.
            grow: Reach beyond the hull, in face widths.
            soft: Width of the edge, in face widths.
        """
        canvas = np.zeros((GRID * 2, GRID * 2), np.uint8)  # twice as fine, so that thin parts keep their form
        hull = cv2.convexHull(((self.cells[vertices] + 0.5) * 2 - 0.5).astype(np.float32))
        cv2.fillConvexPoly(canvas, np.round(hull * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
        signed = (_distance(canvas > 127) - _distance(canvas <= 127)) / (2 * GRID) + grow
        edge = np.clip(signed / soft + 0.5, 0, 1).astype(np.float32)
        return f32(cv2.resize(edge, (GRID, GRID), interpolation=cv2.INTER_AREA))

    @cached_property
    def eyes(self) -> FloatArray:
        """The openings between the lids."""
        return f32(np.maximum(self.area(topology.LEFT_EYE, 0.002, 0.012), self.area(topology.RIGHT_EYE, 0.002, 0.012)))

    @cached_property
    def sockets(self) -> FloatArray:
        """Eyes with lids and lashes."""
        return f32(np.maximum(self.area(topology.LEFT_EYE, 0.02, 0.03), self.area(topology.RIGHT_EYE, 0.02, 0.03)))

    @cached_property
    def brows(self) -> FloatArray:
        """Both eyebrows."""
        return f32(np.maximum(self.area(topology.LEFT_BROW, 0.012, 0.02), self.area(topology.RIGHT_BROW, 0.012, 0.02)))

    @cached_property
    def lips(self) -> FloatArray:
        """Both lips and the mouth between them."""
        return self.area(topology.LIPS_OUTER, 0.0, 0.02)

    @cached_property
    def each_lip(self) -> tuple[FloatArray, FloatArray]:
        """Above and below the line between the lips."""
        line = self.cells[[topology.UPPER_LIP_INSIDE, topology.LOWER_LIP_INSIDE], 1].mean()
        below = np.clip(np.arange(GRID, dtype=np.float32)[:, None] - np.float32(line) + np.float32(0.5), 0, 1) * self.covered
        return f32(self.covered - below), f32(below)

    @cached_property
    def features(self) -> FloatArray:
        """Eyes, brows, nostrils and lips with a margin: never skin."""
        parts = [
            self.area(topology.LEFT_EYE, 0.035, 0.02),
            self.area(topology.RIGHT_EYE, 0.035, 0.02),
            self.area(topology.LEFT_BROW, 0.025, 0.02),
            self.area(topology.RIGHT_BROW, 0.025, 0.02),
            self.area(topology.LIPS_OUTER, 0.02, 0.02),
            self.area(_NOSE_BASE, 0.0, 0.02),
        ]
        return f32(np.maximum.reduce(parts))

    @cached_property
    def steady(self) -> FloatArray:
        """Where the colour changes with the light: not on brows, eyes and lips."""
        return f32((1 - 0.8 * self.brows) * (1 - self.eyes) * (1 - self.lips))

    @cached_property
    def contrasty(self) -> FloatArray:
        """Where a face is naturally much darker or lighter than its skin: brows, eyes, and less so lips and nostrils."""
        soft = np.maximum(self.lips, self.area(_NOSE_BASE, -0.01, 0.02))
        return f32(np.maximum(np.maximum(self.brows, self.sockets), 0.6 * soft))

    @cached_property
    def skin(self) -> FloatArray:
        """Where bare skin is expected: outside the features and away from the border."""
        return f32((1 - self.features) * np.clip(self.inset / 0.03, 0, 1) * self.covered)

    @cached_property
    def rows(self) -> FloatArray:
        """Height of each row, 0 at the top of the face, 1 at the chin: float32 (GRID, 1)."""
        low, high = self.cells[:, 1].min(), self.cells[:, 1].max()
        return f32((np.arange(GRID)[:, None] - low) / (high - low))

    @cached_property
    def beard(self) -> FloatArray:
        """Where a beard or moustache may grow: below the nose and along the jaw."""
        nose = self.cells[2, 1]
        ramp = np.clip((np.arange(GRID, dtype=np.float32)[:, None] - nose) / (0.03 * GRID) + 0.5, 0, 1)
        sides = np.clip((0.14 - self.inset) / 0.04, 0, 1)
        jaw = (
            np.clip((np.arange(GRID, dtype=np.float32)[:, None] - self.cells[topology.RIGHT_CHEEK, 1]) / (0.03 * GRID) + 0.5, 0, 1) * sides
        )
        return f32(np.maximum(ramp, jaw) * self.covered)

    @cached_property
    def upper(self) -> FloatArray:
        """Bare skin where no beard grows."""
        return f32(self.skin * (1 - self.beard))

    @cached_property
    def moustache(self) -> FloatArray:
        """Above the upper lip, where nearly every beard has hair."""
        return f32(self.area(_MOUSTACHE, -0.005, 0.01) * (1 - self.lips))

    @cached_property
    def chin(self) -> FloatArray:
        """Below the lip, away from the jaw, where every full beard has hair."""
        columns = np.abs(np.arange(GRID, dtype=np.float32) - np.float32(GRID / 2 - 0.5)) < _CHIN[1] * GRID
        return f32((self.rows > _CHIN[0]) * columns * (1 - self.lips) * self.covered)

    @cached_property
    def cheeks(self) -> FloatArray:
        """The middle of both cheeks, above any beard."""
        return f32(np.maximum(self.area(_CHEEK, 0.0, 0.01), self.area(self.twins[_CHEEK], 0.0, 0.01)))

    @cached_property
    def temples(self) -> tuple[FloatArray, FloatArray]:
        """Between the eyes' outer corners and the ears, right and left: where the arms of glasses pass."""
        clear = self.inset > 0.03
        right = self.area(_RIGHT_TEMPLE, 0.0, 0.01)
        return f32(right * clear), f32(self.area(self.twins[_RIGHT_TEMPLE], 0.0, 0.01) * clear)

    @cached_property
    def bridge(self) -> FloatArray:
        """Top of the nose between the eyes: where the bridge of glasses sits."""
        return self.area(_BRIDGE, 0.0, 0.01)

    @cached_property
    def band(self) -> FloatArray:
        """Where glasses can cover the face: from the brows to the cheekbones, from ear to ear."""
        return self.area(_BAND, 0.0, 0.03)

    @cached_property
    def forehead(self) -> FloatArray:
        """Above the brows."""
        brow = np.float32(self.cells[np.concatenate([topology.LEFT_BROW, topology.RIGHT_BROW]), 1].min())
        return f32(np.clip((brow - np.arange(GRID, dtype=np.float32)[:, None]) / (0.04 * GRID) + 0.5, 0, 1) * self.covered)
