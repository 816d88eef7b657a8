"""The actions of API version 2018-12-01: FuseFace, FaceFusion and DescribeMaterialList, with types and codes of their own."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from facemeld.api.actions.types import MAX_MERGE_INFOS, FaceRect, FuseParam, MaterialFace, degree, faces, marks, paging, wants_url
from facemeld.api.failures import FACE_FUSION_FAILURES, FAILURES_2018, LISTING_FAILURES_2018, translated
from facemeld.api.protocol.call import Action, Call
from facemeld.api.protocol.errors.facefusion import ImageEmpty, ParameterValueError, RequestEntityTooLarge
from facemeld.api.protocol.messages import RequestModel, ResponseModel
from facemeld.fusing.requests import FuseRequest, NamedImage, StoredMaterial, UserFace
from facemeld.fusing.service import FuseService
from facemeld.materials.lookup import ListedMaterial, ListingService, ListRequest
from facemeld.materials.types import Material

VERSION = "2018-12-01"

OFFLINE = ((VERSION, "FaceFusionLite"),)
"""Actions that the version no longer offers."""

_DIGITS = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_MODEL = re.compile(r"[1-9][0-9]{0,18}(?:_[1-9][0-9]{0,3})?", re.ASCII)
_FACE_NUMBER = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and _INTEGER.fullmatch(value) else value


IdText = Annotated[str, BeforeValidator(_text)]
"""An id that may be a number or a text, in strict mode too: the published page says one and shows the other."""

NumberOrText = Annotated[int, BeforeValidator(_number)]
"""A number that may be a text, in strict mode too, for the same reason."""


def activity_id(text: str) -> str:
    """Return the wire form of an activity's id; an id of digits gets its prefix."""
    return f"at_{text}" if _DIGITS.fullmatch(text) else text


def model_id(text: str) -> str:
    """Return the wire form of a material's id, with or without a face's number; an id of digits gets its prefix."""
    return f"mt_{text}" if _MODEL.fullmatch(text) else text


def face_id(text: str, model: str) -> str:
    """Return the wire form of a face's id; an id of digits gets its prefix, and a short number is a face of the call's material."""
    if _FACE_NUMBER.fullmatch(text):
        return f"{'_'.join(model.split('_')[:2])}_{text}"
    return model_id(text)


class MergeInfo(RequestModel):
    """Spec 3.1 without ``TemplateFaceRect``, which was added later."""

    image: str = Field(default="", repr=False)
    url: str = Field(default="", repr=False)
    input_image_face_rect: FaceRect | None = None
    template_face_id: IdText = Field(default="", alias="TemplateFaceID")

    def user_face(self, model: str) -> UserFace:
        """Return the entry for the use case.

        Raises:
            ImageEmpty: there is neither an Image nor a Url.
        """
        if not self.image and not self.url:
            raise ImageEmpty()
        rect = self.input_image_face_rect
        face = face_id(self.template_face_id, model) if self.template_face_id else ""
        return UserFace(NamedImage(self.url, self.image), rect.rect() if rect is not None else None, face)


class ReviewDetail(ResponseModel):
    """Spec 3.9."""

    field: str = ""
    label: str = ""
    confidence: float = 0.0
    suggestion: str = "PASS"


class ReviewResult(ResponseModel):
    """Spec 3.8; pictures are not reviewed, so every picture passes."""

    category: str = "Politics"
    code: str = "0"
    code_description: str = "OK"
    confidence: float = 0.0
    suggestion: str = "PASS"
    detail_set: tuple[ReviewDetail, ...] = ()


def review(celebrity_identify: int | None, pictures: int) -> tuple[ReviewResult, ...]:
    """Return ``ReviewResultSet``: an item for each picture if ``CelebrityIdentify`` is 1, else empty."""
    return (ReviewResult(),) * pictures if celebrity_identify == 1 else ()


def check_size(images: tuple[str, ...], limit: int) -> None:
    """Check the total length of base64 texts.

    Raises:
        RequestEntityTooLarge: they have more than ``limit`` characters together.
    """
    size = sum(len(image) for image in images)
    if size > limit:
        raise RequestEntityTooLarge(detail=f"Images must have at most {limit} characters together, got {size}.")


class FuseFaceRequest(RequestModel):
    """Parameters of the action."""

    project_id: IdText
    model_id: IdText
    rsp_img_type: str
    merge_infos: tuple[MergeInfo, ...] = Field(repr=False)
    fuse_profile_degree: int | None = None
    fuse_face_degree: int | None = None
    celebrity_identify: int | None = None
    fuse_param: FuseParam | None = None


class FuseFaceResponse(ResponseModel):
    """The result: a URL, or base64 without prefix."""

    fused_image: str = Field(repr=False)
    review_result_set: tuple[ReviewResult, ...]


