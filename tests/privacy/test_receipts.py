"""Receipts can be verified with the public key, which reveals every change."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facemeld.privacy.deletion import ReceiptSigner, parse_receipt, render_receipt, verify_receipt
from facemeld.privacy.types import ReceiptInvalid
from tests.tables import table

SIGNER = ReceiptSigner(bytes(range(32)))
OTHER = ReceiptSigner(bytes(32))
STATEMENT: dict[str, Any] = {
    "id": "1",
    "at": "2026-07-01T12:30:00+00:00",
    "demand": {"account": None, "consent_sha256": None, "request_id": "r"},
    "calls": [{"request_id": "r", "outcome": "deleted", "files": [{"sha256": "ab", "bytes": 7}]}],
}
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=8,
)


def test_a_receipt_holds_after_a_file_was_written_in_another_layout() -> None:
    rendered = render_receipt(*SIGNER.sign(STATEMENT))
    for text in (json.dumps(rendered), json.dumps(rendered, indent=4), json.dumps(dict(reversed(rendered.items())), ensure_ascii=False)):
        verify_receipt(*parse_receipt(text), SIGNER.public_key)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_whatever_a_receipt_says_is_read_back(statement: dict[str, Any]) -> None:
    text = json.dumps(render_receipt(*SIGNER.sign({**statement, "id": "\u00e4"})), ensure_ascii=False)
    body, signature = parse_receipt(text.encode("utf-8", "surrogatepass"))
    verify_receipt(body, signature, SIGNER.public_key)


@table(
    "change",
    [
        {"id": "2"},
        {"calls": []},
        {"calls": [{"request_id": "r", "outcome": "deleted", "files": [{"sha256": "ab", "bytes": 8}]}]},
        {"public_key": OTHER.public_key},
        {"added": None},
    ],
)
def test_every_change_of_a_receipt_is_found(change: dict[str, Any]) -> None:
    rendered = render_receipt(*SIGNER.sign(STATEMENT))
    rendered["body"] = {**rendered["body"], **change}
    with pytest.raises(ReceiptInvalid, match="altered"):
        verify_receipt(*parse_receipt(json.dumps(rendered)), SIGNER.public_key)


def test_a_receipt_of_another_installation_does_not_hold_here() -> None:
    body, signature = OTHER.sign(STATEMENT)
    verify_receipt(body, signature, OTHER.public_key)
    with pytest.raises(ReceiptInvalid, match="another key"):
        verify_receipt(body, signature, SIGNER.public_key)


@table("key", ["", "no base64", "AAAA", base64.b64encode(bytes(33)).decode()])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(ReceiptInvalid, match="32 bytes"):
        verify_receipt(*SIGNER.sign(STATEMENT), key)


@table("signature", ["", "no base64", "AAAA", "\u00e4"])
def test_a_signature_that_is_none_is_refused(signature: str) -> None:
    with pytest.raises(ReceiptInvalid):
        verify_receipt(SIGNER.sign(STATEMENT)[0], signature, SIGNER.public_key)


@table(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        "{}",
        '{"body": {}, "signature": ""}',
        '{"body": {"kind": "other"}, "signature": ""}',
        '{"body": {"kind": "facemeld-deletion-receipt/1"}}',
        '{"body": {"kind": "facemeld-deletion-receipt/1", "x": NaN}, "signature": ""}',
        b"\xff\xfe\x00",
    ],
)
def test_what_is_no_receipt_is_refused(text: str | bytes) -> None:
    with pytest.raises(ReceiptInvalid):
        parse_receipt(text)
