"""Requests of fusions and their cheap checks, the operator's rules, and errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, TypeAlias

from facemeld.boxes import Rect
from facemeld.errors import FacemeldError
from facemeld.fusion.retouch.presets import PRESETS, UltraStrengths
from facemeld.marks.label import LABEL_TEXTS, Corner
from facemeld.marks.metadata import ImplicitLabel
from facemeld.media.decode import DecodeLimits
from facemeld.media.errors import ImageTooManyBytes
from facemeld.media.urls import parse_url
from facemeld.workers.tasks.inputs import TemplateEmpty
from facemeld.workers.tasks.marking import InvisibleScope, Logo, LogoRule, Marking
from facemeld.workers.tasks.photos import PhotoRules

Language: TypeAlias = Literal["zh-CN", "en-US"]

MODEL_TYPES = frozenset(PRESETS)
"""Values of ``SwapModelType``."""

MIN_RECT_SIDE = 30
"""Shortest side of a caller's face box in pixels (specification 3.1)."""


class TemplateFaceNotFound(FacemeldError):
    """The material has no face with this id."""


class TooManyFaces(FacemeldError):
    """More photos than the template has faces, or two photos for one face."""


class FaceRectInvalid(FacemeldError):
    """The box around a user's face is too small or lies outside any picture."""


class FaceRectEmpty(FaceRectInvalid):
    """The box around a user's face has no area."""


class MaterialTooLarge(FacemeldError):
    """The material is larger than the call's API version allows."""


@dataclass(frozen=True, slots=True)
class NamedImage:
    """A caller's picture; ``url`` takes precedence over ``base64`` (specification 2.1)."""

    url: str = field(default="", repr=False)
    base64: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class UserFace:
    """One user of a fusion request.

    Attributes:
        image: The user's photo.
        rect: Box around the user's face; None for the largest face.
        template_face: Face id of a stored material, or box in a sent picture; empty or None for the largest free face.
    """

    image: NamedImage
    rect: Rect | None = None
    template_face: str | Rect | None = None


@dataclass(frozen=True, slots=True)
class LogoRequest:
    """A caller's own mark; a ``rect`` with width or height 0 stands for the logo's natural size."""

    image: NamedImage
    rect: Rect


@dataclass(frozen=True, slots=True)
class MarkRequest:
    """A caller's choice of marks.

    Attributes:
        visible: Whether the result carries a visible mark.
        logo: Replaces the text of the visible mark.
        metadata: Key and value to embed, or None.
        language: Language of the text.
        request_id: Id of the call, for the implicit label.
    """

    visible: bool = True
    logo: LogoRequest | None = None
    metadata: tuple[str, str] | None = None
    language: Language = "zh-CN"
    request_id: str = ""

    @property
    def shown_logo(self) -> LogoRequest | None:
        """The logo, if the result carries a visible mark."""
        return self.logo if self.visible else None


@dataclass(frozen=True, slots=True)
class StoredMaterial:
    """A material as the template; degrees 0-100, None for the material's own."""

    project_id: str
    model_id: str
    shape: int | None = None
    features: int | None = None


@dataclass(frozen=True, slots=True)
class SentImage:
    """A picture sent as the template.

    Attributes:
        image: The picture.
        model_type: One of ``MODEL_TYPES``.
        strengths: The caller's strengths; ignored by model type 6.
    """

    image: NamedImage
    model_type: int = 1
    strengths: UltraStrengths = field(default_factory=UltraStrengths)


@dataclass(frozen=True, slots=True)
class FuseRequest:
    """A fusion, checked for form only.

    Attributes:
        account_id: The caller's account.
        template: The picture to fuse the users into.
        users: 1-6 users.
        marks: The caller's choice of marks.
        consent: Reference to the consent of the people shown, or None.
        base_url: Address of the server, for a reply with a result address; None for a reply with base64 text.
    """

    account_id: int
    template: StoredMaterial | SentImage
    users: tuple[UserFace, ...]
    marks: MarkRequest = field(default_factory=MarkRequest)
    consent: str | None = None
    base_url: str | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """A delivered result.

    Attributes:
        image: Signed address of the stored result, or the picture as base64 text.
        faces: Number of fused faces.
    """

    image: str = field(repr=False)
    faces: int


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """Limits of callers' pictures: characters of a base64 text, and bytes of a file behind a URL."""

    base64_chars: int = 5 << 20
    url_bytes: int = 10 << 20


