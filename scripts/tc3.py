"""A call with a TC3 signature on the standard library alone, as every official client makes it (spec 1.3)."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import time
from typing import Any


def signed_headers(host: str, secret_id: str, secret_key: str, action: str, body: bytes) -> dict[str, str]:
    """The headers of a signed POST."""
    now = int(time.time())
    date = time.strftime("%Y-%m-%d", time.gmtime(now))
    canonical = f"POST\n/\n\ncontent-type:application/json\nhost:{host}\n\ncontent-type;host\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{date}/facefusion/tc3_request"
    to_sign = f"TC3-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    secret = ("TC3" + secret_key).encode()
    for part in (date, "facefusion", "tc3_request"):
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(secret, to_sign.encode(), hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "Host": host,
        "Authorization": f"TC3-HMAC-SHA256 Credential={secret_id}/{scope}, SignedHeaders=content-type;host, Signature={signature}",
        "X-TC-Action": action,
        "X-TC-Version": "2022-09-27",
        "X-TC-Timestamp": str(now),
        "X-TC-Region": "ap-guangzhou",
        "X-TC-Language": "en-US",
    }


class Client:
    """Calls one server over one connection that is kept open; for one thread at a time."""

    def __init__(self, port: int, secret_id: str, secret_key: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._host, self._secret_id, self._secret_key = f"127.0.0.1:{port}", secret_id, secret_key

    def call(self, action: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """The members of ``Response``.

        Raises:
            RuntimeError: the server answered with an error.
        """
        body = json.dumps(parameters).encode()
        self._connection.request("POST", "/", body, signed_headers(self._host, self._secret_id, self._secret_key, action, body))
        reply: dict[str, Any] = json.loads(self._connection.getresponse().read())["Response"]
        if "Error" in reply:
            raise RuntimeError(f"{action} failed: {reply['Error']}")
        return reply

    def download(self, url: str) -> bytes:
        """The bytes behind the address of a result."""
        self._connection.request("GET", "/" + url.split("/", 3)[3])
        return self._connection.getresponse().read()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
