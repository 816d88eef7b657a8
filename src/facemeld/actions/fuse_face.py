"""``FuseFace`` of 2022-09-27: users' faces into a stored material (spec 2.1)."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from facemeld.actions.failures import FAILURES_2022, translated
from facemeld.actions.types import FuseParam, LogoParam, MergeInfo, degree, marks, users, wants_url
from facemeld.protocol.call import Action, Call
from facemeld.protocol.schema import RequestModel, ResponseModel
from facemeld.services.fusing import FuseService
from facemeld.services.requests import FuseRequest, StoredMaterial

NAME = "FuseFace"
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
    """Answer of the action: an address, or base64 without prefix."""

    fused_image: str = Field(repr=False)


@dataclass(frozen=True, slots=True)
class FuseFace:
    """Answers calls.

    Attributes:
        service: The use case.
        public_url: Address under which clients reach the server; empty takes that of each call.
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
        """The action as the registry takes it."""
        return Action(NAME, VERSION, FuseFaceRequest, self.handle)
