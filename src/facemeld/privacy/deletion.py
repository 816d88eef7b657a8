"""Consent references, the deletion of results on demand, and signed receipts."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from facemeld.accounts.store import AccountStore
from facemeld.privacy import types
from facemeld.privacy.store import PrivacyStore
from facemeld.results.types import ResultId, ResultNotFound, ResultStore
from facemeld.timing import stage
from facemeld.usage.types import Facts

KIND = "facemeld-deletion-receipt/1"
_KEY_BYTES = 32
_REQUEST_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Consents:
    """Checks and records the consents of calls; ``required`` demands one of every fusion, whatever its activity."""

    store: PrivacyStore
    required: bool = False

    def demand(self, reference: str | None, *, by_activity: bool = False) -> None:
        """Raise ``ConsentMissing`` if a call lacks the reference that the settings or its activity require."""
        if reference is None and (self.required or by_activity):
            raise types.ConsentMissing("the call must bring a reference to the consent of the people shown, got none")

    async def keep(self, reference: str | None, facts: Facts, *, account_id: int, activity: int | None, request_id: str) -> None:
        """Record the reference of a call durably, if it has one, or raise ``DatabaseUnavailable``."""
        if reference is not None:
            with stage("store"):
                await asyncio.to_thread(self.store.keep, account_id, activity, request_id, reference)
            facts.consent = reference

    async def withdrawn(self, reference: str | None, request_id: str) -> bool:
        """Whether the deletion of a call's results was demanded during the call."""
        return reference is not None and await asyncio.to_thread(self.store.is_deleted, request_id)


@dataclass(frozen=True, slots=True)
class DeletionService:
    """Deletes results by RequestId or consent reference; ``server`` is the name and version in the receipts."""

    store: PrivacyStore
    results: ResultStore
    accounts: AccountStore
    signer: ReceiptSigner
    clock: Callable[[], datetime]
    server: str

    def delete(self, *, request_id: str = "", consent: str = "", account: str | None = None, actor: str) -> types.Receipt:
        """Delete all results of one call, or of all calls with a consent reference, and return the stored receipt.

        The files are deleted when this returns, and the references are blanked. Unfinished calls with the reference deliver no
        results. After a crash, the same demand resumes the deletion.

        Args:
            request_id: RequestId of the call, or empty.
            consent: Consent reference, or empty; exactly one of the two is given.
            account: Limits the deletion to an account; None for all.
            actor: The actor named in the audit log.

        Raises:
            DeletionInvalid: not exactly one of the two is given, it is malformed, or several accounts use the reference.
            AccountNotFound: there is no such account.
            NothingToDelete: no such call is known.
            ResultNotSaved: a file could not be deleted; earlier files are deleted, but there is no receipt.
        """
        demand = self._demand(request_id, consent, account)
        requests = self.store.begin(demand)
        if not requests and demand.request_id and demand.account_id is None:
            # The call's record may not be written yet, or purged, while the file exists.
            requests = tuple(self.results.find([demand.request_id]))
        if not requests:
            raise types.NothingToDelete(
                "a call with this RequestId or consent reference must be known, got none; it may have been deleted before"
            )
        stored = self.results.find(requests)
        calls = tuple(types.DeletedCall(request, self._erase(stored.get(request, ()))) for request in requests)
        number, body = str(uuid.uuid4()), self._statement(demand, account, calls)
        files = sum(len(call.files) for call in calls)
        return self.store.finish(
            demand,
            requests,
            self.signer.sign({"id": number, **body}),
            actor=actor,
            subject=number,
            detail={"calls": len(calls), "files": files, "by": "RequestId" if demand.request_id else "consent", "account": account},
        )

    def _demand(self, request_id: str, consent: str, account: str | None) -> types.Demand:
        if bool(request_id) == bool(consent):
            raise types.DeletionInvalid("a deletion must name either a RequestId or a consent reference, got both or neither")
        request_id = request_id.lower()
        if request_id and not _REQUEST_ID.fullmatch(request_id):
            raise types.DeletionInvalid(f"a RequestId must be a UUID, got {request_id[:64]!r}")
        if consent and not types.REFERENCE_PATTERN.fullmatch(consent):
            raise types.DeletionInvalid("a consent reference must have 1-128 printable ASCII characters, got others")
        return types.Demand(request_id, consent, None if account is None else self.accounts.get(account).id)

    def _erase(self, results: tuple[ResultId, ...]) -> tuple[types.DeletedFile, ...]:
        files = []
        for result in results:
            try:
                erased = self.results.erase(result)
            except ResultNotFound:  # purged meanwhile
                continue
            files.append(types.DeletedFile(erased.sha256, erased.size))
        return tuple(files)

    def _statement(self, demand: types.Demand, account: str | None, calls: tuple[types.DeletedCall, ...]) -> dict[str, Any]:
        """Return the receipt's statement, with the digest of the reference, because receipts outlive the deletion."""
        named = hashlib.sha256(demand.reference.encode("ascii")).hexdigest() if demand.reference else None
        return {
            "at": self.clock().isoformat(timespec="seconds"),
            "server": self.server,
            "demand": {"request_id": demand.request_id or None, "consent_sha256": named, "account": account},
            "calls": [
                {
                    "request_id": call.request_id,
                    "outcome": "deleted" if call.files else "nothing stored",
                    "files": [{"sha256": file.sha256, "bytes": file.size} for file in call.files],
                }
                for call in calls
            ],
        }


