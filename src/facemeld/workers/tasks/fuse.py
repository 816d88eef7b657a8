"""The pixel tasks: check photos, fuse them into a template, import a template, plan it again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from facemeld.boxes import Rect
from facemeld.fusion.engine import Engine
from facemeld.fusion.retouch.presets import FaceInResult, RetouchStrengths
from facemeld.fusion.types import Assignment, Face, FuseOptions, Picture
from facemeld.marks.provenance import IncomingMark, Ingredient, notice
from facemeld.media.containers import ImageFormat
from facemeld.media.decode import DecodeLimits, decode
from facemeld.media.encode import CONTENT_TYPES
from facemeld.timing import stage
from facemeld.workers.pool.context import WorkerContext
from facemeld.workers.tasks.importing import FaceQuality, covered_shares, measure
from facemeld.workers.tasks.incoming import FoundMark, look
from facemeld.workers.tasks.marking import FusedFile, Inputs, Marking, read_logo, write
from facemeld.workers.tasks.photos import PhotoReader, PhotoRules, UserPhoto, cut_out
from facemeld.workers.tasks.sent import SentTemplate, located, read_template
from facemeld.workers.tasks.template import StoredTemplate, Template, make, pack, remake


@dataclass(frozen=True, slots=True)
class CheckPhotos:
    """Check a sent template and photos in order; raises the error of the first that cannot be used."""

    template: StoredTemplate | SentTemplate
    photos: tuple[UserPhoto, ...]
    rules: PhotoRules

    def __call__(self, context: WorkerContext) -> None:
        """Read every picture and find its face."""
        if isinstance(self.template, SentTemplate):
            _prepare(context, self.template, self.photos, self.rules)
        reader = PhotoReader(context, self.rules)
        for photo in self.photos:
            reader.read(photo)


@dataclass(frozen=True, slots=True)
class Fuse:
    """Fuse photos into a template, mark the result and encode it.

    Attributes:
        template: The template, stored or sent.
        photos: The users' photos.
        rules: Requirements on the photos.
        options: Strengths of the fusion.
        marking: How the result is marked.
        retouch: Strengths of the retouch; None for no retouch.
    """

    template: StoredTemplate | SentTemplate
    photos: tuple[UserPhoto, ...]
    rules: PhotoRules
    options: FuseOptions
    marking: Marking
    retouch: RetouchStrengths | None = None

    def __call__(self, context: WorkerContext) -> FusedFile:
        """Do the whole work of one call on one template."""
        with stage("plan"):
            ready = _prepare(context, self.template, self.photos, self.rules)
        template = ready.template
        assignments, photos, found = self._read(context, ready)
        logo = self.marking.logo
        mark = read_logo(logo) if logo is not None else None
        if self.retouch is None:
            with stage("fuse"):
                fused = context.engine.fuse(template.plan, assignments, self.options)
        else:
            fused = fuse_retouched(context.engine, template, assignments, self.options, self.retouch)
        with stage("sign"):
            digest = ready.digest or hashlib.sha256(ready.data).digest()
            own = Ingredient(digest, tuple(one.mark.kind for one in ready.found))
            inputs = Inputs(own, photos, ready.found + found)
        return write(fused, template, self.marking, mark, inputs=inputs, context=context)

    def _read(self, context: WorkerContext, ready: _Ready) -> tuple[list[Assignment], tuple[Ingredient, ...], tuple[FoundMark, ...]]:
        """Return the users' faces, the photos as the credentials name them, and the marks found in the photos."""
        reader = PhotoReader(context, self.rules)
        faces = dict(enumerate(ready.template.plan.faces))
        assignments = []
        for photo, number in zip(self.photos, ready.numbers, strict=True):
            picture, face = reader.read(photo, faces.get(number))
            if isinstance(self.template, SentTemplate):
                # Sent templates, and the photos for them, may be so large that a worker cannot hold both whole.
                picture, face = cut_out(picture, face)
            assignments.append(Assignment(number, picture, face))
        with stage("sign"):
            ingredients = tuple(reader.ingredient(photo.source) for photo in self.photos)
        return assignments, ingredients, reader.incoming


