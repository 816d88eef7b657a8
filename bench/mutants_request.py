"""Broken requests by number: parameters, texts, headers, signatures and HTTP itself, signed correctly unless the signature is broken."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from bench.wire import BOUNDARY, FORM, JSON, MULTIPART, Header, Key, Request, flatten, multipart, query, v1, v3

_DEEP: Any = None
for _ in range(30):
    _DEEP = [_DEEP]
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 7, 100, 101, 2**31, -(2**31), 2**63, -(2**63) - 1, 10**23, 10**40, 0.5, -0.0, 1e308, 1e-320,
    "", " ", "0", "1", "-1", "1e5", "0x10", "true", "null", "NaN", "at_1", "mt_1", "mt_1_1", "url", "base64", "BASE64", "１２３",
    "脸", "😀", "\x00", "\ud800", "\u202e", "a\r\nX: y", "' OR 1=1 --", "../../etc/passwd", "%00%ff", "{{7*7}}", "${jndi:x}",
    "<script>", "=",
    "A" * 5, "A" * 300, "/" * 5000, "http://127.0.0.1/", "http://169.254.169.254/", "http://[::1]/a", "ftp://x",
    "data:image/png;base64,AAAA",
    [], {}, [[]], [{}], [None], ["a", 1], {"0": {}}, {"0": 1, "2": 1}, {"": 1}, {"a.b": 1}, _DEEP, [1] * 150, [{}] * 7,
)  # fmt: skip
"""Values for parameters: wrong types, edges of ranges, text that some part of a system might take for its own."""

HEADER_VALUES: tuple[bytes, ...] = (
    b"", b"0", b"-1", b"1", b"abc", b"99999999999", b"999999999999999999", b"1e9", b"2022-09-27", b"2018-12-01", b"2099-01-01", b"FuseFace",
    b"fuseface", b"FaceFusionLite", b"DescribeMaterialList", b"zh-CN", b"en-US", b"xx", b"ap-guangzhou", b"../..", b"a b", b"\xff\xfe",
    "脸".encode(), b"a" * 300, b"a" * 9000, b"gzip;q=abc", b"gzip;q=0", b"*", b"text/html", b"application/json; charset=utf-16",
    b"multipart/form-data", b"multipart/form-data; boundary=", b"multipart/form-data; boundary=\"a", b"application/x-www-form-urlencoded",
    b"UNSIGNED-PAYLOAD", b"http://a/", b"[::1", b"127.0.0.1:99999", b"100-continue", b"identity", b"close", b"Bearer x", b"TC3-HMAC-SHA256",
    b"unknown", b"1.2.3.4, ::1", b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01",
)  # fmt: skip
"""Values for headers."""

HEADER_NAMES: tuple[bytes, ...] = (
    b"X-TC-Action", b"X-TC-Version", b"X-TC-Timestamp", b"X-TC-Region", b"X-TC-Language", b"X-TC-Token", b"X-TC-RequestClient",
    b"X-TC-Content-SHA256", b"X-Facemeld-Consent", b"X-Facemeld-Fault", b"Accept-Encoding", b"Content-Type", b"Content-Encoding", b"Host",
    b"Expect", b"X-Forwarded-For", b"X-Forwarded-Proto", b"traceparent", b"Connection", b"Upgrade", b"Cookie", b"X-Anything",
)  # fmt: skip
"""Headers that the server or something below it reads."""


LAYERS = {"parameters": 40, "text": 15, "headers": 20, "signature": 10, "http": 15}
"""Layers of a request that are broken, with their shares in percent."""

V2022, V2018 = "2022-09-27", "2018-12-01"


@dataclass(frozen=True, slots=True)
class Subject:
    """The ingredients of whole requests."""

    key: Key
    project: str
    model: str
    photo: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Broken:
    """A broken request.

    Attributes:
        layer: The broken layer.
        how: The kind of damage.
        version: API version that it asks for.
        data: Its bytes.
        whole: Whether HTTP itself is untouched.
    """

    layer: str
    how: str
    version: str
    data: bytes = field(repr=False)
    whole: bool


def _calls(subject: Subject) -> tuple[tuple[str, str, dict[str, Any]], ...]:
    """Every action in every version, with whole parameters."""
    named = {"ProjectId": subject.project, "ModelId": subject.model, "RspImgType": "base64"}
    rect = {"X": 0, "Y": 0, "Width": 160, "Height": 160}
    users = [{"Image": subject.photo, "InputImageFaceRect": rect, "TemplateFaceID": f"{subject.model}_1"}]
    logo = {"LogoRect": rect, "LogoImage": subject.photo}
    param = {"ImageCodecParam": {"MetaData": [{"MetaKey": "a", "MetaValue": "b"}]}}
    degrees = {"FuseProfileDegree": 50, "FuseFaceDegree": 50, "LogoAdd": 1, "LogoParam": logo, "FuseParam": param}
    strengths = {"FusionUltraParam": {"WarpRadio": 0.5, "EnhanceRadio": 0.5}, "SwapModelType": 1}
    listed = {"ActivityId": subject.project, "MaterialId": subject.model, "Limit": 20, "Offset": 0}
    return (
        ("FuseFace", V2022, {**named, "MergeInfos": users, **degrees}),
        ("FuseFaceUltra", V2022, {"RspImgType": "base64", "MergeInfos": users, "ModelImage": subject.photo, "LogoAdd": 0, **strengths}),
        ("DescribeMaterialList", V2022, listed),
        ("SubmitVideoFaceFusionJob", V2022, {**named, "MergeInfos": users}),
        ("FuseFace", V2018, {**named, "MergeInfos": users, "FuseFaceDegree": 50, "CelebrityIdentify": 1}),
        ("FaceFusion", V2018, {**named, "Image": subject.photo, "PornDetect": 0, "CelebrityIdentify": 1, "FuseParam": param}),
        ("DescribeMaterialList", V2018, listed),
    )


def broken(number: int, run: int, subject: Subject) -> Broken:
    """The broken request of a number; but for its time and signature it is always the same."""
    dice = Random(f"{run}/{number}")
    layer = dice.choices(list(LAYERS), list(LAYERS.values()))[0]
    action, version, tree = dice.choice(_calls(subject))
    # Few are left with all that a fusion needs: what is tried here is what stands before it.
    if layer != "parameters" and "MergeInfos" in tree and dice.random() < 0.9:
        tree = {**tree, "MergeInfos": []}
    how = ""
    if layer == "parameters":
        tree, how = _break_tree(tree, dice)
    carrier = dice.choice(list(_CARRIERS))
    request = _CARRIERS[carrier](subject.key, action, version, tree, dice if layer == "text" else None)
    whole = True
    match layer:
        case "text":
            how = "text"
        case "headers":
            request, how = _break_headers(request, dice)
        case "signature":
            request, how = _break_signature(request, dice)
        case "http":
            data, how = _break_http(request, dice)
            return Broken(layer, f"{carrier}: {how}", version, data, whole=False)
    return Broken(layer, f"{carrier}: {action} {how}", version, request.file(), whole)


def _break_tree(tree: dict[str, Any], dice: Random) -> tuple[dict[str, Any], str]:
    """Other values, missing, unknown or repeated members, other places; up to three of them."""
    tree, how = deepcopy(tree), []
    for _ in range(dice.choice((1, 1, 2, 3))):
        places = list(_places(tree))
        if not places:
            break
        holder, name = dice.choice(places)
        what = dice.choice(("value", "value", "value", "missing", "unknown", "case", "wrapped", "copied"))
        how.append(f"{what} of {name}")
        match what:
            case "missing":
                del holder[name]
            case "unknown" if isinstance(holder, dict):
                unknown = dice.choice(("Unknown", "", "a.b", "0", "x" * 200, "Action", "__proto__", "脸"))
                holder[unknown] = deepcopy(dice.choice(VALUES))
            case "case" if isinstance(holder, dict):
                holder[str(name).lower()] = holder.pop(name)
            case "wrapped":
                holder[name] = dice.choice(([holder[name]], {"0": holder[name]}, {"X": holder[name]}))
            case "copied" if isinstance(holder, list):
                holder.extend(deepcopy(holder[name]) for _ in range(dice.choice((1, 6, 120))))
            case _:
                holder[name] = deepcopy(dice.choice(VALUES))
    return tree, ", ".join(how)


def _places(node: Any) -> list[tuple[Any, Any]]:
    """Every member and item below a node, as its holder and its name there."""
    items = list(node.items()) if isinstance(node, dict) else list(enumerate(node)) if isinstance(node, list) else []
    below = [place for _, value in items for place in (_places(value) if len(items) < 200 else [])]
    return [(node, name) for name, _ in items] + below


def _break_bytes(data: bytes, dice: Random) -> bytes:
    """A text whose bytes are damaged, before it is signed."""
    changed = bytearray(data)
    place = dice.randrange(len(changed) + 1)
    match dice.randrange(8):
        case 0:
            del changed[place:]
        case 1:
            changed[place:place] = dice.choice(
                (b"\xff", b"\xc3\x28", b"\0", b'"', b"\\", b"{", b"]", b",", b"&&", b"%", b"%zz", b"=", b"\r\n")
            )
        case 2:
            changed[place : place + dice.choice((1, 5, 50))] = b""
        case 3:
            changed = bytearray(
                dice.choice((b"[" * 20_000, b"{}" * 9, b"[" + b"1," * 20_000 + b"1]", b"", b"null", b"[]", b'"a"', b"\xef\xbb\xbf{}"))
            )
        case 4:
            number = dice.choice((b"1" * 30, b"NaN", b"Infinity", b"-", b"1e999", b"0x1", b"01", b"1_0", b"1" * 5000))
            changed = bytearray(b'{"Limit": ' + number + b', "ActivityId": "at_1"}')
        case 5:
            changed = bytearray(b'{"ActivityId": "at_1", "ActivityId": "at_2", "a": {"b": 1, "b": 2}}')
        case 6:
            changed += dice.choice((b"}", b" ", b"\n{}", b"&a=1", b"--", data))
        case _:
            for _ in range(dice.randint(1, 8)):
                if changed:
                    changed[dice.randrange(len(changed))] = dice.randrange(256)
    return bytes(changed)


def _maybe(data: bytes, dice: Random | None) -> bytes:
    return data if dice is None else _break_bytes(data, dice)


def _json(key: Key, action: str, version: str, tree: Any, dice: Random | None) -> Request:
    return v3(key, action, version, content_type=JSON, payload=_maybe(json.dumps(tree).encode(), dice))


def _v3_query(key: Key, action: str, version: str, tree: Any, dice: Random | None) -> Request:
    # What cannot stand in a request line would break HTTP, which is another layer.
    payload = bytes(byte for byte in _maybe(query(flatten(tree)), dice) if 0x21 <= byte <= 0x7E and byte != ord("#"))
    return v3(key, action, version, method="GET", content_type=FORM, payload=payload)


def _v3_form(key: Key, action: str, version: str, tree: Any, dice: Random | None) -> Request:
    return v3(key, action, version, content_type=FORM, payload=_maybe(query(flatten(tree)), dice))


def _multipart(key: Key, action: str, version: str, tree: Any, dice: Random | None) -> Request:
    return v3(key, action, version, content_type=MULTIPART, payload=_maybe(multipart(tree), dice))


def _v1_form(key: Key, action: str, version: str, tree: Any, dice: Random | None) -> Request:
    request = v1(key, action, version, flatten(tree))
    return replace(request, body=_maybe(request.body, dice))


def _v1_query(key: Key, action: str, version: str, tree: Any, _: Random | None) -> Request:
    return v1(key, action, version, flatten(tree), method="GET", algorithm="HmacSHA256")


_CARRIERS: Mapping[str, Callable[[Key, str, str, Any, Random | None], Request]] = {
    "JSON": _json,
    "GET": _v3_query,
    "form": _v3_form,
    "multipart": _multipart,
    "v1 form": _v1_form,
    "v1 GET": _v1_query,
}


def _break_headers(request: Request, dice: Random) -> tuple[Request, str]:
    """Headers with other values, missing ones, repeated ones."""
    headers, how = list(request.headers), []
    for _ in range(dice.choice((1, 1, 2, 3))):
        name, value = dice.choice(HEADER_NAMES), dice.choice(HEADER_VALUES)
        match dice.randrange(4):
            case 0 if name != b"Host":
                headers = [header for header in headers if header[0] != name]
                how.append(f"no {name.decode()}")
            # None or two of this one would be broken HTTP.
            case 1 if name != b"Host":
                headers.append((name, value))
                how.append(f"{name.decode()} added")
            case _:
                headers = [header for header in headers if header[0] != name] + [(name, value)]
                how.append(f"{name.decode()} {value[:20]!r}")
    dice.shuffle(headers)
    return replace(request, headers=tuple(headers)), ", ".join(how)


def _break_signature(request: Request, dice: Random) -> tuple[Request, str]:
    """Another claim, or another request than the one that was signed."""
    how = dice.choice(("claim", "bytes", "body", "missing"))
    if how == "body":
        return replace(request, body=request.body + b" "), how
    if how == "missing":
        return replace(request, headers=tuple(header for header in request.headers if header[0] != b"Authorization")), how

    def changed(header: Header) -> Header:
        name, value = header
        if name != b"Authorization":
            return header
        if how == "bytes":
            at = dice.randrange(len(value))
            return name, value[:at] + dice.choice((b"", b"\xe9", b"/", b",", b";", b"=", b" ", b"x")) + value[at + 1 :]
        parts = (b"TC3-HMAC-SHA256", b"Credential=", b"/facefusion/", b"tc3_request", b"content-type;host", b"Signature=", b"content-type")
        others = (
            b"",
            b"TC3-HMAC-SM3",
            b"a;b;c",
            b"host",
            b"a/" * 100,
            b"content-type;host;x-tc-action;" + b"z;" * 40,
            b"\xff",
            b"SignedHeaders=",
        )
        return name, value.replace(dice.choice(parts), dice.choice(others))

    return replace(request, headers=tuple(map(changed, request.headers))), how


def _break_http(request: Request, dice: Random) -> tuple[bytes, str]:
    """Other methods, targets, versions, lengths, codings; damaged bytes of the head."""
    data, body = request.file(), request.body
    how = dice.choice(("method", "target", "version", "length", "coding", "chunks", "many", "long", "line", "flipped", "cut off", "noise"))
    match how:
        case "method":
            other = dice.choice((b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"PATCH", b"TRACE", b"post", b"X" * 100, b"G\xc9T", b"", b"PRI"))
            data = replace(request, method=other).file()
        case "target":
            others = (
                b"//",
                b"/x",
                b"/%00",
                b"/../",
                b"*",
                b"http://a/",
                b"/?a=%ff",
                b"/?" + b"a" * 40_000,
                b"",
                b"/\xff",
                b"/results/x",
                b"a:80",
            )
            data = replace(request, target=dice.choice(others)).file()
        case "version":
            data = data.replace(
                b"HTTP/1.1", dice.choice((b"HTTP/1.0", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.1.1", b"http/1.1", b"", b"HTTP/9")), 1
            )
        case "length":
            told = dice.choice((b"-1", b"+5", b"0x5", b"5, 5", b"5, 6", b"9" * 30, b"", b"0", str(len(body) + 10).encode(), b"99999999999"))
            data = replace(request, headers=(*request.headers, (b"Content-Length", told))).file()
        case "coding":
            told = dice.choice((b"chunked", b"gzip", b"chunked, chunked", b"identity", b"xchunked", b"chunked\0", b"\x0bchunked"))
            more = ((b"Content-Length", str(len(body)).encode()),) if dice.random() < 0.5 else ()
            data = replace(request, headers=(*request.headers, (b"Transfer-Encoding", told), *more)).file()
        case "chunks":
            sizes = dice.choice(
                (
                    b"%x\r\n%s\r\n0\r\n\r\n",
                    b"%x;ext=1\r\n%s\r\n0\r\n\r\n",
                    b"%x\r\n%s0\r\n\r\n",
                    b"%xg\r\n%s\r\n0\r\n\r\n",
                    b"-%x\r\n%s\r\n",
                )
            )
            chunked = sizes % (len(body), body)
            data = replace(request, headers=(*request.headers, (b"Transfer-Encoding", b"chunked")), body=chunked).file()
        case "many":
            data = replace(request, headers=request.headers + ((b"X-Many", b"1"),) * dice.choice((50, 120, 3000))).file()
        case "long":
            data = replace(request, headers=(*request.headers, (b"X-Long", b"a" * dice.choice((5000, 70_000, 200_000))))).file()
        case "line":
            odd = (b" folded: 1\r\n", b"No-Colon\r\n", b"Space : 1\r\n", b": 1\r\n", b"A: \0\r\n", b"A: 1\n", b"A: 1\rB: 2\r\n", b"\r\n")
            data = data.replace(b"\r\n", b"\r\n" + dice.choice(odd), 1)
        case "flipped":
            changed = bytearray(data)
            for _ in range(dice.randint(1, 5)):
                changed[dice.randrange(min(len(changed), 600))] ^= 1 << dice.randrange(8)
            data = bytes(changed)
        case "cut off":
            data = data[: dice.randrange(len(data))]
        case _:
            data = dice.choice(
                (
                    dice.randbytes(300),
                    b"\x16\x03\x01\x02\0\x01\0",
                    b"\r\n" * 50,
                    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                    b"GET /\r\n\r\n",
                    BOUNDARY,
                )
            )
    return data, how
