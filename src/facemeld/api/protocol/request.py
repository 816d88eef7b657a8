"""A request of the API as it arrives: its head and body, its common parameters and its action's parameters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, TypeAlias

from facemeld.api.protocol.decoding import KIB, ProtocolLimits, Tree, decode_json, decode_multipart, flat_pairs, unflatten
from facemeld.api.protocol.errors.base import Language
from facemeld.api.protocol.errors.common import InvalidAuthorization, InvalidParameter, InvalidParameterValue, MissingParameter

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

CONSENT_HEADER = "X-Facemeld-Consent"
"""Extension header with a reference to the consent of the people shown in the caller's own records, such as ``form-2026-0815``:
1-128 printable ASCII characters."""

_REFERENCE = re.compile(r"[ -~]{1,128}")


@dataclass(frozen=True, slots=True)
class ProtocolOptions:
    """The operator's choices for the protocol.

    Attributes:
        strict: Check types, unknown parameters, regions and the service name as strictly as the cloud.
        service: Name of the service in messages and, in strict mode, in the scope of signatures.
        language: Language of messages if the request names none.
        clock_skew: Largest difference between a timestamp and the server's time, in seconds.
        public_hosts: Further host names that clients may sign, for servers behind a gateway that rewrites ``Host``.
        regions: Regions offered in strict mode; empty for all well-formed names.
        gzip_minimum: Smallest reply, in bytes, that is compressed for clients that accept it.
    """

    strict: bool = False
    service: str = "facefusion"
    language: Language = "zh-CN"
    clock_skew: int = 300
    public_hosts: tuple[str, ...] = ()
    regions: frozenset[str] = frozenset()
    gzip_minimum: int = KIB
    limits: ProtocolLimits = field(default_factory=ProtocolLimits)


@dataclass(frozen=True, slots=True)
class RawRequest:
    """Method, target, headers and body exactly as received.

    Attributes:
        method: HTTP method, upper case.
        target: Request target, e.g. ``/?Limit=20``, never decoded.
        headers: First value of every header by lower-case name, without blanks around it (ISO 8859-1).
        repeated: Lower-case names of headers that came several times with different values.
        body: Raw bytes of the body.
        client: Address of the caller; empty if unknown.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    repeated: frozenset[str] = frozenset()
    body: bytes = field(default=b"", repr=False)
    client: str = ""

    @classmethod
    def of(
        cls, method: str, target: str, headers: Iterable[tuple[bytes | str, bytes | str]], body: bytes = b"", client: str = ""
    ) -> RawRequest:
        """Return a request from a list of header lines."""
        first: dict[str, str] = {}
        repeated = set()
        for raw_name, raw_value in headers:
            name = _text(raw_name).lower()
            value = _text(raw_value).strip()
            if first.setdefault(name, value) != value:
                repeated.add(name)
        return cls(method.upper(), target, MappingProxyType(first), frozenset(repeated), body, client)

    def with_body(self, body: bytes) -> RawRequest:
        """Return the same request with another body."""
        return replace(self, body=body)

    @property
    def query(self) -> str:
        """The query string as sent, without the question mark; empty when there is none."""
        return self.target.partition("?")[2]

    @property
    def media_type(self) -> str:
        """The content type in lower case without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def _text(value: bytes | str) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def read_consent(request: RawRequest) -> str | None:
    """Return the consent reference of a request; None without the header.

    Raises:
        InvalidParameterValue: it is malformed, or came several times with different values.
    """
    name = CONSENT_HEADER.lower()
    value = request.headers.get(name)
    if value is None:
        return None
    if name in request.repeated:
        raise InvalidParameterValue(name=CONSENT_HEADER)
    check_consent(value)
    return value


def check_consent(reference: str) -> None:
    """Check the form of a consent reference.

    Raises:
        InvalidParameterValue: it is malformed.
    """
    if not _REFERENCE.fullmatch(reference):
        raise InvalidParameterValue(name=CONSENT_HEADER)


Scheme: TypeAlias = Literal["v3", "v1"]

V1_NAMES = frozenset(
    {"Action", "Language", "Nonce", "Region", "RequestClient", "SecretId", "Signature", "SignatureMethod", "Timestamp", "Token", "Version"}
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
        scheme: Kind of signature.
        action, version: As sent.
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
    """Tell whether a request has signature v1: no header of v3, and parameters in a form or a query."""
    if "authorization" in request.headers or "x-tc-action" in request.headers:
        return False
    return request.method == "GET" or request.media_type == FORM


def read_common(request: RawRequest, options: ProtocolOptions) -> Common:
    """Read the common parameters.

    Raises:
        MissingParameter: A required parameter is absent or empty.
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
    """Return the language asked for, or the default if it is absent or unknown."""
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


@dataclass(frozen=True, slots=True)
class Parameters:
    """Decoded parameters.

    Attributes:
        values: Nested values by wire name, without common parameters.
        strings: Whether every value is text, from which types must be parsed.
    """

    values: Tree
    strings: bool


def read_parameters(request: RawRequest, common: Common, limits: ProtocolLimits, *, dotted: bool = False) -> Parameters:
    """Decode the action's parameters.

    Args:
        request: The raw request.
        common: Its common parameters.
        limits: Limits on names, nesting and counts.
        dotted: Read underscores in names as dots, because they were signed as dots (v1 only).

    Raises:
        InvalidParameter: The parameters cannot be decoded.
        InvalidRequest: A multipart body is malformed.
    """
    if common.scheme == "v1":
        pairs = {name.replace("_", ".") if dotted else name: value for name, value in common.parameters.items()}
        return _flat(pairs, limits)
    if request.method == "GET":
        return _flat(flat_pairs(request.query.encode("latin-1"), limits), limits)
    if request.media_type == MULTIPART:
        return Parameters(decode_multipart(request.headers["content-type"], request.body, limits), strings=True)
    if request.media_type == FORM:
        return _flat(flat_pairs(request.body, limits), limits)
    return Parameters(decode_json(request.body, limits), strings=False)


def _flat(pairs: dict[str, str], limits: ProtocolLimits) -> Parameters:
    return Parameters(unflatten({name: value for name, value in pairs.items() if name not in V1_NAMES}, limits), strings=True)
