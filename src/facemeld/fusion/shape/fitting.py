"""Decide where every vertex of the user's face goes in the template: the user's shape, in the template's pose and expression."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.arrays import f32, smoothstep
from facemeld.fusion.shape import topology
from facemeld.fusion.shape.atlas import Atlas
from facemeld.fusion.shape.pose import ExpressionBasis, Similarity, similarity
from facemeld.fusion.shape.topology import face_width
from facemeld.fusion.types import MESH_VERTICES, Face, FloatArray, FuseOptions

_RIM = 0.16  # face widths from the border over which outline turns into features
_MOUTH = (0.02, 0.06)  # face widths: reach and softness of the area around the template's mouth that moves along with it
_REACH = 0.16  # largest move of the outline, in face widths
_TURNED = (12.0, 40.0)  # degrees of yaw from which one half of the user's face is guessed from the other
_UPPER_LIP = np.array([[191, 80, 81, 82, 13, 312, 311, 310, 415], [183, 42, 41, 38, 12, 268, 271, 272, 407]])
_LOWER_LIP = np.array([[95, 88, 178, 87, 14, 317, 402, 318, 324], [96, 89, 179, 86, 15, 316, 403, 319, 325]])
_OWN_OUTLINE = 0.95  # largest share of the way that the outline goes to the user's
_NEAR = 12.0  # degrees between the poses up to which a rehearsal gains too little to be worth its time

# Share of the difference in expression that is applied, before a rehearsal and without one: the last of it costs likeness.
_CORRECTED = 0.52, 0.72

_SEEN = 0.7  # share of the drift that the outline does not take part in: a silhouette is seen, where depth is guessed
_LOOKS_DOWN = 0.02  # mean angle, in radians, at which rehearsals see heads look down; applied as it is without a rehearsal
_SURFACE = np.array([0.0, 0.5, -4.0])  # canonical centimetres: the middle of the face's surface, between nose and cheeks
_APART = (20.0, 60.0)  # degrees between the poses from which the user's outline is trusted less


def outline_weight(atlas: Atlas) -> FloatArray:
    """float32 (468,): 1 where a vertex makes the outline, 0 where it belongs to the features."""
    return 1 - smoothstep(atlas.at_vertices(atlas.inset), 0.01, _RIM)


@dataclass(frozen=True, slots=True, eq=False)
class Fitting:
    """A user's shape, ready to be placed on a template's face.

    Attributes:
        own: float64 (468, 3), canonical centimetres, in the user's own expression, as it would be read in the template's pose.
        place: The map from the canonical face to the template.
        user: The user's face.
        template: The template's face.
    """

    own: NDArray[np.float64]
    place: Similarity
    user: Face
    template: Face

    @property
    def apart(self) -> float:
        """Degrees between the poses."""
        return float(np.hypot(self.user.pose.yaw - self.template.pose.yaw, self.user.pose.pitch - self.template.pose.pitch))

    @property
    def near(self) -> bool:
        """Whether the face is turned so little that it need not be rehearsed."""
        return self.apart <= _NEAR


@dataclass(frozen=True, slots=True, eq=False)
class Correction:
    """Change that makes a placed face look as if it had the template's pose and expression.

    Attributes:
        turn: float64 (3,), a rotation vector in the picture's axes, radians.
        scores: float32 (52,), added to the expression that is aimed at.
    """

    turn: NDArray[np.float64]
    scores: FloatArray


def fit(user: Face, template: Face, atlas: Atlas, expressions: ExpressionBasis) -> Fitting:
    """Take a user's shape out of its pose.

    Args:
        user: The user's face.
        template: The template's face.
        atlas: The canonical atlas.
        expressions: The expression basis, which knows how shapes drift with the pose.
    """
    drifting = (1 - _SEEN * outline_weight(atlas))[:, None]
    read = placement(user.mesh, atlas).inverse().apply(user.mesh) - expressions.drift_at(user.pose) * drifting
    own = _complete(read, user.pose.yaw, atlas) + expressions.drift_at(template.pose) * drifting
    return Fitting(own, placement(template.mesh, atlas), user, template)


def target_mesh(
    fitting: Fitting,
    options: FuseOptions,
    atlas: Atlas,
    expressions: ExpressionBasis,
    correction: Correction | None = None,
    lips: float = 0.0,
) -> FloatArray:
    """The user's mesh in the template's pose and expression.

    Args:
        fitting: The user's shape and where it goes.
        options: How much of the template's outline and features to keep.
        atlas: The canonical atlas.
        expressions: The expression basis.
        correction: Result of a rehearsal, if there was one.
        lips: How much of the template's lips stays, 0-1.

    Returns:
        float32 (468, 3), pixels of the template.
    """
    template, before = fitting.template, fitting.user.blendshapes
    aim = before + np.float32(_CORRECTED[fitting.near]) * (template.blendshapes - before)
    place = fitting.place
    if fitting.near:
        place = _turned(place, -_LOOKS_DOWN * place.rotation[:, 0])
    if correction is not None:
        aim, place = aim + correction.scores, _turned(place, correction.turn)
    own = fitting.own + expressions.offset(before, f32(aim))
    _close_lips(own, fitting.place.inverse().apply(template.mesh))
    placed = place.apply(own)
    gap = template.mesh.astype(np.float64) - placed
    rim = outline_weight(atlas).astype(np.float64)
    trust = _OWN_OUTLINE * (1 - 0.6 * float(smoothstep(fitting.apart, *_APART)))
    # In half profile the outline runs over the nose and the cheek: bending it would tear the background.
    trust *= 1 - 0.7 * float(smoothstep(abs(template.pose.yaw), 28.0, 55.0))
    degree = rim * (1 - (1 - options.shape) * trust) + (1 - rim) * options.features
    limit = _REACH * face_width(template.mesh)
    length = np.linalg.norm(gap, axis=1) + 1e-9
    excess = 1 - limit * np.tanh(length / limit) / length  # share of the gap beyond the largest move
    degree = np.maximum(degree, rim * excess * (1 - options.shape) + degree * (1 - rim))
    if lips > 0:
        degree = np.maximum(degree, lips * _around_lips(atlas))
    return np.asarray(placed + gap * degree[:, None], np.float32)


def _around_lips(atlas: Atlas) -> FloatArray:
    """float32 (468,): 1 on the lips, less around them."""
    return atlas.at_vertices(atlas.area(topology.LIPS_OUTER, *_MOUTH))


def placement(mesh: FloatArray, atlas: Atlas) -> Similarity:
    """Fit the similarity from the canonical face to a mesh (468, 3) by the points that move little with expression.

    All points weigh the same: the weights of the head pose fit the pose a little better and the likeness worse.
    """
    weights = np.zeros(MESH_VERTICES)
    weights[topology.RIGID] = 1.0
    return similarity(mesh, atlas.mesh.vertices, weights).inverse()


def bounded(turn: NDArray[np.float64], most: float) -> NDArray[np.float64]:
    """Limit the length of a rotation vector (3,), leaving vectors that are far shorter nearly unchanged."""
    size = float(np.linalg.norm(turn))
    return turn * (most * float(np.tanh(size / most)) / (size + 1e-9))


def _turned(place: Similarity, vector: NDArray[np.float64]) -> Similarity:
    """Turn a placement by a rotation vector about the middle of the face's surface, so that the face stays in place."""
    turn, _ = cv2.Rodrigues(vector)
    centre = place.apply(_SURFACE)
    rotation = np.asarray(turn, np.float64) @ place.rotation
    return Similarity(rotation, place.scale, centre - place.scale * (rotation @ _SURFACE))


