"""``FaceFusion`` of 2018-12-01: one user's largest face onto the largest face of a material (spec 2.6)."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from facemeld.actions.failures import FACE_FUSION_FAILURES, translated
from facemeld.actions.types import FuseParam, marks, wants_url
from facemeld.actions.v2018 import VERSION
from facemeld.actions.v2018.types import IdText, ReviewResult, activity_id, check_size, model_id, review
from facemeld.protocol.call import Action, Call
from facemeld.protocol.errors import ImageEmpty
from facemeld.protocol.schema import RequestModel, ResponseModel
from facemeld.services.fusing import FuseService
from facemeld.services.requests import FuseRequest, NamedImage, StoredMaterial, UserFace

NAME = "FaceFusion"


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
    """Answer of the action: an address, or base64 without prefix."""

    image: str = Field(repr=False)
    review_result_set: tuple[ReviewResult, ...]


@dataclass(frozen=True, slots=True)
class FaceFusion:
    """Answers calls.

    Attributes:
        service: The use case, with the rules of the version.
        request_chars: Characters that the picture of a request may have.
        public_url: Address under which clients reach the server; empty takes that of each call.
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
        """The action as the registry takes it."""
        return Action(NAME, VERSION, FaceFusionRequest, self.handle)
