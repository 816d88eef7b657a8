"""The use case of deleting a person's results on demand, with a signed receipt."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from facemeld.accounts import AccountStore
from facemeld.privacy import (
    DeletedCall,
    DeletedFile,
    DeletionInvalid,
    Demand,
    NothingToDelete,
    PrivacyStore,
    Receipt,
    ReceiptSigner,
    render_receipt,
)
from facemeld.results import ResultId, ResultNotFound, ResultStore

__all__ = ["DeletionService", "Receipt", "render_receipt"]

_REQUEST_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_REFERENCE = re.compile(r"[ -~]{1,128}")


@dataclass(frozen=True, slots=True)
class DeletionService:
    """Deletes results by RequestId or consent reference.

    Attributes:
        store: Consents and receipts.
        results: Where the files are.
        accounts: Where accounts are looked up.
        signer: Signs the receipts.
        clock: The present moment in UTC.
        server: Name and version, for the receipts.
    """

    store: PrivacyStore
    results: ResultStore
    accounts: AccountStore
    signer: ReceiptSigner
    clock: Callable[[], datetime]
    server: str

    def delete(self, *, request_id: str = "", consent: str = "", account: str | None = None, actor: str) -> Receipt:
        """Delete all results of one call, or of all calls with a consent reference.

        The files are gone from the store when this returns, and the references are blanked. Calls that are still under way with the
        reference deliver nothing. After a crash, the same demand takes the deletion up again.

        Args:
            request_id: RequestId of the call, or empty.
            consent: Consent reference, or empty; exactly one of the two is given.
            account: Only calls of this account; None for all.
            actor: Who does it, for the audit log.

        Returns:
            The receipt, already stored.

        Raises:
            DeletionInvalid: not exactly one of the two, one of another form, or a reference that several accounts use.
            AccountNotFound: there is no such account.
            NothingToDelete: no such call is known.
            ResultNotSaved: a file could not be deleted; what was deleted before it is gone, but there is no receipt.
        """
        demand = self._demand(request_id, consent, account)
        requests = self.store.begin(demand)
        if not requests and demand.request_id and demand.account_id is None:
            # The records of calls are written a moment later, and forgotten in time; the file may be there all the same.
            requests = tuple(self.results.find([demand.request_id]))
        if not requests:
            raise NothingToDelete(
                "a call with this RequestId or consent reference must be known, got none; it may have been deleted before"
            )
        calls = self._erase(requests)
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

    def _demand(self, request_id: str, consent: str, account: str | None) -> Demand:
        if bool(request_id) == bool(consent):
            raise DeletionInvalid("a deletion must name either a RequestId or a consent reference, got both or neither")
        request_id = request_id.lower()
        if request_id and not _REQUEST_ID.fullmatch(request_id):
            raise DeletionInvalid(f"a RequestId must be a UUID, got {request_id[:64]!r}")
        if consent and not _REFERENCE.fullmatch(consent):
            raise DeletionInvalid("a consent reference must have 1-128 printable ASCII characters, got others")
        return Demand(request_id, consent, None if account is None else self.accounts.get(account).id)

    def _erase(self, requests: tuple[str, ...]) -> tuple[DeletedCall, ...]:
        stored = self.results.find(requests)
        return tuple(DeletedCall(request, self._erase_all(stored.get(request, ()))) for request in requests)

    def _erase_all(self, results: tuple[ResultId, ...]) -> tuple[DeletedFile, ...]:
        files = []
        for result in results:
            try:
                erased = self.results.erase(result)
            except ResultNotFound:
                # The purge was faster.
                continue
            files.append(DeletedFile(erased.sha256, erased.size))
        return tuple(files)

    def _statement(self, demand: Demand, account: str | None, calls: tuple[DeletedCall, ...]) -> dict[str, Any]:
        """What the receipt says. It names the reference by its digest, because receipts outlive the deletion."""
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