@dataclass(frozen=True, slots=True)
class MarkRules:
    """The operator's rules for marking results.

    Attributes:
        producer: Producer named in the implicit label.
        required: Whether every result carries the visible label.
        logo_rule: Whether a caller's logo replaces the label.
        texts: Text of the label by language, ``zh`` or ``en``.
        corner: Corner of the label.
        invisible: Area of the invisible mark.
    """

    producer: str
    required: bool = False
    logo_rule: LogoRule = "replaces"
    texts: Mapping[str, str] = field(default_factory=lambda: LABEL_TEXTS)
    corner: Corner = "lower-right"
    invisible: InvisibleScope = "auto"

    def marking(
        self, *, visible: bool, language: str, request_id: str, logo: Logo | None, metadata: tuple[str, str] | None, jpeg_quality: int
    ) -> Marking:
        """Return the marking of one result.

        Args:
            visible: Whether the caller asks for a visible mark.
            language: Language tag of the label's text.
            request_id: Id of the call and of the result.
            logo: The caller's own mark, or None.
            metadata: The caller's own key and value, or None.
            jpeg_quality: Quality of a JPEG result.
        """
        # A tiny logo must not replace a required label.
        rule: LogoRule = "when-clear" if self.required and self.logo_rule == "replaces" else self.logo_rule
        return Marking(
            label=self.texts[language[:2]] if visible or self.required else None,
            logo=logo,
            implicit=ImplicitLabel(content_producer=self.producer, produce_id=request_id),
            metadata=metadata,
            jpeg_quality=jpeg_quality,
            corner=self.corner,
            logo_rule=rule,
            invisible=self.invisible,
        )


@dataclass(frozen=True, slots=True)
class FuseRules:
    """The operator's rules for fusions.

    Attributes:
        photos: Rules for users' photos.
        images: Sizes of photos and logos.
        material_limits: Limits for decoding the template's picture.
        logo_limits: Limits for decoding a logo.
        seconds: Deadline of the pixel work.
        result_life: Life of a stored result.
        jpeg_quality: Quality of JPEG results.
        marks: How results are marked.
        material_max_side: Longest side of a material in pixels; None for no limit.
    """

    photos: PhotoRules
    images: ImageLimits
    material_limits: DecodeLimits
    logo_limits: DecodeLimits
    seconds: float
    result_life: timedelta
    jpeg_quality: int
    marks: MarkRules
    material_max_side: int | None = None


def check_rect(rect: Rect) -> None:
    """Check a face box without its picture.

    Raises:
        FaceRectEmpty: it has no area.
        FaceRectInvalid: it is too small or has a negative corner.
    """
    if min(rect.width, rect.height) <= 0:
        raise FaceRectEmpty(f"a face box must have a width and a height, got {rect.width}x{rect.height}")
    if min(rect.width, rect.height) < MIN_RECT_SIDE:
        raise FaceRectInvalid(f"a face box must be at least {MIN_RECT_SIDE}x{MIN_RECT_SIDE} pixels, got {rect.width}x{rect.height}")
    if rect.x < 0 or rect.y < 0:
        raise FaceRectInvalid(f"a face box must not start outside the picture, got {rect.x},{rect.y}")


def check_images(request: FuseRequest, limits: ImageLimits) -> None:
    """Check a request as far as possible without fetching or decoding pictures.

    Raises:
        TemplateEmpty: the sent template is missing.
        FaceRectEmpty, FaceRectInvalid: see ``check_rect``.
        IllegalUrl: a URL is malformed.
        ImageTooManyBytes: a base64 text is too long.
    """
    if isinstance(request.template, SentImage):
        image = request.template.image
        if not image.url and not image.base64:
            raise TemplateEmpty("the call must bring a template, got none")
        _check_image(image, limits)
    for user in request.users:
        for rect in (user.template_face, user.rect):
            if isinstance(rect, Rect):
                check_rect(rect)
    for user in request.users:
        _check_image(user.image, limits)
    logo = request.marks.shown_logo
    if logo is not None:
        _check_image(logo.image, limits)


def _check_image(image: NamedImage, limits: ImageLimits) -> None:
    if image.url:
        parse_url(image.url)
    elif len(image.base64) > limits.base64_chars:
        raise ImageTooManyBytes(f"base64 text must have at most {limits.base64_chars} characters, got {len(image.base64)}")
