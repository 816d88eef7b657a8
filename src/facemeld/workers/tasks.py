"""The pixel tasks: check photos, fuse them into a template, import a template, find faces."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from facemeld.fusion.types import Assignment, Face, FuseOptions
from facemeld.marks.provenance import IncomingMark, Ingredient, notice
from facemeld.media.containers import ImageFormat
from facemeld.media.decode import DecodeLimits, decode
from facemeld.media.encode import CONTENT_TYPES
from facemeld.timing import stage
from facemeld.workers.facequality import FaceQuality, covered_shares, measure
from facemeld.workers.marking import FusedFile, Inputs, Marking, read_logo, write
from facemeld.workers.photos import PhotoReader, PhotoRules, UserPhoto
from facemeld.workers.pool.context import WorkerContext
from facemeld.workers.template import TemplateFile, make, pack


@dataclass(frozen=True, slots=True)
class CheckPhotos:
    """Look whether photos can be used, in order; raises what is wrong with the first that cannot."""

    photos: tuple[UserPhoto, ...]
    rules: PhotoRules

    def __call__(self, context: WorkerContext) -> None:
        """Read every photo and find its face."""
        reader = PhotoReader(context, self.rules)
        for photo in self.photos:
            reader.read(photo)


@dataclass(frozen=True, slots=True)
class Fuse:
    """Fuse photos into a template, mark the result and encode it."""

    template: TemplateFile
    photos: tuple[UserPhoto, ...]
    rules: PhotoRules
    options: FuseOptions
    marking: Marking

    def __call__(self, context: WorkerContext) -> FusedFile:
        """Do the whole work of one call on one template."""
        reader = PhotoReader(context, self.rules)
        with stage("plan"):
            template = context.template(self.template)
        faces = dict(enumerate(template.plan.faces))
        assignments = [Assignment(one.template_face, *reader.read(one, faces.get(one.template_face))) for one in self.photos]
        logo = self.marking.logo
        mark = read_logo(logo) if logo is not None else None
        with stage("fuse"):
            fused = context.engine.fuse(template.plan, assignments, self.options)
        with stage("sign"):
            own = self.template
            template_input = Ingredient(bytes.fromhex(own.digest), tuple(one.mark.kind for one in own.incoming))
            photos = tuple(reader.ingredient(photo.source) for photo in self.photos)
            inputs = Inputs(template_input, photos, own.incoming + reader.incoming)
        return write(fused, template, self.marking, mark, inputs=inputs, context=context)


@dataclass(frozen=True, slots=True)
class ImportedTemplate:
    """What importing found out about a template.

    Attributes:
        width, height: Size in pixels.
        format: Format of the file.
        digest: SHA-256 of the file, hexadecimal.
        faces: Faces, largest first.
        quality: How well each of them can be seen, in the same order.
        plan: The packed template, see ``workers.template``.
        incoming: Marks that it carries already, the invisible mark of this installation among them.
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
        """Do everything that a material needs once."""
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