@dataclass(frozen=True, slots=True)
class FuseFace:
    """Answers calls of the action.

    Attributes:
        service: The use case, with the rules of the version.
        request_chars: Characters that the pictures of a request may have together.
        public_url: Address under which clients reach the server; empty for the address of each call.
    """

    service: FuseService
    request_chars: int
    public_url: str = ""

    async def handle(self, call: Call[FuseFaceRequest]) -> FuseFaceResponse:
        """Answer one call; checks run in the order of spec 4.4."""
        params = call.params
        check_size(tuple(entry.image for entry in params.merge_infos), self.request_chars)
        as_url = wants_url(params.rsp_img_type)
        if not 1 <= len(params.merge_infos) <= MAX_MERGE_INFOS:
            raise ParameterValueError(detail=f"MergeInfos takes 1 to {MAX_MERGE_INFOS} entries, got {len(params.merge_infos)}.")
        model = model_id(params.model_id)
        request = FuseRequest(
            account_id=call.account_id,
            users=tuple(entry.user_face(model) for entry in params.merge_infos),
            template=StoredMaterial(
                activity_id(params.project_id),
                model,
                shape=degree(params.fuse_profile_degree, "FuseProfileDegree"),
                features=degree(params.fuse_face_degree, "FuseFaceDegree"),
            ),
            marks=marks(None, None, params.fuse_param, language=call.language, request_id=call.request_id),
            consent=call.consent,
            base_url=(self.public_url or call.base_url) if as_url else None,
        )
        with translated(FAILURES_2018):
            delivered = await self.service.fuse(request, call.notes)
        return FuseFaceResponse(fused_image=delivered.image, review_result_set=review(params.celebrity_identify, delivered.faces))

    @property
    def action(self) -> Action[FuseFaceRequest]:
        """The action for the registry."""
        return Action("FuseFace", VERSION, FuseFaceRequest, self.handle)


class FaceFusionRequest(RequestModel):
    """Parameters of the action; ``PornDetect`` is accepted and has no effect."""

    project_id: IdText
    model_id: IdText
    rsp_img_type: str
    image: str = Field(default="", repr=False)
    url: str = Field(default="", repr=False)
    porn_detect: int | None = None
    celebrity_identify: int | None = None
    fuse_param: FuseParam | None = None


class FaceFusionResponse(ResponseModel):
    """The result: a URL, or base64 without prefix."""

    image: str = Field(repr=False)
    review_result_set: tuple[ReviewResult, ...]


@dataclass(frozen=True, slots=True)
class FaceFusion:
    """Answers calls of the action.

    Attributes:
        service: The use case, with the rules of the version.
        request_chars: Characters that the picture of a request may have.
        public_url: Address under which clients reach the server; empty for the address of each call.
    """

    service: FuseService
    request_chars: int
    public_url: str = ""

    async def handle(self, call: Call[FaceFusionRequest]) -> FaceFusionResponse:
        """Answer one call; checks run in the order of spec 4.4."""
        params = call.params
        check_size((params.image,), self.request_chars)
        as_url = wants_url(params.rsp_img_type)
        if not params.image and not params.url:
            raise ImageEmpty()
        request = FuseRequest(
            account_id=call.account_id,
            template=StoredMaterial(activity_id(params.project_id), model_id(params.model_id)),
            users=(UserFace(NamedImage(params.url, params.image)),),
            marks=marks(None, None, params.fuse_param, language=call.language, request_id=call.request_id),
            consent=call.consent,
            base_url=(self.public_url or call.base_url) if as_url else None,
        )
        with translated(FACE_FUSION_FAILURES):
            delivered = await self.service.fuse(request, call.notes)
        return FaceFusionResponse(image=delivered.image, review_result_set=review(params.celebrity_identify, 1))

    @property
    def action(self) -> Action[FaceFusionRequest]:
        """The action for the registry."""
        return Action("FaceFusion", VERSION, FaceFusionRequest, self.handle)


class DescribeMaterialListRequest(RequestModel):
    """Parameters of the action."""

    activity_id: IdText
    material_id: IdText | None = None
    limit: NumberOrText | None = None
    offset: NumberOrText | None = None


class MaterialInfo(ResponseModel):
    """Spec 3.10, members of 2018; both algorithms of that version get the same two degrees."""

    material_id: str
    material_status: int
    material_face_list: tuple[MaterialFace, ...]
    url: str
    blend_param_ptu: int
    position_param_ptu: int
    blend_param_youtu: int
    position_param_youtu: int
    create_time: str
    update_time: str


class DescribeMaterialListResponse(ResponseModel):
    """A page of materials; ``Count`` is the length of the whole list."""

    material_infos: tuple[MaterialInfo, ...]
    count: int


@dataclass(frozen=True, slots=True)
class DescribeMaterialList:
    """Answers calls of the action.

    Attributes:
        service: The use case.
        sign: Returns the path and query of an address that shows a material's picture for five minutes.
        strict: Refuse a Limit out of range instead of using 20.
        public_url: Address under which clients reach the server; empty for the address of each call.
    """

    service: ListingService
    sign: Callable[[Material], str]
    strict: bool = False
    public_url: str = ""

    async def handle(self, call: Call[DescribeMaterialListRequest]) -> DescribeMaterialListResponse:
        """Answer one call."""
        params = call.params
        limit, offset = paging(params.limit, params.offset, strict=self.strict)
        wanted = model_id(params.material_id) if params.material_id else ""
        with translated(LISTING_FAILURES_2018):
            page = await self.service.list(ListRequest(call.account_id, activity_id(params.activity_id), wanted, limit, offset))
        base = self.public_url or call.base_url
        return DescribeMaterialListResponse(material_infos=tuple(self._info(item, base) for item in page.items), count=page.total)

    def _info(self, item: ListedMaterial, base: str) -> MaterialInfo:
        material = item.material
        return MaterialInfo(
            material_id=material.id,
            material_status=material.status.value,
            material_face_list=faces(material),
            url=base + self.sign(material),
            blend_param_ptu=item.shape_degree,
            position_param_ptu=item.feature_degree,
            blend_param_youtu=item.shape_degree,
            position_param_youtu=item.feature_degree,
            create_time=iso_time(material.created_at),
            update_time=iso_time(material.updated_at),
        )

    @property
    def action(self) -> Action[DescribeMaterialListRequest]:
        """The action for the registry."""
        return Action("DescribeMaterialList", VERSION, DescribeMaterialListRequest, self.handle)


def iso_time(moment: datetime) -> str:
    """Return a moment as ``YYYY-MM-DDTHH:MM:SS.mmmZ``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
