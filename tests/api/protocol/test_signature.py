"""Only the owner of a key can make a request, and every known client's way of signing is understood."""

from __future__ import annotations

import base64
import hashlib
import hmac
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facemeld.api.protocol.errors.base import ApiError
from facemeld.api.protocol.errors.common import (
    InvalidAuthorization,
    InvalidParameter,
    InvalidSecretId,
    MissingParameter,
    SecretIdNotFound,
    SignatureExpire,
    SignatureFailure,
    TokenFailure,
)
from facemeld.api.protocol.request import ProtocolOptions, RawRequest, read_common, read_parameters
from facemeld.api.protocol.signature import Credential, KeyKind, canonical_requests, check_clock, read_claim, signing_key, verify
from tests.tables import table

from .api_vectors import NOW, PUBLIC, SECRET_ID, SECRET_KEY, SIGNING_KEY, VECTORS, Vector

OPTIONS = ProtocolOptions()
BY_NAME = {vector.name.partition(":")[0]: vector for vector in VECTORS}
each_vector = table("vector", VECTORS, ids=lambda vector: vector.name)


def key_of(vector: Vector) -> Credential:
    return Credential(SECRET_ID, SECRET_KEY, 7, token=vector.token)


def accept(request: RawRequest, credential: Credential | None, now: float = NOW, options: ProtocolOptions = OPTIONS) -> dict[str, Any]:
    """Verify a request and return its meaning."""
    common = read_common(request, options)
    claim = read_claim(request, common, options.service if options.strict else None)
    check_clock(claim, common, now, options.clock_skew)
    verified = verify(request, common, claim, credential, now=now, public_hosts=options.public_hosts)
    parameters = read_parameters(request, common, options.limits, dotted=verified.dotted)
    return {"action": common.action, "version": common.version, "token": common.token, "time": common.timestamp, **parameters.values}


def changed(vector: Vector, **headers: str) -> RawRequest:
    """A vector's request with some headers replaced."""
    return replace(vector, headers={**vector.headers, **headers}).request()


@each_vector
def test_vector_is_accepted_and_decoded(vector: Vector) -> None:
    meaning = accept(vector.request(), key_of(vector))
    assert {name: value for name, value in meaning.items() if name not in ("action", "version", "token", "time")} == vector.values


def test_signing_key_is_the_documented_one() -> None:
    assert signing_key(SECRET_KEY, "2023-11-14", "facefusion").hex() == SIGNING_KEY


def test_published_example_has_the_published_signature() -> None:
    body = b'{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}'
    headers = [
        ("Content-Type", "application/json; charset=utf-8"),
        ("Host", "cvm.tencentcloudapi.com"),
        ("X-TC-Action", "DescribeInstances"),
    ]
    request = RawRequest.of("POST", "/", headers, body)
    signed = ("content-type", "host", "x-tc-action")
    digests = {hashlib.sha256(text.encode()).hexdigest() for text in canonical_requests(request, signed, ("cvm.tencentcloudapi.com",))}
    digest = "7019a55be8395899b900fb5564e4200d984910f34794a27cb3fb7d10ff6a1e84"
    assert digest in digests
    key = bytes.fromhex("b596b923aad85185e2d1f6659d2a062e0a86731226e021e61bfe06f7ed05f5af")
    text = f"TC3-HMAC-SHA256\n1551113065\n2019-02-25/cvm/tc3_request\n{digest}"
    assert hmac.digest(key, text.encode(), "sha256").hex() == "10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"


def alterations(vector: Vector) -> Iterator[tuple[str, RawRequest]]:
    """A vector's request with one byte altered: every byte of body, query, signed headers, time and signature in turn."""
    request = vector.request()
    signed = vector.headers.get("Authorization", "SignedHeaders=host,").partition("SignedHeaders=")[2].partition(",")[0].split(";")
    unsigned_payload = "X-TC-Content-SHA256" in vector.headers
    for at in range(0 if unsigned_payload else len(vector.body)):
        yield f"body[{at}]", request.with_body(flip(vector.body, at))
    for at in range(len(request.query)):
        yield f"query[{at}]", replace(request, target="/?" + flip(request.query.encode(), at).decode("latin-1"))
    for name in (*signed, "x-tc-timestamp", "x-tc-token", "x-tc-content-sha256", "authorization"):
        value = request.headers.get(name, "")
        begin = value.find("Signature=") + len("Signature=") if name == "authorization" else 0
        for at in range(begin, len(value)):
            altered = {**request.headers, name: flip(value.encode(), at).decode("latin-1")}
            yield f"{name}[{at}]", replace(request, headers=altered)


