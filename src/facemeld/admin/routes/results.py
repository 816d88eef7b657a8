"""Stored results: what there is, and an early end."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from facemeld.admin.access import PAGE, Admin, Cursor, Editor, Limit, Reader
from facemeld.admin.cursors import read_text, write_cursor
from facemeld.admin.models import Page, ResultReply

router = APIRouter(prefix="/results", tags=["results"])


@router.get("", operation_id="results")
def list_results(admin: Admin, _: Reader, limit: Limit = PAGE, cursor: Cursor = None) -> Page[ResultReply]:
    """Results that have not expired, in the order of their expiry; their pictures cannot be seen here."""
    found, more = admin.result_page(read_text("results", cursor), limit)
    return Page(items=[ResultReply.of(summary) for summary in found], next=write_cursor("results", more))


@router.get("/{result_id}/marks", operation_id="result_marks")
async def result_marks(result_id: str, admin: Admin, _: Reader) -> dict[str, Any]:
    """The marks that a stored result carries, read from its file: what `/verify` says of it."""
    return await admin.result_marks(result_id)


@router.delete("/{result_id}", status_code=204, operation_id="expire_result")
def expire_result(result_id: str, admin: Admin, me: Editor) -> None:
    """Delete a result before its time; its address answers 404 from now on."""
    admin.expire_result(result_id, actor=me.actor)
