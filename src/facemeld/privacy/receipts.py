"""Writes, signs and checks receipts of deletions."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from facemeld.privacy.errors import ReceiptInvalid

KIND = "facemeld-deletion-receipt/1"
_KEY_BYTES = 32


class ReceiptSigner:
    """Signs receipts with Ed25519 (RFC 8032).

    Args:
        secret: Private key of 32 bytes; the same for all processes, or their receipts have different keys.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(secret)

    @property
    def public_key(self) -> str:
        """The key that receipts are checked with, 32 bytes in base64."""
        return base64.b64encode(self._key.public_key().public_bytes_raw()).decode("ascii")

    def sign(self, statement: Mapping[str, Any]) -> tuple[str, str]:
        """Body and signature of a receipt.

        Args:
            statement: What the receipt says, of strings, numbers, lists, objects and None; its kind and the public key are added.

        Returns:
            The body as canonical JSON (keys in the order of their names, no blanks, ASCII) and the signature over its bytes, base64.
        """
        body = _canonical({"kind": KIND, **statement, "public_key": self.public_key})
        return body, base64.b64encode(self._key.sign(body.encode("ascii"))).decode("ascii")


def render_receipt(body: str, signature: str) -> dict[str, Any]:
    """A receipt as the object that people get: ``{"body": {…}, "signature": "…"}``."""
    return {"body": json.loads(body), "signature": signature}


def parse_receipt(text: str | bytes) -> tuple[str, str]:
    """Body (canonical) and signature of a receipt's file.

    Raises:
        ReceiptInvalid: it is no receipt.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ReceiptInvalid("a receipt must be a JSON file, got something else") from error
    body = value.get("body") if isinstance(value, dict) else None
    if not isinstance(body, dict) or body.get("kind") != KIND or not isinstance(value.get("signature"), str):
        raise ReceiptInvalid(f'a receipt must have a "body" of the kind {KIND} and a "signature", got something else')
    try:
        return _canonical(body), value["signature"]
    except ValueError as error:
        raise ReceiptInvalid("a receipt must hold no numbers but finite ones, got one") from error


def verify_receipt(body: str, signature: str, public_key: str) -> None:
    """Check a receipt against a key that is known from elsewhere; the key inside the receipt proves nothing by itself.

    Raises:
        ReceiptInvalid: it was altered, or signed with another key.
    """
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
        signed = base64.b64decode(signature, validate=True)
    except (ValueError, binascii.Error) as error:
        raise ReceiptInvalid(f"a key must be {_KEY_BYTES} bytes and a signature {2 * _KEY_BYTES} bytes in base64, got others") from error
    try:
        key.verify(signed, body.encode("ascii"))
    except InvalidSignature as error:
        named = json.loads(body).get("public_key")
        reason = "it was altered" if named == public_key else "it was signed with another key, or altered"
        raise ReceiptInvalid(f"the receipt must be signed with the key {public_key}: {reason}") from error


def _canonical(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
