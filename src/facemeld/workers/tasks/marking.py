"""The marks of a result: written into its pixels and its file, signed, and read back when a picture is verified."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from facemeld.boxes import Rect
from facemeld.fusion.types import Face, Picture
from facemeld.marks.label import Corner, draw_logo, label_patch, shows
from facemeld.marks.metadata import FileMetadata, ImplicitLabel, read_metadata, write_metadata
from facemeld.marks.provenance import Ingredient, Provenance
from facemeld.media import containers, decode, encode
from facemeld.timing import stage
from facemeld.workers.pool.context import WorkerContext
from facemeld.workers.tasks.inputs import FoundMark
from facemeld.workers.tasks.photos import ImageSource
from facemeld.workers.tasks.template import Template

if TYPE_CHECKING:
    from facemeld.marks.credentials import Credentials
    from facemeld.marks.detect import InvisibleMark

_VERSION = version("facemeld")

InvisibleScope: TypeAlias = Literal["auto", "face", "whole", "off"]
"""Where the invisible mark is written: ``face`` changes only pixels that the fusion changed; ``auto`` does the same in PNG files, whose
other pixels stay exactly the template's, and marks the whole picture in lossy formats."""

LogoRule: TypeAlias = Literal["replaces", "when-clear", "beside"]
"""Whether a caller's logo replaces the label: always, only if it is large and visible enough, or never."""


@dataclass(frozen=True, slots=True)
class Logo:
    """A caller's own mark: its picture, its place and the limits of its file."""

    source: ImageSource
    rect: Rect
    limits: decode.DecodeLimits


@dataclass(frozen=True, slots=True)
class Marking:
    """How a result is marked and written.

    Attributes:
        label: Text of the visible label, or None for none.
        logo: The caller's own mark, or None.
        implicit: The machine-readable label.
        metadata: The caller's own key and value, or None.
        jpeg_quality: Quality of JPEG results, 1-100.
        corner: Place of the label.
        logo_rule: See ``LogoRule``.
        invisible: See ``InvisibleScope``.
    """

    label: str | None
    logo: Logo | None
    implicit: ImplicitLabel
    metadata: tuple[str, str] | None
    jpeg_quality: int
    corner: Corner = "lower-right"
    logo_rule: LogoRule = "replaces"
    invisible: InvisibleScope = "auto"


@dataclass(frozen=True, slots=True)
class Inputs:
    """The sources of a result.

    Attributes:
        photos: The users' photos, in order.
        found: Marks that the sources already carry.
    """

    template: Ingredient
    photos: tuple[Ingredient, ...]
    found: tuple[FoundMark, ...] = ()


@dataclass(frozen=True, slots=True)
class FusedFile:
    """A finished result.

    Attributes:
        data: The encoded picture.
        format: Its format, the template's.
        width, height: Its size in pixels, the template's.
        incoming: Marks that were found in its inputs.
    """

    data: bytes = field(repr=False)
    format: containers.ImageFormat
    width: int
    height: int
    incoming: tuple[FoundMark, ...] = ()


def read_logo(logo: Logo) -> decode.DecodedImage:
    """Decode a caller's own mark.

    Raises:
        MediaError: it cannot be decoded or breaks a limit.
    """
    with stage("decode"):
        return logo.source.read(logo.limits)


def mark_identifier(produce_id: str) -> int:
    """Return the 64-bit number of the invisible mark: the first half of the result's id, so each can be found from the other.

    An id that is no UUID is hashed.
    """
    try:
        return uuid.UUID(produce_id).int >> 64
    except ValueError:
        return int.from_bytes(hashlib.sha256(produce_id.encode()).digest()[:8], "big")


def write(
    fused: Picture, template: Template, marking: Marking, mark: decode.DecodedImage | None, *, inputs: Inputs, context: WorkerContext
) -> FusedFile:
    """Mark a fused picture, encode it in the template's format, and sign it.

    Args:
        fused: uint8 (H, W, 3); the marks are written into it.
        template: The template of the fusion.
        marking: How to mark it.
        mark: The logo's picture, or None.
        inputs: The sources, for the credentials.
        context: Holds the keys.

    Raises:
        MarkError: a mark cannot be written or the signing key cannot be used.
        EncodingFailed: the picture cannot be encoded.
    """
    with stage("marks"):
        fused, alpha = _visible(fused, template.alpha, marking, mark)
        # After the visible marks, so that no logo covers it.
        fused = _invisible(fused, template, marking, context)
    with stage("encode"):
        data = encode.encode(fused, template.format, alpha=alpha, quality=marking.jpeg_quality)
    with stage("marks"):
        entries = dict([marking.metadata]) if marking.metadata is not None else {}
        data = write_metadata(data, label=marking.implicit, entries=entries)
    if context.signer is not None:
        with stage("sign"):
            # Last: every later change to the file would break the signature.
            data = context.signer.sign(data, encode.CONTENT_TYPES[template.format], _provenance(marking, inputs, context))
    return FusedFile(data, template.format, fused.shape[1], fused.shape[0], inputs.found)