def _complete(own: NDArray[np.float64], yaw: float, atlas: Atlas) -> NDArray[np.float64]:
    """Replace the far half of a turned face by the mirrored near half, whose landmarks were seen and not guessed."""
    guess = float(smoothstep(abs(yaw), *_TURNED))
    if guess == 0.0:
        return own
    mirrored = own[atlas.twins] * np.array([-1.0, 1.0, 1.0])
    side = atlas.mesh.vertices[:, 0].astype(np.float64) / float(np.abs(atlas.mesh.vertices[:, 0]).max())
    # When the face is turned to the picture's right, the half on the right is the far one.
    far = smoothstep(side * np.sign(yaw), -0.05, 0.3).astype(np.float64)[:, None] * guess
    return np.asarray(own * (1 - far) + mirrored * far, np.float64)


def _close_lips(own: NDArray[np.float64], template: NDArray[np.float64]) -> None:
    """Open or close the lips as far as the template's: the basis gets their form right, but not the last millimetre.

    Args:
        own: (468, 3), the user's shape in canonical space, changed in place.
        template: (468, 3), the template's.
    """
    scale = np.linalg.norm(own[61] - own[291]) / (np.linalg.norm(template[61] - template[291]) + 1e-9)
    scale = np.clip(scale, 0.75, 1.3)
    gap = own[_LOWER_LIP[0]] - own[_UPPER_LIP[0]]
    wanted = (template[_LOWER_LIP[0]] - template[_UPPER_LIP[0]]) * scale
    shift = (gap - wanted) / 2
    for ring, share in ((0, 1.0), (1, 0.75)):
        own[_UPPER_LIP[ring]] += shift * share
        own[_LOWER_LIP[ring]] -= shift * share