@dataclass(frozen=True, slots=True)
class _Ready:
    """A template ready for a fusion: its plan, the index of each photo's face, its digest or else its file, and its marks."""

    template: Template
    numbers: tuple[int, ...]
    found: tuple[FoundMark, ...]
    digest: bytes = b""
    data: bytes = field(default=b"", repr=False)


def _prepare(context: WorkerContext, source: StoredTemplate | SentTemplate, photos: Sequence[UserPhoto], rules: PhotoRules) -> _Ready:
    if isinstance(source, StoredTemplate):
        numbers = tuple(photo.template_face for photo in photos if isinstance(photo.template_face, int))
        return _Ready(context.template(source), numbers, source.incoming, digest=bytes.fromhex(source.digest))
    data = source.file()
    template = read_template(context, data, source.limits)
    found = look(data, template.plan.picture, "template", rules.incoming, context.mark_key)
    template, numbers = located(context.engine, template, photos, rules)
    return _Ready(template, numbers, found, data=data)


def fuse_retouched(
    engine: Engine, template: Template, assignments: Sequence[Assignment], options: FuseOptions, strengths: RetouchStrengths
) -> Picture:
    """Fuse and retouch: uint8 (H, W, 3) RGB of the template's size."""
    # Imported here, because the API process imports this module and carries no imaging libraries.
    from facemeld.fusion.retouch.retouch import retouch

    plan = template.plan
    with stage("fuse"):
        fused, mask = engine.fuse_with_mask(plan, assignments, options)
    for assignment in assignments:
        model = plan.faces[assignment.template_face]
        with stage("retouch"):
            face = _face_now(engine, fused, model)
            fused = retouch(fused, mask, plan.picture, FaceInResult(face, model, assignment.face), strengths)
    return fused


def _face_now(engine: Engine, fused: Picture, model: Face) -> Face:
    """The face as it is after the fusion; the template's own if it is not found again."""
    middle = model.landmarks[:, :2].mean(axis=0)
    near = [
        (float(np.linalg.norm(face.landmarks[:, :2].mean(axis=0) - middle)), order, face)
        for order, face in enumerate(engine.analyse(fused, model.box, "largest"))
    ]
    distance, _, face = min(near, default=(np.inf, 0, model))
    return face if distance < 0.25 * max(model.box.width, model.box.height) else model


@dataclass(frozen=True, slots=True)
class ImportedTemplate:
    """The result of importing a template.

    Attributes:
        width, height: Size in pixels.
        format: Format of the file.
        digest: SHA-256 of the file, hexadecimal.
        faces: Faces, largest first.
        quality: Quality of each face, in the same order.
        plan: The packed template, see ``workers.tasks.fuse.template``.
        incoming: Marks that it already carries, including this installation's invisible mark.
    """

    width: int
    height: int
    format: ImageFormat
    digest: str
    faces: tuple[Face, ...]
    quality: tuple[FaceQuality, ...]
    plan: bytes = field(repr=False)
    incoming: tuple[IncomingMark, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportTemplate:
    """Decode a template, find its faces, measure and plan them."""

    data: bytes = field(repr=False)
    limits: DecodeLimits

    def __call__(self, context: WorkerContext) -> ImportedTemplate:
        """Do the work that a material needs once."""
        image = decode(self.data, self.limits)
        template = make(context.engine, image)
        return ImportedTemplate(
            width=image.width,
            height=image.height,
            format=image.format,
            digest=hashlib.sha256(self.data).hexdigest(),
            faces=template.plan.faces,
            quality=tuple(
                measure(image.rgb, face, covered) for face, covered in zip(template.plan.faces, covered_shares(template.plan), strict=True)
            ),
            plan=pack(context.engine, template),
            incoming=notice(self.data, CONTENT_TYPES[image.format], rgb=image.rgb, key=context.mark_key),
        )


@dataclass(frozen=True, slots=True)
class RebuildPlan:
    """Plan a template again that was imported before, perhaps by an older engine.

    Attributes:
        data: The picture's file.
        limits: Limits for decoding it.
        boxes: Its faces in the order of the import.
    """

    data: bytes = field(repr=False)
    limits: DecodeLimits
    boxes: tuple[Rect, ...]

    def __call__(self, context: WorkerContext) -> bytes:
        """Return the packed template.

        Raises:
            FacesMoved: a face is not found where it was.
        """
        return pack(context.engine, remake(context.engine, decode(self.data, self.limits), self.boxes))
