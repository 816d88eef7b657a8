"""``FuseFace`` of 2018-12-01 (spec 2.7)."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from facemeld.actions.failures import FAILURES_2018, translated
from facemeld.actions.types import MAX_MERGE_INFOS, FuseParam, degree, marks, wants_url
from facemeld.actions.v2018 import VERSION
from facemeld.actions.v2018.types import IdText, MergeInfo, ReviewResult, activity_id, check_size, model_id, review
from facemeld.protocol.call import Action, Call
from facemeld.protocol.errors import ParameterValueError
from facemeld.protocol.schema import RequestModel, ResponseModel
from facemeld.services.fusing import FuseService
from facemeld.services.requests import FuseRequest, StoredMaterial

NAME = "FuseFace"


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
    """Answer of the action: an address, or base64 without prefix."""

    fused_image: str = Field(repr=False)
    review_result_set: tuple[ReviewResult, ...]


@dataclass(frozen=True, slots=True)
class FuseFace:
    """Answers calls.

    Attributes:
        service: The use case, with the rules of the version.
        request_chars: Characters that the pictures of a request may have together.
        public_url: Address under which clients reach the server; empty takes that of each call.
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
        """The action as the registry takes it."""
        return Action(NAME, VERSION, FuseFaceRequest, self.handle)
