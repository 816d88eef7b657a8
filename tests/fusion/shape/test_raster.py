"""The rasteriser against the definition of barycentric coordinates, and maps that must be exact."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from facemeld.fusion.shape.atlas import extend, rasterise, vertex_normals
from facemeld.fusion.shape.topology import CanonicalMesh

coordinates = st.floats(0, 39, allow_nan=False, width=32)
corners = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=3)


def barycentric(point: tuple[int, int], triangle: np.ndarray) -> np.ndarray:
    """Shares of the three corners by solving their definition."""
    system = np.vstack([triangle.T, np.ones(3)])
    return np.linalg.solve(system, np.array([*point, 1.0]))


@given(corners)
def test_pixels_inside_a_triangle_get_their_barycentric_coordinates(points: list[tuple[float, float]]) -> None:
    triangle = np.array(points)
    first, second = triangle[1] - triangle[0], triangle[2] - triangle[0]
    assume(abs(first[0] * second[1] - first[1] * second[0]) > 20)
    raster = rasterise(triangle, np.zeros(3), np.array([[0, 1, 2]], np.int32), (40, 40))
    shares = np.zeros((40, 40, 3))
    shares[raster.covered] = raster.shares.T
    for y in range(0, 40, 3):
        for x in range(0, 40, 3):
            expected = barycentric((x, y), triangle)
            if expected.min() > 0.08:
                assert raster.labels[y, x] == 0
                np.testing.assert_allclose(shares[y, x], expected, atol=1e-4)
    low, high = triangle.min(axis=0) - 1.5, triangle.max(axis=0) + 1.5
    rows, columns = np.nonzero(raster.covered)
    assert ((columns >= low[0]) & (columns <= high[0]) & (rows >= low[1]) & (rows <= high[1])).all()


@given(corners, st.lists(st.floats(-50, 50, width=32), min_size=3, max_size=3))
def test_a_linear_function_of_place_is_reproduced_inside(points: list[tuple[float, float]], plane: list[float]) -> None:
    triangle = np.array(points)
    first, second = triangle[1] - triangle[0], triangle[2] - triangle[0]
    assume(abs(first[0] * second[1] - first[1] * second[0]) > 20)
    values = (triangle @ plane[:2] + plane[2])[:, None]
    raster = rasterise(triangle, np.zeros(3), np.array([[0, 1, 2]], np.int32), (40, 40))
    rows, columns = np.nonzero(raster.covered)
    inside = (raster.shares > 0).all(axis=0)
    expected = columns * plane[0] + rows * plane[1] + plane[2]
    np.testing.assert_allclose(raster.interpolate(values)[rows, columns, 0][inside], expected[inside], atol=0.05)


def test_nearer_triangles_hide_farther_ones() -> None:
    square = np.array([[2, 2], [30, 2], [2, 30]] * 2, float)
    triangles = np.array([[0, 1, 2], [3, 4, 5]], np.int32)
    for near, depth in ((0, [0, 0, 0, 9, 9, 9]), (1, [9, 9, 9, 0, 0, 0])):
        raster = rasterise(square, np.array(depth, float), triangles, (32, 32))
        assert raster.labels[6, 6] == near


def test_culling_leaves_out_what_is_seen_from_behind() -> None:
    points = np.array([[2, 2], [14, 2], [2, 14], [16, 16], [16, 30], [30, 16], [20, 2], [30, 2], [20, 12]], float)
    triangles = np.array([[0, 1, 2], [3, 4, 5], [6, 7, 8]], np.int32)
    drawn = rasterise(points, np.zeros(9), triangles, (32, 32), cull=True)
    assert set(np.unique(drawn.labels)) == {-1, 0, 2}


def test_extend_keeps_what_is_covered_and_takes_the_nearest_value_elsewhere() -> None:
    covered = np.zeros((20, 30), bool)
    covered[5:9, 4:8] = True
    field = np.where(covered, np.arange(30, dtype=np.float32)[None, :], 0)[..., None].astype(np.float32)
    spread, distance = extend(field, covered)
    assert (spread[5:9, 4:8, 0] == field[5:9, 4:8, 0]).all()
    assert spread[6, 29, 0] == 7
    assert spread[6, 0, 0] == 4
    assert distance[6, 10] == 3
    assert (distance[covered] == 0).all()


def test_the_face_seen_from_the_front_turns_its_normals_to_the_camera(canonical: CanonicalMesh) -> None:
    normals = vertex_normals(canonical.vertices, canonical.triangles)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-3)
    assert normals[4, 2] < -0.7  # tip of the nose
    assert (normals[:, 2] < 0.2).all()
    assert normals[454, 0] > 0.5  # left cheek looks to the right of the picture
    assert normals[234, 0] < -0.5


@given(corners, st.lists(st.floats(-50, 50, width=32), min_size=3, max_size=3))
def test_slivers_never_run_away(points: list[tuple[float, float]], values: list[float]) -> None:
    raster = rasterise(np.array(points), np.zeros(3), np.array([[0, 1, 2]], np.int32), (40, 40))
    found = raster.interpolate(np.array(values)[:, None])[raster.covered]
    reach = max(values) - min(values)
    assert (found >= min(values) - 2.5 * reach - 1e-2).all()
    assert (found <= max(values) + 2.5 * reach + 1e-2).all()
