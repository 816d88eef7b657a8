"""Data types and ids of 2018-12-01 (spec 2.6 to 2.8, 3).

Ids of that time are numbers, or texts made of numbers. Ours carry a prefix, so the digits alone stand for the same object:
``1603326187690926080`` for ``at_1603326187690926080``, and a face's number alone for that face of the call's material.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from facemeld.actions.types import FaceRect
from facemeld.protocol.errors import ImageEmpty, RequestEntityTooLarge
from facemeld.protocol.schema import RequestModel, ResponseModel
from facemeld.services.requests import NamedImage, UserFace

_DIGITS = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_MODEL = re.compile(r"[1-9][0-9]{0,18}(?:_[1-9][0-9]{0,3})?", re.ASCII)
_FACE_NUMBER = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and _INTEGER.fullmatch(value) else value


IdText = Annotated[str, BeforeValidator(_text)]
"""An id that may come as a number or as a text, in strict mode too: the published page says one and shows the other."""

NumberOrText = Annotated[int, BeforeValidator(_number)]
"""A number that may come as a text, in strict mode too, for the same reason."""


def activity_id(text: str) -> str:
    """Wire form of an activity's id: digits get their prefix."""
    return f"at_{text}" if _DIGITS.fullmatch(text) else text


def model_id(text: str) -> str:
    """Wire form of a material's id, with or without a face's number: digits get their prefix."""
    return f"mt_{text}" if _MODEL.fullmatch(text) else text


def face_id(text: str, model: str) -> str:
    """Wire form of a face's id: digits get their prefix, a short number is a face of the call's material."""
    if _FACE_NUMBER.fullmatch(text):
        return f"{'_'.join(model.split('_')[:2])}_{text}"
    return model_id(text)


class MergeInfo(RequestModel):
    """Spec 3.1 without ``TemplateFaceRect``, which came later."""

    image: str = Field(default="", repr=False)
    url: str = Field(default="", repr=False)
    input_image_face_rect: FaceRect | None = None
    template_face_id: IdText = Field(default="", alias="TemplateFaceID")

    def user_face(self, model: str) -> UserFace:
        """The entry as the use case knows it.

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
    """Spec 3.8; nothing is recognised here, so every picture passes."""

    category: str = "Politics"
    code: str = "0"
    code_description: str = "OK"
    confidence: float = 0.0
    suggestion: str = "PASS"
    detail_set: tuple[ReviewDetail, ...] = ()


def review(celebrity_identify: int | None, pictures: int) -> tuple[ReviewResult, ...]:
    """``ReviewResultSet``: empty, or one item for each picture when ``CelebrityIdentify`` is 1."""
    return (ReviewResult(),) * pictures if celebrity_identify == 1 else ()


def check_size(images: tuple[str, ...], limit: int) -> None:
    """Refuse a request whose pictures are too long together.

    Args:
        images: Base64 texts.
        limit: Characters that all of them may have.

    Raises:
        RequestEntityTooLarge: they have more.
    """
    size = sum(len(image) for image in images)
    if size > limit:
        raise RequestEntityTooLarge(detail=f"Images must have at most {limit} characters together, got {size}.")
