"""The pixel tasks: check photos, fuse them into a template, import a template, find faces."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from facemeld.fusion.types import Assignment, Face, FuseOptions, Picture, Rect
from facemeld.marks.geometry import Rect as Box
from facemeld.marks.label import draw_label
from facemeld.marks.logo import draw_logo
from facemeld.marks.metadata import ImplicitLabel, write_metadata
from facemeld.media.decode import DecodedImage, DecodeLimits, decode
from facemeld.media.encode import encode
from facemeld.media.headers import ImageFormat
from facemeld.workers.context import WorkerContext
from facemeld.workers.facequality import FaceQuality, measure
from facemeld.workers.photos import ImageSource, PhotoReader, PhotoRules, UserPhoto
from facemeld.workers.template import Template, TemplateFile, make, pack


@dataclass(frozen=True, slots=True)
class Logo:
    """A caller's own mark: its picture, where it goes and the limits of its file."""

    source: ImageSource
    rect: Rect
    limits: DecodeLimits


@dataclass(frozen=True, slots=True)
class Marking:
    """How a result is marked and written.

    Attributes:
        label: Text of the visible label, or None for none.
        logo: Picture that replaces the text, or None.
        implicit: The machine-readable label.
        metadata: The caller's own key and value, or None.
        jpeg_quality: Quality of JPEG results, 1-100.
    """

    label: str | None
    logo: Logo | None
    implicit: ImplicitLabel
    metadata: tuple[str, str] | None
    jpeg_quality: int


@dataclass(frozen=True, slots=True)
class FusedFile:
    """A finished result.

    Attributes:
        data: The encoded picture.
        format: Its format, the template's.
        width, height: Its size in pixels, the template's.
    """

    data: bytes = field(repr=False)
    format: ImageFormat
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class CheckPhotos:
    """Look whether photos can be used, in order; raises what is wrong with the first that cannot."""

    photos: tuple[UserPhoto, ...]
    rules: PhotoRules

    def __call__(self, context: WorkerContext) -> None:
        """Read every photo and find its face."""
        reader = PhotoReader(context.engine, self.rules)
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
        reader = PhotoReader(context.engine, self.rules)
        assignments = [Assignment(photo.template_face, *reader.read(photo)) for photo in self.photos]
        logo = self.marking.logo
        mark = logo.source.read(logo.limits) if logo is not None else None
        template = context.template(self.template)
        fused = context.engine.fuse(template.plan, assignments, self.options)
        return write(fused, template, self.marking, mark)


def write(fused: Picture, template: Template, marking: Marking, mark: DecodedImage | None) -> FusedFile:
    """Mark a fused picture visibly and encode it in the template's format."""
    alpha = template.alpha
    if mark is not None and marking.logo is not None:
        rect = marking.logo.rect
        box = Box(rect.x, rect.y, rect.width, rect.height)
        fused, alpha, _ = draw_logo(fused, mark.rgb, box, logo_alpha=mark.alpha, alpha=alpha)
    elif marking.label is not None:
        fused, alpha, _ = draw_label(fused, marking.label, alpha=alpha)
    data = encode(fused, template.format, alpha=alpha, quality=marking.jpeg_quality)
    entries = dict([marking.metadata]) if marking.metadata is not None else {}
    data = write_metadata(data, label=marking.implicit, entries=entries)
    return FusedFile(data, template.format, fused.shape[1], fused.shape[0])


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
    """

    width: int
    height: int
    format: ImageFormat
    digest: str
    faces: tuple[Face, ...]
    quality: tuple[FaceQuality, ...]
    plan: bytes = field(repr=False)


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
            quality=tuple(measure(image.rgb, face) for face in template.plan.faces),
            plan=pack(context.engine, template),
        )
