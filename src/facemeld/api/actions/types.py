"""Data types that the actions of both versions share (spec 3), and the paging of lists."""

from __future__ import annotations

from pydantic import Field

from facemeld.api.protocol.errors.base import Language
from facemeld.api.protocol.errors.common import InvalidParameter
from facemeld.api.protocol.errors.facefusion import InvalidParameterValueParameterValueError, ParameterValueError
from facemeld.api.protocol.messages import RequestModel, ResponseModel
from facemeld.boxes import Rect
from facemeld.fusing.requests import LogoRequest, MarkRequest, NamedImage, UserFace
from facemeld.materials.types import Material

MAX_MERGE_INFOS = 6
MAX_LOGO_SIDE = 2160
MAX_META_KEY = 32
MAX_META_VALUE = 256


class FaceRect(RequestModel):
    """Spec 3.2, in pixels."""

    x: int
    y: int
    width: int
    height: int

    def rect(self) -> Rect:
        """Return the box."""
        return Rect(self.x, self.y, self.width, self.height)


class MergeInfo(RequestModel):
    """Spec 3.1: the photo of a user, the face in it, and the template's face that it replaces."""

    image: str = Field(default="", repr=False)
    url: str = Field(default="", repr=False)
    input_image_face_rect: FaceRect | None = None
    template_face_id: str = Field(default="", alias="TemplateFaceID")
    template_face_rect: FaceRect | None = None

    def user_face(self) -> UserFace:
        """Return the entry for the use case.

        Raises:
            ParameterValueError: there is neither an Image nor a Url.
        """
        if not self.image and not self.url:
            raise ParameterValueError(detail="MergeInfos needs Image or Url in every entry.")
        rect = self.input_image_face_rect
        return UserFace(NamedImage(self.url, self.image), rect.rect() if rect is not None else None, self.template_face_id)


class LogoParam(RequestModel):
    """Spec 3.5: the caller's logo."""

    logo_rect: FaceRect
    logo_url: str = Field(default="", repr=False)
    logo_image: str = Field(default="", repr=False)

    def logo(self) -> LogoRequest:
        """Return the logo for the use case.

        Raises:
            ParameterValueError: no picture, a negative side, or one over 2160 pixels.
        """
        rect = self.logo_rect
        if not 0 <= rect.width <= MAX_LOGO_SIDE or not 0 <= rect.height <= MAX_LOGO_SIDE:
            raise ParameterValueError(detail=f"LogoRect must be 0 to {MAX_LOGO_SIDE} pixels a side, got {rect.width}x{rect.height}.")
        if not self.logo_url and not self.logo_image:
            raise ParameterValueError(detail="LogoParam needs LogoUrl or LogoImage.")
        return LogoRequest(NamedImage(self.logo_url, self.logo_image), rect.rect())


class MetaData(RequestModel):
    """Spec 3.6: one entry of the result's metadata."""

    key: str = Field(alias="MetaKey")
    value: str = Field(alias="MetaValue")


class ImageCodecParam(RequestModel):
    """Spec 3.6."""

    meta_data: tuple[MetaData, ...] = ()


class FuseParam(RequestModel):
    """Spec 3.6."""

    image_codec_param: ImageCodecParam | None = None

    def metadata(self) -> tuple[str, str] | None:
        """Return the entry of metadata, or None.

        Raises:
            ParameterValueError: more than one entry, or one that is too long.
        """
        entries = self.image_codec_param.meta_data if self.image_codec_param is not None else ()
        if len(entries) > 1:
            raise ParameterValueError(detail=f"MetaData takes one entry, got {len(entries)}.")
        if not entries:
            return None
        entry = entries[0]
        if not 1 <= len(entry.key) <= MAX_META_KEY or len(entry.value) > MAX_META_VALUE:
            raise ParameterValueError(detail=f"MetaKey takes 1 to {MAX_META_KEY} characters and MetaValue at most {MAX_META_VALUE}.")
        return entry.key, entry.value


def users(merge_infos: tuple[MergeInfo, ...]) -> tuple[UserFace, ...]:
    """Return the users of a request.

    Raises:
        ParameterValueError: none, more than six, or one without a photo.
    """
    if not 1 <= len(merge_infos) <= MAX_MERGE_INFOS:
        raise ParameterValueError(detail=f"MergeInfos takes 1 to {MAX_MERGE_INFOS} entries, got {len(merge_infos)}.")
    return tuple(entry.user_face() for entry in merge_infos)


def degree(value: int | None, name: str) -> int | None:
    """Return a degree of 0 to 100, or None for the material's own.

    Raises:
        ParameterValueError: it is outside 0 to 100.
    """
    if value is not None and not 0 <= value <= 100:
        raise ParameterValueError(detail=f"{name} must be 0 to 100, got {value}.")
    return value


def wants_url(rsp_img_type: str) -> bool:
    """Return True for a reply by URL, False for base64; case does not matter (spec 5.6).

    Raises:
        ParameterValueError: it is neither.
    """
    kind = rsp_img_type.lower()
    if kind not in {"url", "base64"}:
        raise ParameterValueError(detail=f"RspImgType must be url or base64, got {rsp_img_type[:32]}.")
    return kind == "url"


def marks(logo_add: int | None, logo: LogoParam | None, param: FuseParam | None, *, language: Language, request_id: str) -> MarkRequest:
    """Return the marks of a result (spec 2.1: LogoAdd 0 means no visible mark, any other number a visible mark)."""
    return MarkRequest(
        visible=logo_add != 0,
        logo=logo.logo() if logo is not None else None,
        metadata=param.metadata() if param is not None else None,
        language=language,
        request_id=request_id,
    )


MAX_LIMIT = 20


class FaceInfo(ResponseModel):
    """Spec 3.3: the box of a face, in pixels."""

    x: int
    y: int
    width: int
    height: int


class MaterialFace(ResponseModel):
    """Spec 3.4."""

    face_id: str
    face_info: FaceInfo


def faces(material: Material) -> tuple[MaterialFace, ...]:
    """Return the faces of a material for a reply."""
    return tuple(
        MaterialFace(face_id=face.id, face_info=FaceInfo(x=face.box.x, y=face.box.y, width=face.box.width, height=face.box.height))
        for face in material.faces
    )


def paging(limit: int | None, offset: int | None, *, strict: bool) -> tuple[int, int]:
    """Return the size of the page and the number of items to skip (spec 2.3).

    A Limit of 0 or over 20 is refused in strict mode; otherwise it means 20.

    Raises:
        InvalidParameter: a negative number.
        InvalidParameterValueParameterValueError: strict mode and a Limit outside 1 to 20.
    """
    for name, value in (("Limit", limit), ("Offset", offset)):
        if value is not None and value < 0:
            raise InvalidParameter(name=name, detail=f"{name} must not be negative, got {value}.")
    if strict and limit is not None and not 1 <= limit <= MAX_LIMIT:
        raise InvalidParameterValueParameterValueError(detail=f"Limit must be 1 to {MAX_LIMIT}, got {limit}.")
    return min(limit or MAX_LIMIT, MAX_LIMIT), offset or 0