def _invisible(fused: Picture, template: Template, marking: Marking, context: WorkerContext) -> Picture:
    # Imported here, because the API process imports this module without imaging libraries.
    from facemeld.marks.invisible import changed, embed

    scope = marking.invisible
    if scope == "off" or not context.mark_key:
        return fused
    only_face = scope == "face" or (scope == "auto" and template.format == "png")
    mask = changed(template.plan.picture, fused) if only_face else None
    return embed(fused, mark_identifier(marking.implicit.produce_id), context.mark_key, mask=mask, out=fused)


def _visible(
    fused: Picture, alpha: NDArray[np.uint8] | None, marking: Marking, mark: decode.DecodedImage | None
) -> tuple[Picture, NDArray[np.uint8] | None]:
    label = marking.label
    if mark is not None and marking.logo is not None:
        plain = fused
        fused, alpha, box = draw_logo(fused, mark.rgb, marking.logo.rect, logo_alpha=mark.alpha, alpha=alpha)
        if marking.logo_rule == "replaces" or (marking.logo_rule == "when-clear" and shows(plain, fused, box)):
            label = None
    if label is not None:
        patch, box = label_patch(fused, label, corner=marking.corner, alpha=alpha)
        fused[box.window] = patch  # in place: the caller needs no unlabelled copy
        if alpha is not None:
            alpha = alpha.copy()
            alpha[box.window] = 255
    return fused, alpha


def _provenance(marking: Marking, inputs: Inputs, context: WorkerContext) -> Provenance:
    return Provenance(
        software="Facemeld",
        version=_VERSION,
        engine=context.engine.name,
        produce_id=marking.implicit.produce_id,
        template=inputs.template,
        photos=inputs.photos,
        when=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        source_type=marking.implicit.source_type or "compositeSynthetic",
    )


_MAX_REGIONS = 6


@dataclass(frozen=True, slots=True)
class ReadMarks:
    """The marks found in a file.

    Attributes:
        format: The file's format.
        width, height: Its size in pixels.
        metadata: The implicit label and a caller's entries.
        credentials: The content of its manifest, or None without a manifest.
        invisible: The invisible mark of this installation's key, or None.
    """

    format: containers.ImageFormat
    width: int
    height: int
    metadata: FileMetadata
    credentials: Credentials | None
    invisible: InvisibleMark | None


@dataclass(frozen=True, slots=True)
class VerifyPicture:
    """Read the marks of one file, which is not stored."""

    data: bytes = field(repr=False)
    limits: decode.DecodeLimits
    anchors: str = ""

    def __call__(self, context: WorkerContext) -> ReadMarks:
        """Return all marks of the picture.

        Raises:
            MediaError: it cannot be decoded or breaks a limit.
            ContainerInvalid: its metadata is damaged.
        """
        # Imported here, because the API process imports this module without imaging libraries.
        from facemeld.marks.credentials import read_credentials
        from facemeld.marks.detect import detect as detect_mark

        image = decode.decode(self.data, self.limits)
        credentials = read_credentials(self.data, encode.CONTENT_TYPES[image.format], self.anchors)
        invisible = None
        if context.mark_key:
            # A mark in the fused faces alone is too weak to find in the whole picture.
            regions = [surroundings(face) for face in context.engine.analyse(image.rgb)[:_MAX_REGIONS]]
            invisible = detect_mark(image.rgb, context.mark_key, regions=regions)
        return ReadMarks(image.format, image.width, image.height, read_metadata(self.data), credentials, invisible)


def surroundings(face: Face) -> Rect:
    """Return a box around a face, its forehead and chin: the region that a fusion may have changed."""
    box = face.box
    left, top = box.x - round(0.15 * box.width), box.y - round(0.25 * box.height)
    return Rect(left, top, round(1.3 * box.width), round(1.4 * box.height))
