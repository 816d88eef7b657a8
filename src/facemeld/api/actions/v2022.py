"""The actions of API version 2022-09-27: FuseFace, FuseFaceUltra, DescribeMaterialList, and the video actions, which are refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any, NoReturn

from pydantic import Field

from facemeld.api.actions.types import FuseParam, LogoParam, MaterialFace, MergeInfo, degree, faces, marks, paging, users, wants_url
from facemeld.api.failures import FAILURES_2022, FAILURES_ULTRA, LISTING_FAILURES, translated
from facemeld.api.protocol.call import Action, Call
from facemeld.api.protocol.errors.base import Language, Text
from facemeld.api.protocol.errors.common import UnsupportedOperation
from facemeld.api.protocol.errors.facefusion import ParameterValueError
from facemeld.api.protocol.messages import RequestModel, ResponseModel
from facemeld.fusing.requests import MODEL_TYPES, FuseRequest, NamedImage, SentImage, StoredMaterial, UserFace
from facemeld.fusing.service import FuseService
from facemeld.fusion.retouch.presets import UltraStrengths
from facemeld.materials.lookup import ListingService, ListRequest
from facemeld.materials.types import Material, MaterialStatus

VERSION = "2022-09-27"


class FuseFaceRequest(RequestModel):
    """Parameters of the action."""

    project_id: str
    model_id: str
    rsp_img_type: str
    merge_infos: tuple[MergeInfo, ...] = Field(repr=False)
    fuse_profile_degree: int | None = None
    fuse_face_degree: int | None = None
    logo_add: int | None = None
    logo_param: LogoParam | None = None
    fuse_param: FuseParam | None = None


class FuseFaceResponse(ResponseModel):
    """The result of FuseFace and FuseFaceUltra: a URL, or base64 without prefix."""

    fused_image: str = Field(repr=False)


@dataclass(frozen=True, slots=True)
class FuseFace:
    """Answers calls of the action.

    Attributes:
        service: The use case.
        public_url: Address under which clients reach the server; empty for the address of each call.
    """

    service: FuseService
    public_url: str = ""

    async def handle(self, call: Call[FuseFaceRequest]) -> FuseFaceResponse:
        """Answer one call; checks run in the order of spec 4.4."""
        params = call.params
        as_url = wants_url(params.rsp_img_type)
        request = FuseRequest(
            account_id=call.account_id,
            users=users(params.merge_infos),
            template=StoredMaterial(
                params.project_id,
                params.model_id,
                shape=degree(params.fuse_profile_degree, "FuseProfileDegree"),
                features=degree(params.fuse_face_degree, "FuseFaceDegree"),
            ),
            marks=marks(params.logo_add, params.logo_param, params.fuse_param, language=call.language, request_id=call.request_id),
            consent=call.consent,
            base_url=(self.public_url or call.base_url) if as_url else None,
        )
        with translated(FAILURES_2022):
            delivered = await self.service.fuse(request, call.notes)
        return FuseFaceResponse(fused_image=delivered.image)

    @property
    def action(self) -> Action[FuseFaceRequest]:
        """The action for the registry."""
        return Action("FuseFace", VERSION, FuseFaceRequest, self.handle)


class FusionUltraParam(RequestModel):
    """Spec 3.7: strengths from 0 to 1; ``BlurRadio`` is accepted and has no effect."""

    warp_radio: float | None = None
    enhance_radio: float | None = None
    mp_radio: float | None = None
    blur_radio: float | None = None
    teeth_enhance_radio: float | None = None
    makeup_transfer_radio: float | None = None

    def strengths(self) -> UltraStrengths:
        """Return the strengths, with the defaults of spec 3.7 for missing values.

        Raises:
            ParameterValueError: a strength is outside 0 to 1.
        """
        given = {
            "warp": self.warp_radio,
            "enhance": self.enhance_radio,
            "smooth": self.mp_radio,
            "teeth": self.teeth_enhance_radio,
            "makeup": self.makeup_transfer_radio,
        }
        values = {name: value for name, value in given.items() if value is not None}
        if any(not 0 <= value <= 1 for value in values.values()):
            raise ParameterValueError(name="FusionParam")
        return UltraStrengths(**values)


class FuseFaceUltraRequest(RequestModel):
    """Parameters of the action."""

    rsp_img_type: str
    merge_infos: tuple[MergeInfo, ...] = Field(repr=False)
    model_url: str = Field(default="", repr=False)
    model_image: str = Field(default="", repr=False)
    fusion_ultra_param: FusionUltraParam | None = None
    logo_add: int | None = None
    logo_param: LogoParam | None = None
    swap_model_type: int | None = None


@dataclass(frozen=True, slots=True)
class FuseFaceUltra:
    """Answers calls of the action.

    Attributes:
        service: The use case.
        public_url: Address under which clients reach the server; empty for the address of each call.
    """

    service: FuseService
    public_url: str = ""

    async def handle(self, call: Call[FuseFaceUltraRequest]) -> FuseFaceResponse:
        """Answer one call; checks run in the order of spec 4.4."""
        params = call.params
        as_url = wants_url(params.rsp_img_type)
        request = FuseRequest(
            account_id=call.account_id,
            users=ultra_users(params.merge_infos),
            template=SentImage(
                NamedImage(params.model_url, params.model_image),
                model_type(params.swap_model_type),
                (params.fusion_ultra_param or FusionUltraParam()).strengths(),
            ),
            marks=marks(params.logo_add, params.logo_param, None, language=call.language, request_id=call.request_id),
            consent=call.consent,
            base_url=(self.public_url or call.base_url) if as_url else None,
        )
        with translated(FAILURES_ULTRA):
            delivered = await self.service.fuse(request, call.notes)
        return FuseFaceResponse(fused_image=delivered.image)

    @property
    def action(self) -> Action[FuseFaceUltraRequest]:
        """The action for the registry."""
        return Action("FuseFaceUltra", VERSION, FuseFaceUltraRequest, self.handle)


def ultra_users(merge_infos: tuple[MergeInfo, ...]) -> tuple[UserFace, ...]:
    """Return the users of a request; ``TemplateFaceID`` is ignored because sent templates have no ids.

    Raises:
        ParameterValueError: none, more than six, or one without a photo.
    """
    rects = [entry.template_face_rect for entry in merge_infos]
    return tuple(
        replace(user, template_face=rect.rect() if rect is not None else None) for user, rect in zip(users(merge_infos), rects, strict=True)
    )


def model_type(value: int | None) -> int:
    """Return a model type; 1 by default.

    Raises:
        ParameterValueError: there is no such type.
    """
    number = 1 if value is None else value
    if number not in MODEL_TYPES:
        raise ParameterValueError(detail=f"SwapModelType must be 1 to {max(MODEL_TYPES)}, got {number}.")
    return number


_CHINA = timezone(timedelta(hours=8))
_PASSED = Text("审核成功", "Review passed")
_FAILED = Text("审核不通过", "Review not passed")
_WAITING = Text("审核中", "Under review")
_AUDIT = MappingProxyType(
    {
        **dict.fromkeys(MaterialStatus, _FAILED),
        **dict.fromkeys((MaterialStatus.UNDER_REVIEW, MaterialStatus.UNDER_APPEAL), _WAITING),
        MaterialStatus.MANUAL_PASSED: _PASSED,
        MaterialStatus.APPEAL_PASSED: _PASSED,
        MaterialStatus.MACHINE_PASSED: _PASSED,
        MaterialStatus.VIDEO_READY: _PASSED,
    }
)


class DescribeMaterialListRequest(RequestModel):
    """Parameters of the action."""

    activity_id: str
    material_id: str | None = None
    limit: int | None = None
    offset: int | None = None


class MaterialInfo(ResponseModel):
    """Spec 3.10, members of 2022."""

    material_id: str
    material_status: int
    material_face_list: tuple[MaterialFace, ...]
    material_name: str
    audit_result: str
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
        strict: Refuse a Limit out of range instead of using 20.
    """

    service: ListingService
    strict: bool = False

    async def handle(self, call: Call[DescribeMaterialListRequest]) -> DescribeMaterialListResponse:
        """Answer one call."""
        params = call.params
        limit, offset = paging(params.limit, params.offset, strict=self.strict)
        request = ListRequest(call.account_id, params.activity_id, params.material_id or "", limit, offset)
        with translated(LISTING_FAILURES):
            page = await self.service.list(request)
        infos = tuple(_info(item.material, call.language) for item in page.items)
        return DescribeMaterialListResponse(material_infos=infos, count=page.total)

    @property
    def action(self) -> Action[DescribeMaterialListRequest]:
        """The action for the registry."""
        return Action("DescribeMaterialList", VERSION, DescribeMaterialListRequest, self.handle)