def flip(text: bytes, at: int) -> bytes:
    return text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :]


@each_vector
def test_one_altered_byte_is_refused(vector: Vector) -> None:
    count = 0
    for place, request in alterations(vector):
        with pytest.raises(ApiError) as refused:
            accept(request, key_of(vector))
        if place.startswith(("body", "host", "content-type")) and "v1" not in vector.name:
            assert refused.value.code == "AuthFailure.SignatureFailure", place
        count += 1
    assert count > 64


def test_unsigned_payload_leaves_only_the_body_open() -> None:
    vector = BY_NAME["D"]
    assert accept(vector.request().with_body(b"{}"), key_of(vector))
    with pytest.raises(SignatureFailure):
        accept(changed(vector, **{"X-TC-Content-SHA256": ""}), key_of(vector))


@settings(max_examples=400, deadline=None)
@given(
    data=st.data(),
    vector=st.sampled_from(VECTORS),
    part=st.sampled_from(["body", "query", "authorization", "host", "content-type", "x-tc-timestamp"]),
)
def test_mutated_request_is_refused_or_means_the_same(data: st.DataObject, vector: Vector, part: str) -> None:
    request = vector.request()
    source = request.body if part == "body" else (request.query if part == "query" else request.headers.get(part, "")).encode()
    if not source or (part == "body" and "X-TC-Content-SHA256" in vector.headers):
        return
    at = data.draw(st.integers(0, len(source) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda byte: byte != source[at]))
    mutated = source[:at] + bytes([value]) + source[at + 1 :]
    if part == "body":
        request = request.with_body(mutated)
    elif part == "query":
        request = replace(request, target="/?" + mutated.decode("latin-1"))
    else:
        request = replace(request, headers={**request.headers, part: mutated.decode("latin-1").strip()})
    try:
        meaning = accept(request, key_of(vector))
    except ApiError:
        return
    # Letter case of hosts and digests, "+" for "%20" and the like may differ without changing the request.
    assert meaning == accept(vector.request(), key_of(vector))


HOSTS = [
    ("as sent, with port", "localhost:8080", "localhost:8080"),
    ("without the port", "localhost", "localhost:8080"),
    ("IP address without the port", "127.0.0.1", "127.0.0.1:8080"),
    ("IPv6 address without the port", "[::1]", "[::1]:8080"),
    ("a URL as host", "http://localhost:8080", "http://localhost:8080"),
    ("without the scheme", "localhost:8080", "http://localhost:8080"),
    ("in lower case", "meld.example", "Meld.Example"),
]


def signed_v3(host_signed: str, host_sent: str, service: str = "facefusion", *, comma: str = ", ") -> RawRequest:
    """A request whose signature was made here by the published steps, independently of the code under test."""
    body = b"{}"
    canonical = f"POST\n/\n\ncontent-type:application/json\nhost:{host_signed}\n\ncontent-type;host\n{hashlib.sha256(body).hexdigest()}"
    scope = f"2023-11-14/{service}/tc3_request"
    text = f"TC3-HMAC-SHA256\n{NOW}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = ("TC3" + SECRET_KEY).encode()
    for step in ("2023-11-14", service, "tc3_request", text):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    parts = (f"TC3-HMAC-SHA256 Credential={SECRET_ID}/{scope}", "SignedHeaders=content-type;host", f"Signature={key.hex()}")
    headers = {
        "content-type": "application/json",
        "host": host_sent,
        "x-tc-action": "FuseFace",
        "x-tc-version": "2022-09-27",
        "x-tc-timestamp": str(NOW),
        "authorization": comma.join(parts),
    }
    return RawRequest.of("POST", "/", list(headers.items()), body)


@table(("signed", "sent"), [row[1:] for row in HOSTS], ids=[row[0] for row in HOSTS])
def test_host_may_be_signed(signed: str, sent: str) -> None:
    assert accept(signed_v3(signed, sent), Credential(SECRET_ID, SECRET_KEY, 7))


def test_public_host_is_accepted_only_where_configured() -> None:
    request, key = signed_v3(PUBLIC, "gateway:1"), Credential(SECRET_ID, SECRET_KEY, 7)
    with pytest.raises(SignatureFailure):
        accept(request, key)
    assert accept(request, key, options=ProtocolOptions(public_hosts=(PUBLIC,)))


@table("service", ["facefusion", "localhost:8080", "127", "a/b"])
def test_any_service_label_is_accepted_unless_strict(service: str) -> None:
    request, key = signed_v3("h", "h", service), Credential(SECRET_ID, SECRET_KEY, 7)
    assert accept(request, key)
    if service != "facefusion":
        with pytest.raises(InvalidAuthorization, match="Service"):
            accept(request, key, options=ProtocolOptions(strict=True))


