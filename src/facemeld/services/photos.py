"""User photos and logos as callers name them: by URL or as base64 text; URLs are fetched here, all at the same time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from facemeld.errors import FacemeldError
from facemeld.fusion.types import Rect
from facemeld.media.errors import DownloadFailed, ImageTooManyBytes
from facemeld.media.fetch import Fetcher
from facemeld.media.urls import parse_url
from facemeld.services.errors import FaceRectEmpty, FaceRectInvalid
from facemeld.workers.photos import ImageSource

__all__ = ["ImageLimits", "NamedImage", "Rect", "UserFace", "check_image", "check_rect", "gather_images"]

logger = logging.getLogger(__name__)

MIN_RECT_SIDE = 30
"""Shortest side of a caller's face box, in pixels (spec 3.1)."""


@dataclass(frozen=True, slots=True)
class NamedImage:
    """A picture of a caller: ``url`` wins over ``base64`` (spec 2.1)."""

    url: str = field(default="", repr=False)
    base64: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class UserFace:
    """One entry of a fusion request.

    Attributes:
        image: The user's photo.
        rect: Box around the user's face; None for the largest face.
        template_face: Id of the template's face; empty for the largest one still free.
    """

    image: NamedImage
    rect: Rect | None = None
    template_face: str = ""


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """Sizes of files that come from callers.

    Attributes:
        base64_chars: Longest base64 text.
        url_bytes: Largest file behind a URL.
    """

    base64_chars: int = 5 << 20
    url_bytes: int = 10 << 20


def check_rect(rect: Rect) -> None:
    """Look at a face box before any picture is at hand.

    Raises:
        FaceRectEmpty: it has no area.
        FaceRectInvalid: it is too small or has a negative corner.
    """
    if min(rect.width, rect.height) <= 0:
        raise FaceRectEmpty(f"a face box must have a width and a height, got {rect.width}x{rect.height}")
    if min(rect.width, rect.height) < MIN_RECT_SIDE:
        raise FaceRectInvalid(f"a face box must be at least {MIN_RECT_SIDE}x{MIN_RECT_SIDE} pixels, got {rect.width}x{rect.height}")
    if rect.x < 0 or rect.y < 0:
        raise FaceRectInvalid(f"a face box must not start outside the picture, got {rect.x},{rect.y}")


def check_image(image: NamedImage, limits: ImageLimits) -> None:
    """Everything that can be said about a picture without fetching or decoding it.

    Raises:
        IllegalUrl: the URL is not one.
        ImageTooManyBytes: the base64 text is too long.
    """
    if image.url:
        parse_url(image.url)
    elif len(image.base64) > limits.base64_chars:
        raise ImageTooManyBytes(f"base64 text must have at most {limits.base64_chars} characters, got {len(image.base64)}")


async def gather_images(
    fetcher: Fetcher, images: Sequence[NamedImage], limits: ImageLimits, request_id: str
) -> list[ImageSource | FacemeldError]:
    """Fetch every picture that is named by URL; a URL that comes twice is fetched once.

    Args:
        fetcher: Fetches.
        images: Pictures as the caller named them.
        limits: Sizes of files.
        request_id: Id of the call, for the operator's log.

    Returns:
        For each picture its source, or what went wrong with it.
    """
    urls = tuple(dict.fromkeys(image.url for image in images if image.url))
    fetched = dict(zip(urls, await asyncio.gather(*(_fetch(fetcher, url, limits, request_id) for url in urls)), strict=True))
    return [fetched[image.url] if image.url else ImageSource(text=image.base64, max_text=limits.base64_chars) for image in images]


async def _fetch(fetcher: Fetcher, url: str, limits: ImageLimits, request_id: str) -> ImageSource | FacemeldError:
    try:
        return ImageSource(data=await fetcher.fetch(url, max_bytes=limits.url_bytes))
    except FacemeldError as error:
        if isinstance(error, DownloadFailed):
            # Only here: the caller must not learn what the operator's network looks like.
            logger.info("A picture of call %s could not be fetched: %s", request_id, _in_one_line(error.reason))
        return error


def _in_one_line(text: str) -> str:
    """Text of strangers as it may go into a log."""
    return "".join(character if character.isprintable() else "?" for character in text[:300])
