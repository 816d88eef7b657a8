"""Signed requests with known signatures: fixed key, time and host, one for each way of signing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facemeld.api.protocol.request import RawRequest

NOW = 1_700_000_000
SECRET_ID = "AKIDEXAMPLE0000000000000000000000000"
SECRET_KEY = "ExampleSecretKey0000000000000000"
SIGNING_KEY = "56ff07c7f64c2c5dfbbbfcbebd5ccbfd28b21f38ec2fe30376fde24d3eecb86b"
PUBLIC = "facefusion.tencentcloudapi.com"
FORM = "application/x-www-form-urlencoded"
BOUNDARY = "0123456789abcdef0123456789abcdef"

FUSE = (
    b'{"ProjectId": "at_1603326187690926080", "ModelId": "mt_1603586676924403712", "RspImgType": "url", "MergeInfos": '
    b'[{"Url": "https://example.com/a.jpg", "TemplateFaceID": "mt_1603586676924403712_1"}], "LogoAdd": 1}'
)
FUSE_VALUES = {
    "ProjectId": "at_1603326187690926080",
    "ModelId": "mt_1603586676924403712",
    "RspImgType": "url",
    "MergeInfos": [{"Url": "https://example.com/a.jpg", "TemplateFaceID": "mt_1603586676924403712_1"}],
    "LogoAdd": 1,
}
ESCAPED = (
    b'{"ProjectId": "at_1", "ModelId": "mt_1", "RspImgType": "base64", "MergeInfos": [{"Url": '
    b'"https://example.com/\\u5934\\u50cf.jpg"}], "FuseParam": {"ImageCodecParam": {"MetaData": [{"MetaKey": "aigc", '
    b'"MetaValue": "\\u4eba\\u8138\\u878d\\u5408"}]}}}'
)
COMPACT = (
    '{"ProjectId":"at_1","ModelId":"mt_1","RspImgType":"base64","MergeInfos":[{"Url":"https://example.com/头像.jpg"}],'
    '"FuseParam":{"ImageCodecParam":{"MetaData":[{"MetaKey":"aigc","MetaValue":"人脸融合"}]}}}'
).encode()
CHINESE_VALUES = {
    "ProjectId": "at_1",
    "ModelId": "mt_1",
    "RspImgType": "base64",
    "MergeInfos": [{"Url": "https://example.com/头像.jpg"}],
    "FuseParam": {"ImageCodecParam": {"MetaData": [{"MetaKey": "aigc", "MetaValue": "人脸融合"}]}},
}
PARTS = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="ProjectId"\r\n\r\nat_1\r\n'
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="MergeInfos"\r\nContent-Type: application/json\r\n\r\n'
    f'[{{"Url": "u"}}]\r\n--{BOUNDARY}--\r\n'
).encode()
V1 = (
    "ActivityId=at_1&Limit=20&Action=DescribeMaterialList&RequestClient=SDK_PYTHON_3.1.70&Nonce=123456789&Timestamp=1700000000"
    f"&Version=2022-09-27&Region=ap-guangzhou&SecretId={SECRET_ID}&SignatureMethod=%s&Language=zh-CN&Signature=%s"
)


@dataclass(frozen=True)
class Vector:
    """A signed request, and the parameters it carries."""

    name: str
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    values: dict[str, Any]
    token: str | None = None

    def request(self) -> RawRequest:
        return RawRequest.of(self.method, self.target, list(self.headers.items()), self.body)


def _v3(
    name: str,
    signature: str,
    values: dict[str, Any],
    *,
    method: str = "POST",
    target: str = "/",
    body: bytes = b"",
    content_type: str = "application/json",
    host: str = PUBLIC,
    action: str = "FuseFace",
    signed: str = "content-type;host",
    more: dict[str, str] | None = None,
) -> Vector:
    headers = {
        "Content-Type": content_type,
        "Host": host,
        "X-TC-Action": action,
        "X-TC-RequestClient": "SDK_PYTHON_3.1.70",
        "X-TC-Timestamp": str(NOW),
        "X-TC-Version": "2022-09-27",
        "X-TC-Region": "ap-guangzhou",
        "X-TC-Language": "zh-CN",
        "Authorization": f"TC3-HMAC-SHA256 Credential={SECRET_ID}/2023-11-14/facefusion/tc3_request, "
        f"SignedHeaders={signed}, Signature={signature}",
        **(more or {}),
    }
    return Vector(name, method, target, headers, body, values, (more or {}).get("X-TC-Token"))


def _v1(name: str, values: dict[str, Any], method: str, host: str, algorithm: str, signature: str) -> Vector:
    pairs = V1 % (algorithm, signature)
    headers = {"Content-Type": FORM, "Host": host}
    if method == "GET":
        return Vector(name, method, f"/?{pairs}", headers, b"", values)
    return Vector(name, method, "/", headers, pairs.encode(), values)


VECTORS = (
    _v3("A: JSON", "80161f2902afbe5cd7068db373d145e5e29bd197151af7f1e050bbfc056427ef", FUSE_VALUES, body=FUSE),
    _v3("B1: JSON, escaped", "77a5f3514c30923acf2d52ffa73698a4028f6c222d359d93cd8bd51ee896012c", CHINESE_VALUES, body=ESCAPED),
    _v3("B2: JSON, UTF-8", "7d284d6fbfe84231076aab991e1cffaa6644a69b7abec0ccd62b3da48051a57b", CHINESE_VALUES, body=COMPACT),
    _v3(
        "C: GET",
        "e4fc9f02510cf4ba6227bb4064c0ada7de2123daa18eff8cbd7396bbcc8c91ed",
        {"ActivityId": "at_1582658911993147392", "Limit": "20", "Offset": "0"},
        method="GET",
        target="/?ActivityId=at_1582658911993147392&Limit=20&Offset=0",
        content_type=FORM,
        action="DescribeMaterialList",
    ),
    _v3(
        "C2: GET, nested",
        "b27cb72b558662c158254465bb56d5284db248dcfdabfa5ec232cc2e697f6213",
        {
            "ProjectId": "at_1",
            "ModelId": "mt_1",
            "RspImgType": "url",
            "MergeInfos": [{"Url": "https://example.com/a b+c.jpg?x=1&y=脸"}],
        },
        method="GET",
        target="/?ProjectId=at_1&ModelId=mt_1&RspImgType=url&MergeInfos.0.Url="
        "https%3A%2F%2Fexample.com%2Fa+b%2Bc.jpg%3Fx%3D1%26y%3D%E8%84%B8",
        content_type=FORM,
    ),
    _v3(
        "D: token, unsigned payload",
        "09b1cd184d791f7fcf1e2a8195f2341e2b4989b7eff596c0e4c20f027cfa11a8",
        FUSE_VALUES,
        body=FUSE,
        host="localhost:8080",
        more={"X-TC-Content-SHA256": "UNSIGNED-PAYLOAD", "X-TC-Token": "TEMPTOKEN", "X-TC-Language": "en-US"},
    ),
    _v3(
        "E: multipart",
        "33fe4d31bc48caa9b1794acce76e63d4d4916001eb511de46e3ae4cad46518ec",
        {"ProjectId": "at_1", "MergeInfos": [{"Url": "u"}]},
        body=PARTS,
        content_type=f"multipart/form-data; boundary={BOUNDARY}",
    ),
    _v1(
        "F1: v1 SHA-1 form",
        {"ActivityId": "at_1", "Limit": "20"},
        "POST",
        PUBLIC,
        "HmacSHA1",
        "gJWcRdXnepvmG23lOBZqFzA6Le4%3D",
    ),
    _v1(
        "F2: v1 SHA-256 query",
        {"ActivityId": "at_1", "Limit": "20"},
        "GET",
        "localhost:8080",
        "HmacSHA256",
        "pMQ%2Byx9MQfDKeCMAbDdIyH6Cv287mo1LXNa4uMRo5AQ%3D",
    ),
    _v3(
        "G: three signed headers",
        "064a8feebe97ea4f794f96e84d3f9de11167da2dd4430382e1a5a088f638ff7d",
        FUSE_VALUES,
        body=FUSE,
        content_type="application/json; charset=utf-8",
        signed="content-type;host;x-tc-action",
    ),
)
