"""``DescribeMaterialList`` of 2022-09-27: the materials of an activity (spec 2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from types import MappingProxyType

from facemeld.actions.failures import LISTING_FAILURES, translated
from facemeld.actions.listing import NAME, MaterialFace, faces, paging
from facemeld.protocol.call import Action, Call
from facemeld.protocol.errors import Language, Text
from facemeld.protocol.schema import RequestModel, ResponseModel
from facemeld.services.listing import ListingService, ListRequest, Material, MaterialStatus

VERSION = "2022-09-27"

_CHINA = timezone(timedelta(hours=8))
_PASSED = Text("审核成功", "Review passed")
_FAILED = Text("审核不通过", "Review not passed")
_WAITING = Text("审核中", "Under review")
_AUDIT = MappingProxyType(
    {
        MaterialStatus.UNDER_REVIEW: _WAITING,
        MaterialStatus.MANUAL_PASSED: _PASSED,
        MaterialStatus.MANUAL_FAILED: _FAILED,
        MaterialStatus.UNDER_APPEAL: _WAITING,
        MaterialStatus.APPEAL_PASSED: _PASSED,
        MaterialStatus.APPEAL_FAILED: _FAILED,
        MaterialStatus.MACHINE_PASSED: _PASSED,
        MaterialStatus.MACHINE_FAILED: _FAILED,
        MaterialStatus.VIDEO_READY: _PASSED,
        MaterialStatus.VIDEO_FAILED: _FAILED,
        MaterialStatus.VIDEO_ROLE_MISSING: _FAILED,
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
    """Answer of the action; ``Count`` is the length of the whole list."""

    material_infos: tuple[MaterialInfo, ...]
    count: int


@dataclass(frozen=True, slots=True)
class DescribeMaterialList:
    """Answers calls.

    Attributes:
        service: The use case.
        strict: Refuse a Limit out of range instead of moving it into the range.
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
        """The action as the registry takes it."""
        return Action(NAME, VERSION, DescribeMaterialListRequest, self.handle)


def china_time(moment: datetime) -> str:
    """A moment as ``YYYY-MM-DD HH:MM:SS`` of UTC+8, to the nearest second (spec 5.1)."""
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
