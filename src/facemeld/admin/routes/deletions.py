"""The deletion of a person's results on demand, and its receipts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from facemeld.admin.access import PAGE, Admin, Auditor, Cursor, Editor, Limit
from facemeld.admin.cursors import read_number, write_cursor
from facemeld.admin.models import DeletionRequest, Page, ReceiptReply

router = APIRouter(prefix="/deletions", tags=["deletions"])


@router.post("", status_code=201, operation_id="delete_results")
def delete_results(body: DeletionRequest, admin: Admin, me: Editor) -> ReceiptReply:
    """Delete all stored results of a call or of a consent reference; the reply is the signed receipt."""
    done = admin.deletion.delete(request_id=body.request_id, consent=body.consent, account=body.account, actor=me.actor)
    return ReceiptReply.of(done)


@router.get("", operation_id="deletions")
def list_deletions(admin: Admin, _: Auditor, limit: Limit = PAGE, cursor: Cursor = None) -> Page[ReceiptReply]:
    """Receipts of deletions, newest first."""
    found = admin.privacy.receipts(before=read_number("deletions", cursor), limit=limit + 1)
    more = found[limit - 1].number if len(found) > limit else None
    return Page(items=[ReceiptReply.of(receipt) for receipt in found[:limit]], next=write_cursor("deletions", more))


@router.get("/{number}", operation_id="deletion")
def get_deletion(number: Annotated[int, Path(ge=1, lt=1 << 63)], admin: Admin, _: Auditor) -> ReceiptReply:
    """The receipt of one deletion."""
    return ReceiptReply.of(admin.privacy.receipt(number))
