"""A request as it came over the wire, still unverified, and its consent header."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from facemeld.protocol.errors import InvalidParameterValue

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

CONSENT_HEADER = "X-Facemeld-Consent"
"""Extension header with a reference to the consent of the people shown in the caller's own records, such as ``form-2026-0815``:
1-128 printable ASCII characters."""

_REFERENCE = re.compile(r"[ -~]{1,128}")


@dataclass(frozen=True, slots=True)
class RawRequest:
    """Method, target, headers and body exactly as received.

    Attributes:
        method: HTTP method, upper case.
        target: Request target, e.g. ``/?Limit=20``, never decoded.
        headers: First value of every header by lower-case name, without blanks around it (ISO 8859-1).
        repeated: Lower-case names of headers that came several times with different values.
        body: Raw bytes of the body.
        client: Address of the caller as the server sees it; empty if unknown.
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
        """Build a request from a list of header lines."""
        first: dict[str, str] = {}
        repeated = set()
        for raw_name, raw_value in headers:
            name = _text(raw_name).lower()
            value = _text(raw_value).strip()
            if first.setdefault(name, value) != value:
                repeated.add(name)
        return cls(method.upper(), target, MappingProxyType(first), frozenset(repeated), body, client)

    def with_body(self, body: bytes) -> RawRequest:
        """The same request with another body."""
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
    """Return the consent reference of a request, without blanks around it; None if it brings none.

    Raises:
        InvalidParameterValue: it has another form, or came several times with different values.
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
        InvalidParameterValue: it has another form.
    """
    if not _REFERENCE.fullmatch(reference):
        raise InvalidParameterValue(name=CONSENT_HEADER)