@pytest.mark.parametrize("comma", [",", ",  ", ", "])
def test_blanks_after_commas_do_not_matter(comma: str) -> None:
    assert accept(signed_v3("h", "h", comma=comma), Credential(SECRET_ID, SECRET_KEY, 7))


def test_upper_case_digest_is_accepted() -> None:
    vector = BY_NAME["A"]
    head, mark, digest = vector.headers["Authorization"].partition("Signature=")
    assert accept(changed(vector, Authorization=head + mark + digest.upper()), key_of(vector))


def test_post_ignores_a_query() -> None:
    vector = BY_NAME["A"]
    for target in ("/?", "/?x=1"):
        assert accept(replace(vector, target=target).request(), key_of(vector))


CREDENTIAL = f"{SECRET_ID}/2023-11-14/facefusion/tc3_request"
DIGEST = "0" * 64
AUTHORIZATIONS = {
    "switched off": "SKIP",
    "another algorithm": f"TC3-HMAC-SHA512 Credential={CREDENTIAL}, SignedHeaders=content-type;host, Signature={DIGEST}",
    "no credential": f"TC3-HMAC-SHA256 SignedHeaders=content-type;host, Signature={DIGEST}",
    "no signature": f"TC3-HMAC-SHA256 Credential={CREDENTIAL}, SignedHeaders=content-type;host",
    "empty signature": f"TC3-HMAC-SHA256 Credential={CREDENTIAL}, SignedHeaders=content-type;host, Signature=",
    "short scope": f"TC3-HMAC-SHA256 Credential={SECRET_ID}/2023-11-14/tc3_request, SignedHeaders=content-type;host, Signature={DIGEST}",
    "another last label": f"TC3-HMAC-SHA256 Credential={CREDENTIAL[:-1]}, SignedHeaders=content-type;host, Signature={DIGEST}",
    "host not signed": f"TC3-HMAC-SHA256 Credential={CREDENTIAL}, SignedHeaders=content-type, Signature={DIGEST}",
    "another date": f"TC3-HMAC-SHA256 Credential={CREDENTIAL.replace('-14', '-15')}, SignedHeaders=content-type;host, Signature={DIGEST}",
    "endless key name": f"TC3-HMAC-SHA256 Credential={'A' * 200}/{CREDENTIAL}, SignedHeaders=content-type;host, Signature={DIGEST}",
    "too many headers": f"TC3-HMAC-SHA256 Credential={CREDENTIAL}, SignedHeaders=content-type;host{';x' * 40}, Signature={DIGEST}",
}


@table("header", AUTHORIZATIONS.values(), ids=AUTHORIZATIONS.keys())
def test_malformed_authorization_is_named(header: str) -> None:
    with pytest.raises(InvalidAuthorization):
        accept(changed(BY_NAME["A"], Authorization=header), key_of(BY_NAME["A"]))


@table("name", ["Authorization", "X-TC-Action", "X-TC-Version", "X-TC-Timestamp"])
@table("empty", [False, True])
def test_missing_header_is_named(name: str, empty: bool) -> None:
    vector = BY_NAME["A"]
    headers = {key: value for key, value in vector.headers.items() if key != name} | ({name: ""} if empty else {})
    with pytest.raises(MissingParameter, match=f"`{name}`"):
        accept(replace(vector, headers=headers).request(), key_of(vector))


@table("name", ["Action", "Version", "Timestamp", "Nonce", "SecretId", "Signature"])
@table("vector", [BY_NAME["F1"], BY_NAME["F2"]], ids=["form", "query"])
def test_missing_v1_parameter_is_named(vector: Vector, name: str) -> None:
    def without(text: str) -> str:
        return "&".join(piece for piece in text.split("&") if not piece.startswith(f"{name}="))

    start, mark, query = vector.target.partition("?")
    request = replace(vector, target=start + mark + without(query), body=without(vector.body.decode()).encode()).request()
    with pytest.raises(MissingParameter, match=f"`{name}`"):
        accept(request, key_of(vector))


def test_repeated_header_is_refused() -> None:
    vector = BY_NAME["A"]
    request = RawRequest.of("POST", "/", [*vector.headers.items(), ("x-tc-action", "Other")], vector.body)
    with pytest.raises(InvalidAuthorization, match="x-tc-action"):
        accept(request, key_of(vector))


