"""``DescribeMaterialList`` of 2018-12-01: the materials of an activity with their pictures (spec 2.8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from facemeld.actions.failures import LISTING_FAILURES_2018, translated
from facemeld.actions.listing import NAME, MaterialFace, faces, paging
from facemeld.actions.v2018 import VERSION
from facemeld.actions.v2018.types import IdText, NumberOrText, activity_id, model_id
from facemeld.protocol.call import Action, Call
from facemeld.protocol.schema import RequestModel, ResponseModel
from facemeld.services.listing import ListedMaterial, ListingService, ListRequest, Material


class DescribeMaterialListRequest(RequestModel):
    """Parameters of the action."""

    activity_id: IdText
    material_id: IdText | None = None
    limit: NumberOrText | None = None
    offset: NumberOrText | None = None


class MaterialInfo(ResponseModel):
    """Spec 3.10, members of 2018; both algorithms of that time get the same two degrees."""

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
    """Answer of the action; ``Count`` is the length of the whole list."""

    material_infos: tuple[MaterialInfo, ...]
    count: int


@dataclass(frozen=True, slots=True)
class DescribeMaterialList:
    """Answers calls.

    Attributes:
        service: The use case.
        sign: Path and query of an address that leads to a material's picture for five minutes.
        strict: Refuse a Limit out of range instead of moving it into the range.
        public_url: Address under which clients reach the server; empty takes that of each call.
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
        """The action as the registry takes it."""
        return Action(NAME, VERSION, DescribeMaterialListRequest, self.handle)


def iso_time(moment: datetime) -> str:
    """A moment as ``YYYY-MM-DDTHH:MM:SS.mmmZ``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