def china_time(moment: datetime) -> str:
    """Return a moment as ``YYYY-MM-DD HH:MM:SS`` of UTC+8, to the nearest second (spec 5.1)."""
    return f"{(moment + timedelta(milliseconds=500)).astimezone(_CHINA):%Y-%m-%d %H:%M:%S}"


def _info(material: Material, language: Language) -> MaterialInfo:
    return MaterialInfo(
        material_id=material.id,
        material_status=material.status.value,
        material_face_list=faces(material),
        material_name=material.name,
        audit_result=material.audit_result or _AUDIT[material.status].fill(language, {}),
        create_time=china_time(material.created_at),
        update_time=china_time(material.updated_at),
    )


class VideoRequest(RequestModel):
    """Parameters of both actions; they do not change the reply."""

    project_id: Any = None
    model_id: Any = None
    merge_infos: Any = None
    celebrity_identify: Any = None
    logo_param: Any = None
    user_designated_url: Any = None
    user_ip: Any = None
    meta_data: Any = None
    job_id: Any = None


async def _refuse(_: Call[VideoRequest]) -> NoReturn:
    raise UnsupportedOperation(detail=Text("未启用视频人脸融合。", "Video face fusion is not enabled."))


VIDEO_ACTIONS = tuple(Action(name, VERSION, VideoRequest, _refuse) for name in ("SubmitVideoFaceFusionJob", "QueryVideoFaceFusionJob"))
"""Both actions; each answers ``UnsupportedOperation``."""