class ReceiptSigner:
    """Signs receipts with Ed25519 (RFC 8032).

    Args:
        secret: Private key of 32 bytes, the same in all processes.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(secret)

    @property
    def public_key(self) -> str:
        """The public key for checking receipts, 32 bytes in base64."""
        return base64.b64encode(self._key.public_key().public_bytes_raw()).decode("ascii")

    def sign(self, statement: Mapping[str, Any]) -> tuple[str, str]:
        """Sign a statement, adding its kind and the public key.

        Returns:
            The body as canonical JSON (sorted keys, no blanks, ASCII) and the base64 signature over its bytes.
        """
        body = _canonical({"kind": KIND, **statement, "public_key": self.public_key})
        return body, base64.b64encode(self._key.sign(body.encode("ascii"))).decode("ascii")


def render_receipt(body: str, signature: str) -> dict[str, Any]:
    """Return a receipt in its JSON form: ``{"body": {…}, "signature": "…"}``."""
    return {"body": json.loads(body), "signature": signature}


def parse_receipt(text: str | bytes) -> tuple[str, str]:
    """Return the canonical body and the signature of a receipt in JSON form, or raise ``ReceiptInvalid``."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise types.ReceiptInvalid("a receipt must be a JSON file, got something else") from error
    body = value.get("body") if isinstance(value, dict) else None
    if not isinstance(body, dict) or body.get("kind") != KIND or not isinstance(value.get("signature"), str):
        raise types.ReceiptInvalid(f'a receipt must have a "body" of the kind {KIND} and a "signature", got something else')
    try:
        return _canonical(body), value["signature"]
    except ValueError as error:
        raise types.ReceiptInvalid("a receipt must hold no numbers but finite ones, got one") from error


def verify_receipt(body: str, signature: str, public_key: str) -> None:
    """Check a receipt against a key from another source, because the key inside the receipt proves nothing.

    Raises:
        ReceiptInvalid: it was altered, or signed with another key.
    """
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
        signed = base64.b64decode(signature, validate=True)
    except ValueError as error:
        raise types.ReceiptInvalid(
            f"a key must be {_KEY_BYTES} bytes and a signature {2 * _KEY_BYTES} bytes in base64, got others"
        ) from error
    try:
        key.verify(signed, body.encode("ascii"))
    except InvalidSignature as error:
        named = json.loads(body).get("public_key")
        reason = "it was altered" if named == public_key else "it was signed with another key, or altered"
        raise types.ReceiptInvalid(f"the receipt must be signed with the key {public_key}: {reason}") from error


def _canonical(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
