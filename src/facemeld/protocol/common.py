"""Common parameters: headers with signature v3, request parameters with signature v1."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from facemeld.protocol.decoding import flat_pairs
from facemeld.protocol.errors import InvalidAuthorization, InvalidParameter, Language, MissingParameter
from facemeld.protocol.request import FORM, RawRequest

if TYPE_CHECKING:
    from facemeld.protocol.options import ProtocolOptions

Scheme: TypeAlias = Literal["v3", "v1"]

V1_NAMES = frozenset(
    {
        "Action",
        "Language",
        "Nonce",
        "Region",
        "RequestClient",
        "SecretId",
        "Signature",
        "SignatureMethod",
        "Timestamp",
        "Token",
        "Version",
    }
)
"""Common parameters among the parameters of a v1 request."""

_HEADERS = {
    "Action": "x-tc-action",
    "Version": "x-tc-version",
    "Timestamp": "x-tc-timestamp",
    "Region": "x-tc-region",
    "Language": "x-tc-language",
    "Token": "x-tc-token",
    "RequestClient": "x-tc-requestclient",
}
_SINGLE = frozenset({"authorization", "content-type", "host", "x-tc-content-sha256", *_HEADERS.values()} - {"x-tc-requestclient"})
_REQUIRED_V3 = (("Action", "X-TC-Action"), ("Version", "X-TC-Version"), ("Timestamp", "X-TC-Timestamp"))
_REQUIRED_V1 = ("Action", "Version", "Timestamp", "Nonce", "SecretId", "Signature")


@dataclass(frozen=True, slots=True)
class Common:
    """Common parameters of a request.

    Attributes:
        scheme: Which signature the request carries.
        action: Name of the action, as sent.
        version: API version, as sent.
        timestamp: UNIX seconds, as sent (it is signed as text).
        region: Region as sent; None when absent.
        language: Language of the messages.
        token: Session token; empty when absent.
        client: Name of the client's SDK, for logs only.
        parameters: All parameters of a v1 request; empty for v3.
    """

    scheme: Scheme
    action: str
    version: str
    timestamp: str
    region: str | None
    language: Language
    token: str = field(repr=False)
    client: str
    parameters: Mapping[str, str] = field(repr=False)


def is_v1(request: RawRequest) -> bool:
    """Whether a request is to be read as one with signature v1: it has no v3 header and its parameters are a form or a query."""
    if "authorization" in request.headers or "x-tc-action" in request.headers:
        return False
    return request.method == "GET" or request.media_type == FORM


def read_common(request: RawRequest, options: ProtocolOptions) -> Common:
    """Read the common parameters.

    Raises:
        MissingParameter: A required one is absent or empty.
        InvalidAuthorization: A header that must be single came several times.
        InvalidParameter: The timestamp, the nonce or the parameters of a v1 request cannot be read.
    """
    if request.repeated & _SINGLE:
        raise InvalidAuthorization(part=f"repeated header `{min(request.repeated & _SINGLE)}`")
    if is_v1(request):
        return _read_v1(request, options)
    values = {name: request.headers.get(header) for name, header in _HEADERS.items()}
    for name, header in _REQUIRED_V3:
        if not values[name]:
            raise MissingParameter(name=header)
    if not request.headers.get("authorization"):
        raise MissingParameter(name="Authorization")
    _check_number(values["Timestamp"], "X-TC-Timestamp", 12)
    return _common("v3", values, {}, options)


def _read_v1(request: RawRequest, options: ProtocolOptions) -> Common:
    source = request.query.encode("latin-1") if request.method == "GET" else request.body
    pairs = flat_pairs(source, options.limits)
    for name in _REQUIRED_V1:
        if not pairs.get(name):
            raise MissingParameter(name=name)
    _check_number(pairs["Timestamp"], "Timestamp", 12)
    _check_number(pairs["Nonce"], "Nonce", 20)
    return _common("v1", pairs, pairs, options)


def _common(scheme: Scheme, values: Mapping[str, str | None], parameters: Mapping[str, str], options: ProtocolOptions) -> Common:
    return Common(
        scheme=scheme,
        action=values.get("Action") or "",
        version=values.get("Version") or "",
        timestamp=values.get("Timestamp") or "",
        region=values.get("Region"),
        language=language_of(values.get("Language"), options.language),
        token=values.get("Token") or "",
        client=(values.get("RequestClient") or "")[:100],
        parameters=parameters,
    )


def language_of(wanted: str | None, default: Language) -> Language:
    """The language of the messages: the one asked for, or the default when that is absent or unknown."""
    match (wanted or "").lower():
        case "zh-cn":
            return "zh-CN"
        case "en-us":
            return "en-US"
        case _:
            return default


def _check_number(value: str | None, name: str, digits: int) -> None:
    if not re.fullmatch(rf"[0-9]{{1,{digits}}}", value or ""):
        raise InvalidParameter(name=name, kind="integer")
