"""Replies: always status 200, always exactly ``application/json``, always a ``RequestId``, an ``Error`` only on failure."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

from facemeld.api.protocol.errors.base import ApiError, Language
from facemeld.api.protocol.errors.common import ResponseSizeLimitExceeded

_GZIP = re.compile(r"(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q=([0-9.]+)\s*)?(?=,|$)", re.IGNORECASE)
_SAMPLE = 4096
# base64 of a compressed picture shrinks to three quarters at best, which is not worth the time.
_WORTHWHILE = 0.7


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply ready to be sent, with status 200."""

    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes = field(repr=False)


def success(result: BaseModel | Mapping[str, Any], request_id: str, limit: int) -> bytes:
    """The envelope of a result.

    Args:
        result: Members of ``Response`` except ``RequestId``.
        request_id: Id of the call.
        limit: Largest envelope, bytes.

    Raises:
        ResponseSizeLimitExceeded: The envelope would be larger.
    """
    members = result.model_dump(by_alias=True) if isinstance(result, BaseModel) else result
    body = to_json({"Response": {**members, "RequestId": request_id}}, by_alias=True, inf_nan_mode="null")
    if len(body) > limit:
        raise ResponseSizeLimitExceeded(detail=f"A reply must have at most {limit} bytes, got {len(body)}.")
    return body


def failure(error: ApiError, language: Language, request_id: str) -> bytes:
    """The envelope of an error."""
    return to_json({"Response": {"Error": {"Code": error.code, "Message": error.message(language)}, "RequestId": request_id}})


def accepts_gzip(header: str) -> bool:
    """Whether an ``Accept-Encoding`` header allows gzip."""
    return any(_weight(match[1]) > 0 for match in _GZIP.finditer(header))


def _weight(text: str | None) -> float:
    try:
        return float(text) if text is not None else 1.0
    except ValueError:
        return 0.0


def reply(body: bytes, accept_encoding: str, minimum: int) -> Reply:
    """Add headers, and compress what is worth it for clients that accept it.

    Args:
        body: The envelope.
        accept_encoding: Header of the request; empty if absent.
        minimum: Smallest body to compress, bytes.
    """
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
    if len(body) >= minimum and accepts_gzip(accept_encoding) and _compressible(body):
        body = gzip.compress(body, compresslevel=1, mtime=0)
        headers.append((b"content-encoding", b"gzip"))
    headers.append((b"content-length", str(len(body)).encode()))
    return Reply(tuple(headers), body)


def _compressible(body: bytes) -> bool:
    """Whether a sample from the middle shrinks well."""
    if len(body) <= 4 * _SAMPLE:
        return True
    middle = len(body) // 2
    return len(gzip.compress(body[middle : middle + _SAMPLE], compresslevel=1)) < _WORTHWHILE * _SAMPLE