@each_vector
@table(("offset", "fine"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_clock_may_differ_by_five_minutes(vector: Vector, offset: int, fine: bool) -> None:
    if fine:
        accept(vector.request(), key_of(vector), NOW + offset)
    else:
        with pytest.raises(SignatureExpire):
            accept(vector.request(), key_of(vector), NOW + offset)


@table("text", ["x", "-1700000000", "1700000000.5", "9" * 13, "１７００００００００"])
def test_malformed_timestamp_is_named(text: str) -> None:
    request = replace(BY_NAME["A"].request(), headers={**BY_NAME["A"].request().headers, "x-tc-timestamp": text})
    with pytest.raises(InvalidParameter, match="X-TC-Timestamp"):
        accept(request, key_of(BY_NAME["A"]))


GOOD = Credential(SECRET_ID, SECRET_KEY, 7)
KEYS = [
    ("unknown", None, SecretIdNotFound),
    ("disabled", replace(GOOD, enabled=False), SecretIdNotFound),
    ("for the console", replace(GOOD, kind=KeyKind.CONSOLE), InvalidSecretId),
    ("temporary without its token", replace(GOOD, token="T"), TokenFailure),
    ("with another secret", replace(GOOD, secret_key="x"), SignatureFailure),
]


@pytest.mark.answers("AuthFailure.InvalidSecretId")
@table("vector", [BY_NAME["A"], BY_NAME["C"], BY_NAME["F1"], BY_NAME["F2"]], ids=lambda vector: vector.name)
@table(("credential", "error"), [row[1:] for row in KEYS], ids=[row[0] for row in KEYS])
def test_key_that_may_not_call(vector: Vector, credential: Credential | None, error: type[ApiError]) -> None:
    with pytest.raises(error):
        accept(vector.request(), credential)


TOKENS = [
    ("right", {}, "TEMPTOKEN", None, True),
    ("absent", {"X-TC-Token": ""}, "TEMPTOKEN", None, False),
    ("wrong", {"X-TC-Token": "x"}, "TEMPTOKEN", None, False),
    ("expired", {}, "TEMPTOKEN", NOW, False),
    ("not yet expired", {}, "TEMPTOKEN", NOW + 1, True),
    ("sent with a permanent key", {}, None, None, False),
    ("empty with a permanent key", {"X-TC-Token": ""}, None, None, True),
]


@table(("headers", "token", "expires", "fine"), [row[1:] for row in TOKENS], ids=[row[0] for row in TOKENS])
def test_session_token(headers: dict[str, str], token: str | None, expires: float | None, fine: bool) -> None:
    request, key = changed(BY_NAME["D"], **headers), replace(GOOD, token=token, expires_at=expires)
    if fine:
        accept(request, key)
    else:
        with pytest.raises(TokenFailure):
            accept(request, key)


def test_names_signed_with_dots_for_underscores_are_read_with_dots() -> None:
    flat = f"Action=FuseFace&MergeInfos.0.Url=u&Nonce=1&SecretId={SECRET_ID}&Timestamp={NOW}&Version=2022-09-27"
    digest = hmac.digest(SECRET_KEY.encode(), f"GEThost/?{flat}".encode(), "sha1")
    signature = "".join(f"%{byte:02X}" for byte in base64.b64encode(digest))
    target = f"/?{flat}&Signature={signature}".replace("MergeInfos.0.Url", "MergeInfos_0_Url")
    meaning = accept(RawRequest.of("GET", target, [("Host", "host")]), GOOD)
    assert meaning["MergeInfos"] == [{"Url": "u"}]


def test_secrets_do_not_show() -> None:
    key = replace(GOOD, token="TEMPTOKEN")
    common = read_common(BY_NAME["D"].request(), OPTIONS)
    shown = repr((key, common, read_claim(BY_NAME["D"].request(), common), BY_NAME["D"].request()))
    assert SECRET_KEY not in shown
    assert "TEMPTOKEN" not in shown


@pytest.mark.slow
@pytest.mark.parametrize("vector", [BY_NAME["A"], BY_NAME["F1"]], ids=lambda vector: vector.name)
def test_unknown_key_takes_as_long_as_a_wrong_signature(vector: Vector) -> None:
    request = vector.request()
    common = read_common(request, OPTIONS)
    claim = read_claim(request, common)

    def seconds(credential: Credential | None) -> float:
        start = time.perf_counter()
        with pytest.raises(ApiError):
            verify(request, common, claim, credential, now=NOW)
        return time.perf_counter() - start

    wrong = replace(GOOD, secret_key="x" * 32)
    pairs = [(seconds(None), seconds(wrong)) for _ in range(3000)]
    unknown, mismatch = (statistics.median(column) for column in zip(*pairs, strict=True))
    assert abs(unknown - mismatch) < 0.1 * mismatch
