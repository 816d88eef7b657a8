"""The default engine: no identity network, the user's pixels on the user's shape in the template's pose, expression and light."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from facemeld.boxes import Rect
from facemeld.fusion.arrays import vector
from facemeld.fusion.compose import fuse_face, lacking, rehearse
from facemeld.fusion.engine import Plan
from facemeld.fusion.errors import FusionError
from facemeld.fusion.finding.analysis import Analyser
from facemeld.fusion.likeness import Likeness, read_likeness
from facemeld.fusion.plan import FacePlan, MeshPlan, Miniature
from facemeld.fusion.prepare import prepare_face
from facemeld.fusion.shape.atlas import Atlas
from facemeld.fusion.shape.bend import Enlargements
from facemeld.fusion.shape.fitting import fit, target_mesh
from facemeld.fusion.shape.pose import ExpressionBasis
from facemeld.fusion.types import Assignment, Face, FloatArray, FuseOptions, Picture, Search
from facemeld.timing import stage

_ENLARGED_BYTES = 48 << 20
"""Bytes for enlarged crops of recently used faces: three of 1000 by 1000 pixels."""


class MeshEngine:
    """Fuse faces by geometry; not safe for use by two threads at once."""

    def __init__(self, bundle: Path) -> None:
        """Load the landmark networks and the expression basis.

        Args:
            bundle: The landmark bundle ``face_landmarker.task``.

        Raises:
            facemeld.fusion.errors.ModelMissing: the bundle does not exist.
            facemeld.fusion.errors.FusionError: the file is not a landmark bundle.
        """
        self._analyser = Analyser(bundle)
        self._atlas = Atlas.of(self._analyser.mesh)
        self._expressions = ExpressionBasis.load()
        self._enlargements = Enlargements(_ENLARGED_BYTES)

    @property
    def name(self) -> str:
        """Name and version, with a minor number for the format of stored plans; plans with another name are made anew."""
        return "mesh/6.1"

    def analyse(self, picture: Picture, within: Rect | None = None, search: Search = "prominent") -> tuple[Face, ...]:
        """Find faces, largest first; see ``Engine.analyse``."""
        return self._analyser.analyse(picture, within, search)

    def plan(self, template: Picture, faces: Sequence[Face]) -> MeshPlan:
        """Work out everything about a template that does not depend on the user.

        Args:
            template: uint8 (H, W, 3) RGB.
            faces: Its faces that users may be fused into.
        """
        details = tuple(prepare_face(template, face, self._atlas) for face in faces)
        return MeshPlan.of(template.copy(), tuple(faces), details, self.name)

    def load_plan(self, data: bytes) -> MeshPlan:
        """Read a plan back from ``MeshPlan.to_bytes``.

        Raises:
            facemeld.fusion.errors.PlanOutdated: the bytes come from another engine version or are damaged.
        """
        return MeshPlan.from_bytes(data, self.name)

    def fuse(self, plan: Plan, assignments: Sequence[Assignment], options: FuseOptions) -> Picture:
        """Fuse every assigned user into the template: uint8 (H, W, 3) RGB of the template's size.

        Raises:
            FusionError: the plan is not this engine's, or an assignment names a face that it does not have.
        """
        return self._fuse(plan, assignments, options, None)

    def fuse_with_mask(self, plan: Plan, assignments: Sequence[Assignment], options: FuseOptions) -> tuple[Picture, FloatArray]:
        """Fuse, and tell where the picture changed.

        Returns:
            The picture, uint8 (H, W, 3) RGB; and float32 (H, W): 1 where the user's face is, small where the template was only bent,
                exactly 0 where nothing changed.

        Raises:
            FusionError: the plan is not this engine's, or an assignment names a face that it does not have.
        """
        mask = np.zeros(plan.picture.shape[:2], np.float32)
        return self._fuse(plan, assignments, options, mask), mask

    def _fuse(self, plan: Plan, assignments: Sequence[Assignment], options: FuseOptions, mask: FloatArray | None) -> Picture:
        """Fuse, and mark the changes in a mask if there is one."""
        if not isinstance(plan, MeshPlan):
            raise FusionError(f"expected a plan of {self.name}, got {type(plan).__name__}")
        picture = plan.picture.copy()
        done: list[Rect] = []
        for assignment in sorted(assignments, key=lambda one: -one.template_face):  # the largest last, in front
            index = assignment.template_face
            if not 0 <= index < len(plan.faces):
                raise FusionError(f"template_face must be within 0-{len(plan.faces) - 1}, got {index}")
            template, detail, view = plan.faces[index], plan.details[index], plan.views[index]
            likeness = read_likeness(assignment.picture, assignment.face, detail, self._atlas)
            target = self._target(likeness, detail, view.miniature, assignment.face, template, options)
            part = detail.crop.window
            out = picture[part]
            # If no other face was fused here yet, the template itself is the ground, and nothing needs to be copied.
            shared = any(detail.crop.intersect(other).area for other in done)
            ground = out.copy() if shared else plan.picture[part]
            enlarged = None if shared else self._enlargements.of(ground, detail.matte)
            fused = fuse_face(ground, detail, view.rough, likeness, options, self._atlas, target, out, enlarged)
            done.append(detail.crop)
            if mask is not None:
                mask[part] = np.maximum(mask[part], fused.mask())
        return picture

    def _target(
        self, likeness: Likeness, detail: FacePlan, miniature: Miniature, user: Face, template: Face, options: FuseOptions
    ) -> FloatArray:
        """Where the user's vertices go, float32 (468, 3), pixels of the plan's crop; corrected by a rehearsal if that is worth it."""
        corner = vector(detail.crop.x, detail.crop.y, 0)
        with stage("shape"):
            fitting = fit(user, template, self._atlas, self._expressions)
            target = target_mesh(fitting, options, self._atlas, self._expressions, lips=likeness.lips) - corner
        if options.features >= 1 or fitting.near:
            return target
        with stage("rehearsal"):
            picture = rehearse(likeness, miniature, target, self._atlas)
            seen = None if picture is None else self._analyser.landmarks(picture)
            if seen is None:
                return target
            scores = self._analyser.blendshapes(seen)
            correction = lacking(seen, scores, miniature, template, self._atlas, 1 - options.features)
            return target_mesh(fitting, options, self._atlas, self._expressions, correction, likeness.lips) - corner
