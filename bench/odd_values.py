"""Values that programs stumble over, for parameters and headers of broken requests."""

from __future__ import annotations

from typing import Any

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
