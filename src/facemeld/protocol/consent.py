"""The extension header by which a call refers to the consent of the people shown."""

from __future__ import annotations

import re

from facemeld.protocol.errors import InvalidParameterValue
from facemeld.protocol.request import RawRequest

CONSENT_HEADER = "X-Facemeld-Consent"
"""Carries 1-128 printable ASCII characters: how the caller's own records call the consent, such as ``form-2026-0815``."""

_REFERENCE = re.compile(r"[ -~]{1,128}")


def read_consent(request: RawRequest) -> str | None:
    """The reference of a request, without blanks around it; None if it brings none.

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
    """Look at the form of a reference.

    Raises:
        InvalidParameterValue: it has another form.
    """
    if not _REFERENCE.fullmatch(reference):
        raise InvalidParameterValue(name=CONSENT_HEADER)
