"""Checks signatures TC3-HMAC-SHA256 (v3), HmacSHA1 and HmacSHA256 (v1), and defines the access keys that sign.

The algorithms are those of the public cloud API 3.0 documentation. Clients differ in what they sign (host with or without
port, a URL as host, lower-cased header values), so a signature is compared with every form that a real client makes.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Protocol, TypeAlias

from facemeld.api.protocol.errors import common as errors
from facemeld.api.protocol.request import Common, RawRequest
from facemeld.errors import FacemeldError

ALGORITHM = "TC3-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"

_AUTHORIZATION = re.compile(rf"{ALGORITHM}\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([^,\s]+)")
_SECRET_ID = re.compile(r"[!-~]{1,128}")
_MAX_SIGNED_HEADERS = 32
# Stands in for the secret of a key that does not exist, so that both cases take the same time.
_NO_SECRET = "0" * 32


class CredentialsUnavailable(FacemeldError):
    """Keys cannot be looked up at present."""


class KeyKind(StrEnum):
    """Purpose of a key."""

    API = "api"
    """May call the API."""
    CONSOLE = "console"
    """Signs in to the console only; calls are refused with InvalidSecretId."""


@dataclass(frozen=True, slots=True)
class Credential:
    """An access key.

    Attributes:
        secret_id: Public name of the key.
        secret_key: The secret that signs.
        account_id: The account that owns the key.
        token: Session token that must come with a temporary key; None for permanent keys.
        expires_at: UNIX seconds at which a temporary key ends; None for never.
        enabled: False for a disabled key, which is treated like an unknown key.
        policy: Data about the key and its account for the hooks; opaque to the protocol.
    """

    secret_id: str
    secret_key: str = field(repr=False)
    account_id: int
    token: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    kind: KeyKind = KeyKind.API
    enabled: bool = True
    policy: object = field(default=None, repr=False)


class Credentials(Protocol):
    """A store of keys."""

    async def find(self, secret_id: str) -> Credential | None:
        """Return the key with this name, or None.

        Raises:
            CredentialsUnavailable: Keys cannot be looked up at present.
        """
        ...


@dataclass(frozen=True, slots=True)
class ClaimV3:
    """The unverified content of an ``Authorization`` header."""

    secret_id: str
    date: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClaimV1:
    """The unverified signature parameters of a v1 request."""

    secret_id: str
    sha256: bool
    signature: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Verified:
    """The key that signed a request.

    Attributes:
        credential: The key.
        dotted: Parameter names were signed with dots instead of underscores, and must be read this way (v1 only).
    """

    credential: Credential
    dotted: bool


Claim: TypeAlias = ClaimV3 | ClaimV1


def read_claim(request: RawRequest, common: Common, service: str | None = None) -> Claim:
    """Return the signature of a request, unverified.

    Args:
        request: The raw request.
        common: Its common parameters.
        service: Service that the scope of a v3 signature must name; None accepts any, because several clients write the
            first label of the endpoint.

    Raises:
        InvalidAuthorization: The header cannot be read.
    """
    if common.scheme == "v1":
        parameters = common.parameters
        return ClaimV1(parameters["SecretId"], parameters.get("SignatureMethod") == "HmacSHA256", parameters["Signature"])
    return _read_authorization(request.headers["authorization"], service)


def _read_authorization(header: str, service: str | None) -> ClaimV3:
    match = _AUTHORIZATION.fullmatch(header)
    if match is None:
        raise errors.InvalidAuthorization()
    credential, signed, signature = match.groups()
    parts = credential.split("/")
    if len(parts) < 4 or parts[-1] != "tc3_request" or not _SECRET_ID.fullmatch(parts[0]):
        raise errors.InvalidAuthorization(part="`Credential`")
    names = tuple(signed.split(";"))
    if not {"content-type", "host"} <= set(names) or len(names) > _MAX_SIGNED_HEADERS:
        raise errors.InvalidAuthorization(part="`SignedHeaders`")
    named = "/".join(parts[2:-1])
    if service is not None and named != service:
        raise errors.InvalidAuthorization(part="`Service` in Credential")
    return ClaimV3(parts[0], parts[1], named, names, signature)


def check_clock(claim: Claim, common: Common, now: float, skew: int) -> None:
    """Check a request's time against ``now``, in UNIX seconds, with a tolerance of ``skew`` seconds.

    Raises:
        SignatureExpire: The timestamp is too far from now.
        InvalidAuthorization: The scope's date is not the timestamp's date in UTC.
    """
    timestamp = int(common.timestamp)
    if abs(now - timestamp) > skew:
        raise errors.SignatureExpire(detail=f"Timestamp is {timestamp}, the server's time is {int(now)}.")
    if isinstance(claim, ClaimV3) and f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d}" != claim.date:
        raise errors.InvalidAuthorization(part="`Date` in Credential")


def verify(
    request: RawRequest, common: Common, claim: Claim, credential: Credential | None, *, now: float, public_hosts: tuple[str, ...] = ()
) -> Verified:
    """Check that the owner of the key made the request; takes the same time whether or not the key exists.

    Args:
        request: The raw request.
        common: Its common parameters.
        claim: Its signature.
        credential: The key that the signature names; None if there is none.
        now: Time of the server, UNIX seconds; ends temporary keys.
        public_hosts: Further host names that clients may have signed.

    Raises:
        SecretIdNotFound: The key is unknown or disabled.
        InvalidSecretId: The key may not call the API.
        TokenFailure: The session token does not belong to the key.
        SignatureFailure: The signature does not belong to the request.
    """
    secret = _NO_SECRET if credential is None else credential.secret_key
    hosts = _host_forms(request.headers.get("host", ""), public_hosts)
    if isinstance(claim, ClaimV3):
        matched = "v3" if _matches_v3(request, common, claim, secret, hosts) else ""
    else:
        matched = _match_v1(request, common, claim, secret, hosts)
    if credential is None or not credential.enabled:
        raise errors.SecretIdNotFound()
    if credential.kind is not KeyKind.API:
        raise errors.InvalidSecretId()
    _check_token(common.token, credential, now)
    if not matched:
        raise errors.SignatureFailure()
    return Verified(credential, dotted=matched == "dotted")


def _check_token(token: str, credential: Credential, now: float) -> None:
    expected = credential.token or ""
    expired = credential.expires_at is not None and now >= credential.expires_at
    if not hmac.compare_digest(token.encode(), expected.encode()) or expired:
        raise errors.TokenFailure()


def _host_forms(host: str, public_hosts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the host as sent, in lower case, without a scheme, and without its port: all forms that known clients sign."""
    bare = re.sub(r"^https?://", "", host, flags=re.IGNORECASE)
    forms = (host, host.lower(), bare, re.sub(r":[0-9]+$", "", bare), *public_hosts)
    return tuple(dict.fromkeys(form for form in forms if form))


