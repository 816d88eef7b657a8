"""Records of calls as the endpoint makes them."""

from __future__ import annotations

from typing import Any

from facemeld.api.protocol.call import CallInfo, CallRecord, Notes

NAMES = [("2022-09-27", "FuseFace"), ("2018-12-01", "FuseFace"), ("2022-09-27", "DescribeMaterialList")]


def call_of(action: str = "FuseFace", version: str = "2022-09-27", faces: int = 0) -> CallInfo:
    """A verified call."""
    return CallInfo(
        request_id="00000000-0000-4000-8000-000000000000",
        account_id=7,
        secret_id="AKIDTEST",
        action=action,
        version=version,
        region="",
        language="en-US",
        scheme="v3",
        client_address="192.0.2.7",
        base_url="http://testserver",
        notes=Notes(faces=faces),
    )


def record_of(call: CallInfo | None = None, code: str = "", seconds: float = 0.2, **changes: Any) -> CallRecord:
    """The record of a call; without ``call``, of a request that was refused before verification."""
    given: dict[str, Any] = {
        "request_id": "00000000-0000-4000-8000-000000000000",
        "code": code,
        "seconds": seconds,
        "bytes_in": 1000,
        "bytes_out": 50,
        "action": "FuseFace" if call is None else call.action,
        "version": "2022-09-27" if call is None else call.version,
        "client_address": "192.0.2.7",
        "sdk": "",
        "call": call,
        **changes,
    }
    return CallRecord(**given)
