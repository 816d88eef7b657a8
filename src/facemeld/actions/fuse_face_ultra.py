"""``FuseFaceUltra`` of 2022-09-27: users' faces into a template that comes with the call (spec 2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from pydantic import Field

from facemeld.actions.failures import FAILURES_2022, translated
from facemeld.actions.types import LogoParam, MergeInfo, marks, users, wants_url
from facemeld.protocol.call import Action, Call
from facemeld.protocol.errors import ApiError, ImagePixelExceed, MediaDataError, ModerationFailed, ParameterValueError
from facemeld.protocol.schema import RequestModel, ResponseModel
from facemeld.services.errors import FacemeldError, InputSynthetic, TemplateEmpty, TemplateTooLarge, TooManyPhotos
from facemeld.services.fusing import FuseService
from facemeld.services.requests import MODEL_TYPES, FuseRequest, NamedImage, SentImage, UltraStrengths, UserFace

NAME = "FuseFaceUltra"
VERSION = "2022-09-27"

FAILURES_ULTRA: Mapping[type[FacemeldError], type[ApiError]] = MappingProxyType(
    {
        **FAILURES_2022,
        TemplateEmpty: MediaDataError,
        TemplateTooLarge: ImagePixelExceed,
        TooManyPhotos: ParameterValueError,
        InputSynthetic: ModerationFailed,
    }
)
"""Errors of the rooms below and the code that a caller of this action gets."""


class FusionUltraParam(RequestModel):
    """Spec 3.7: strengths from 0 to 1; ``BlurRadio`` is accepted and has no effect."""

    warp_radio: float | None = None
    enhance_radio: float | None = None
    mp_radio: float | None = None
    blur_radio: float | None = None
    teeth_enhance_radio: float | None = None
    makeup_transfer_radio: float | None = None

    def strengths(self) -> UltraStrengths:
        """The strengths, with the defaults of spec 3.7 where none are given.

        Raises:
            ParameterValueError: one is outside 0 to 1.
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


class FuseFaceUltraResponse(ResponseModel):
    """Answer of the action: an address, or base64 without prefix."""

    fused_image: str = Field(repr=False)


@dataclass(frozen=True, slots=True)
class FuseFaceUltra:
    """Answers calls.

    Attributes:
        service: The use case.
        public_url: Address under which clients reach the server; empty takes that of each call.
    """

    service: FuseService
    public_url: str = ""

    async def handle(self, call: Call[FuseFaceUltraRequest]) -> FuseFaceUltraResponse:
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
        return FuseFaceUltraResponse(fused_image=delivered.image)

    @property
    def action(self) -> Action[FuseFaceUltraRequest]:
        """The action as the registry takes it."""
        return Action(NAME, VERSION, FuseFaceUltraRequest, self.handle)


def ultra_users(merge_infos: tuple[MergeInfo, ...]) -> tuple[UserFace, ...]:
    """The users of a request; ``TemplateFaceID`` has no meaning for templates without ids.

    Raises:
        ParameterValueError: none, more than six, or one without a photo.
    """
    rects = [entry.template_face_rect for entry in merge_infos]
    return tuple(
        replace(user, template_face=rect.rect() if rect is not None else None) for user, rect in zip(users(merge_infos), rects, strict=True)
    )


def model_type(value: int | None) -> int:
    """A model type; 1 when none is given.

    Raises:
        ParameterValueError: there is no such type.
    """
    number = 1 if value is None else value
    if number not in MODEL_TYPES:
        raise ParameterValueError(detail=f"SwapModelType must be 1 to {max(MODEL_TYPES)}, got {number}.")
    return number
