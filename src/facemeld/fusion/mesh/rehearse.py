"""Fuses a face in small first, looks at it with the landmark network, and tells what pose and expression lack.

A face is not seen as the mesh under it lies: the photo's own foreshortening and light speak too. So a mesh that has the template's
pose and expression to the point is read with others. What the network reads off a rehearsal is what it would read off the result.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.landmarker import SIDE
from facemeld.fusion.mesh.arrays import f32, read, thrice
from facemeld.fusion.mesh.atlas import Atlas
from facemeld.fusion.mesh.compose import behind, place_face
from facemeld.fusion.mesh.layout import Layout, lay_out
from facemeld.fusion.mesh.likeness import Likeness
from facemeld.fusion.mesh.miniature import Miniature
from facemeld.fusion.mesh.plan import FacePlan
from facemeld.fusion.mesh.shape import Correction, bounded, face_width, placement
from facemeld.fusion.types import MESH_VERTICES, Face, FloatArray, Picture

_CELLS = 40.0  # across the face, about, on which maps are worked out
_MOST = 0.16  # radians that a face may be turned
_EXPRESSION = 0.5  # share of what the expression lacks that is added: all of it would cost likeness


def rehearse(likeness: Likeness, plan: FacePlan, target: FloatArray, atlas: Atlas) -> Picture | None:
    """The fusion in small: no blending, and the new light as a plain difference.

    Args:
        likeness: The user's face, read for the template's.
        plan: The template's face.
        target: float32 (468, 3), where the user's vertices go, pixels of the plan's crop.
        atlas: The canonical atlas.

    Returns:
        uint8 (SIDE, SIDE, 3) RGB as the landmark network takes it, or None where the face would lie outside.
    """
    small = plan.miniature
    placed = small.inwards(target)
    layout = lay_out(placed, small.landmarks, (SIDE, SIDE), likeness.mesh, atlas, _CELLS)
    if layout is None:
        return None
    picture, matte = _bent(small, layout)
    grid, part, width = layout.window.grid, layout.window.pixels, face_width(placed)
    alpha = behind(place_face(likeness, layout, placed)[0], np.ascontiguousarray(matte[part]))
    face = f32(likeness.texture(layout, placed, small.landmarks, width, atlas).read(grid))
    face += grid.up(layout.atlas_map(_change(likeness)))
    face -= picture[part]
    face *= thrice(f32(alpha) * np.float32(1 / 255))
    picture[part] = cv2.add(picture[part], face, dtype=cv2.CV_8U)
    return picture


def lacking(seen: FloatArray, scores: FloatArray, small: Miniature, template: Face, atlas: Atlas, share: float) -> Correction:
    """What a face lacks in pose and expression.

    Args:
        seen: float32 (478, 3), landmarks of the rehearsal, pixels of the miniature.
        scores: float32 (52,), its expression.
        small: The miniature.
        template: The template's face.
        atlas: The canonical atlas.
        share: How much of it to make up for, 0-1.
    """
    wanted, found = (placement(points[:MESH_VERTICES], atlas).rotation for points in (small.landmarks, seen))
    rotation, _ = cv2.Rodrigues(wanted @ found.T)
    turn = bounded(small.turn @ rotation[:, 0] * share, _MOST)
    return Correction(turn, f32(np.float32(_EXPRESSION * share) * (template.blendshapes - scores)))


def _bent(small: Miniature, layout: Layout) -> tuple[Picture, NDArray[np.uint8]]:
    """The miniature and its matte, bent to the outline."""
    x, y = (layout.whole.up(axis) for axis in layout.backwards())
    bent = read(cv2.merge([*cv2.split(small.picture), small.matte]), (x, y))
    return np.ascontiguousarray(bent[..., :3]), np.ascontiguousarray(bent[..., 3])


def _change(likeness: Likeness) -> FloatArray:
    """How the new light changes the user's colours, on the atlas: float32 (GRID, GRID, 3), RGB of 0-255."""
    texture, share = likeness.skin.texture, thrice(likeness.share)
    if likeness.share.any():
        texture = f32(texture + (texture[:, ::-1] - texture) * share)
    before, after = (f32(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)) for lab in (texture, f32(texture + likeness.tone.new - likeness.tone.own)))
    return (after - before) * np.float32(255)