def signing_key(secret_key: str, date: str, service: str) -> bytes:
    """Return the key that signs all v3 requests of a day and a service."""
    key = hmac.digest(b"TC3" + secret_key.encode(), date.encode(), "sha256")
    return hmac.digest(hmac.digest(key, service.encode("latin-1"), "sha256"), b"tc3_request", "sha256")


def _matches_v3(request: RawRequest, common: Common, claim: ClaimV3, secret: str, hosts: tuple[str, ...]) -> bool:
    key = signing_key(secret, claim.date, claim.service)
    found = False
    for canonical in canonical_requests(request, claim.signed_headers, hosts):
        digest = sha256(canonical.encode("latin-1")).hexdigest()
        text = f"{ALGORITHM}\n{common.timestamp}\n{claim.date}/{claim.service}/tc3_request\n{digest}"
        expected = hmac.digest(key, text.encode("latin-1"), "sha256").hex()
        found |= hmac.compare_digest(expected.encode(), claim.signature.lower().encode())
    return found


def canonical_requests(request: RawRequest, signed_headers: tuple[str, ...], hosts: tuple[str, ...]) -> Iterator[str]:
    """Yield the canonical requests that known clients may have signed for this request."""
    payload = _payload_hash(request)
    query = request.query if request.method == "GET" else ""
    sent = {name: request.headers.get(name, "") for name in signed_headers}
    # The documentation's own sample lower-cases the values of further headers, and some clients lower-case all values.
    further = {name: value if name == "content-type" else value.lower() for name, value in sent.items()}
    variants = (sent, further, {name: value.lower() for name, value in sent.items()})
    blocks = dict.fromkeys(
        "".join(f"{name}:{host if name == 'host' else values[name]}\n" for name in signed_headers) for host in hosts for values in variants
    )
    for block in blocks:
        yield "\n".join((request.method, "/", query, block, ";".join(signed_headers), payload))


def _payload_hash(request: RawRequest) -> str:
    if request.headers.get("x-tc-content-sha256") == UNSIGNED:
        return sha256(UNSIGNED.encode()).hexdigest()
    return sha256(b"" if request.method == "GET" else request.body).hexdigest()


def _match_v1(request: RawRequest, common: Common, claim: ClaimV1, secret: str, hosts: tuple[str, ...]) -> str:
    """Return the form of the parameter names that was signed: ``plain``, ``dotted`` or empty for none."""
    parameters = {name: value for name, value in common.parameters.items() if name != "Signature"}
    forms = {"plain": parameters}
    dotted = {name.replace("_", "."): value for name, value in parameters.items()}
    if dotted.keys() != parameters.keys() and len(dotted) == len(parameters):
        forms["dotted"] = dotted
    found = ""
    for form, values in forms.items():
        flat = "&".join(f"{name}={values[name]}" for name in sorted(values))
        for host in hosts:
            text = f"{request.method}{host}/?{flat}".encode()
            digest = hmac.digest(secret.encode(), text, "sha256" if claim.sha256 else "sha1")
            if hmac.compare_digest(b64encode(digest), claim.signature.encode()) and not found:
                found = form
    return found
