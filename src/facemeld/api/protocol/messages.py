"""Request and response models, and the envelope of a reply."""

from __future__ import annotations

import functools
import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_pascal
from pydantic_core import to_json

from facemeld.api.protocol.decoding import Tree
from facemeld.api.protocol.errors.base import ApiError, Language
from facemeld.api.protocol.errors.common import InvalidParameter, MissingParameter, ResponseSizeLimitExceeded, UnknownParameter

M = TypeVar("M", bound=BaseModel)

_KINDS = (
    ("int", "integer"),
    ("float", "float"),
    ("finite", "float"),
    ("string", "string"),
    ("bool", "boolean"),
    ("list", "array"),
    ("tuple", "array"),
    ("model", "object"),
    ("dict", "object"),
)
_GZIP = re.compile(r"(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q=([0-9.]+)\s*)?(?=,|$)", re.IGNORECASE)
_SAMPLE = 4096
# Base64 of a compressed picture shrinks to three quarters at best, which is not worth the time.
_WORTHWHILE = 0.7


class RequestModel(BaseModel):
    """Base of request models; the wire name of a field is its name in Pascal case unless it has an alias."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_pascal, coerce_numbers_to_str=True, hide_input_in_errors=True, allow_inf_nan=False
    )


class ResponseModel(BaseModel):
    """Base of response models; built by field name, written by wire name as in requests."""

    model_config = ConfigDict(frozen=True, alias_generator=to_pascal, validate_by_name=True, hide_input_in_errors=True)


def to_model(model: type[M], values: Tree, *, strict: bool, strings: bool) -> M:
    """Check parameters against a model.

    Args:
        model: The action's request model.
        values: Decoded parameters.
        strict: Refuse unknown parameters and, unless all values are text, values of another type. Otherwise ``"1"`` passes for
            1, 1.0 for 1, 1 for ``"1"`` and an object for a list with this object, and unknown parameters are ignored.
        strings: The parameters come from a query, form or multipart body, where every value is text.

    Raises:
        InvalidParameter: A value has the wrong type; the message names its path, e.g. ``MergeInfos.0.Url``.
        UnknownParameter: Strict mode: the model has no such member.
        MissingParameter: A required member is absent.
    """
    prepared = _fit_model(model, values, "", wrap=not strict)
    try:
        return model.model_validate(prepared, strict=strict and not strings, extra="forbid" if strict else "ignore")
    except ValidationError as error:
        found = [_translate(item["type"], item["loc"]) for item in error.errors(include_url=False, include_input=False)]
        ranks = (InvalidParameter, UnknownParameter, MissingParameter)
        raise min(found, key=lambda one: ranks.index(type(one))) from None


@dataclass(frozen=True, slots=True)
class Reply:
    """The headers and body of a reply; its status is always 200."""

    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes = field(repr=False)


def success(result: BaseModel | Mapping[str, Any], request_id: str, limit: int) -> bytes:
    """Return the envelope of a result, which has the members of ``Response`` except ``RequestId``.

    Raises:
        ResponseSizeLimitExceeded: The envelope has more than ``limit`` bytes.
    """
    members = result.model_dump(by_alias=True) if isinstance(result, BaseModel) else result
    body = to_json({"Response": {**members, "RequestId": request_id}}, by_alias=True, inf_nan_mode="null")
    if len(body) > limit:
        raise ResponseSizeLimitExceeded(detail=f"A reply must have at most {limit} bytes, got {len(body)}.")
    return body


def failure(error: ApiError, language: Language, request_id: str) -> bytes:
    """Return the envelope of an error."""
    return to_json({"Response": {"Error": {"Code": error.code, "Message": error.message(language)}, "RequestId": request_id}})


def reply(body: bytes, accept_encoding: str, minimum: int) -> Reply:
    """Return the reply with an envelope as its body, compressed if the client accepts it and it pays.

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


def accepts_gzip(header: str) -> bool:
    """Tell whether an ``Accept-Encoding`` header allows gzip."""
    return any(_weight(match[1]) > 0 for match in _GZIP.finditer(header))


def _weight(text: str | None) -> float:
    try:
        return float(text) if text is not None else 1.0
    except ValueError:
        return 0.0


def _compressible(body: bytes) -> bool:
    """Tell whether a sample from the middle shrinks well."""
    if len(body) <= 4 * _SAMPLE:
        return True
    middle = len(body) // 2
    return len(gzip.compress(body[middle : middle + _SAMPLE], compresslevel=1)) < _WORTHWHILE * _SAMPLE


def _translate(kind: str, location: tuple[int | str, ...]) -> InvalidParameter | UnknownParameter | MissingParameter:
    path = ".".join(str(step) for step in location)[:200]
    if kind == "missing":
        return MissingParameter(name=path)
    if kind == "extra_forbidden":
        return UnknownParameter(name=path)
    wanted = next((name for prefix, name in _KINDS if kind.startswith(prefix)), "")
    return InvalidParameter(name=path, kind=wanted) if wanted else InvalidParameter(name=path)


@functools.cache
def _annotations(model: type[BaseModel]) -> Mapping[str, Any]:
    """Return the types of a model's members by wire name, without ``None``."""
    return {field.alias or name: _without_none(field.annotation) for name, field in model.model_fields.items()}


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return kinds[0] if len(kinds) == 1 else annotation
    return annotation


def _fit_model(model: type[BaseModel], values: Mapping[str, Any], path: str, *, wrap: bool) -> Tree:
    kinds = _annotations(model)
    return {name: _fit(kinds.get(name), value, f"{path}{name}", wrap=wrap) for name, value in values.items()}


def _fit(kind: Any, value: Any, path: str, *, wrap: bool) -> Any:
    """Prepare a value for the model: make tuples of lists, wrap single objects, refuse booleans for numbers."""
    if get_origin(kind) in (list, tuple):
        item = get_args(kind)[0]
        if wrap and isinstance(value, dict):
            value = [value]
        if not isinstance(value, list):
            return value
        items = [_fit(_without_none(item), one, f"{path}.{index}", wrap=wrap) for index, one in enumerate(value)]
        return tuple(items) if get_origin(kind) is tuple else items
    if isinstance(kind, type) and issubclass(kind, BaseModel) and isinstance(value, dict):
        return _fit_model(kind, value, f"{path}.", wrap=wrap)
    if isinstance(value, bool) and kind in (int, float):
        raise _wrong(path, "integer" if kind is int else "float")
    return value


def _wrong(path: str, kind: str) -> ApiError:
    return InvalidParameter(name=path, kind=kind)
