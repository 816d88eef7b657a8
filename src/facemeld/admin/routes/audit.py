"""The audit log."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from facemeld.admin.access import PAGE, Admin, Auditor, Cursor, Limit, aware
from facemeld.admin.cursors import read_number, write_cursor
from facemeld.admin.models import AuditReply, AuditVerdictReply, Page
from facemeld.admin.values import Moment

router = APIRouter(prefix="/audit", tags=["audit"])


@router.get("", operation_id="audit")
def list_audit(
    admin: Admin,
    _: Auditor,
    subject: Annotated[str | None, Query(description="Only acts on this object, such as `mt_1`, `user:ann`, `account:acme`.")] = None,
    actor: Annotated[str | None, Query(description="Only acts of this actor, such as `user:ann` or `cli:root`.")] = None,
    act: Annotated[str | None, Query(description="Only acts of this name, such as `key.disable`, or on this kind, such as `key`.")] = None,
    since: Annotated[Moment | None, Query(description="Only acts from this moment on; without a zone it is UTC.")] = None,
    until: Annotated[Moment | None, Query(description="Only acts before this moment; without a zone it is UTC.")] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Page[AuditReply]:
    """Everything that was administered, newest first."""
    return audit_page(admin, subject, limit, cursor, actor=actor, act=act, since=aware(since), until=aware(until))


@router.get("/verify", operation_id="verify_audit")
def verify_audit(
    admin: Admin,
    _: Auditor,
    anchor: Annotated[
        str | None, Query(pattern="^[0-9a-f]{64}$", description="A `head_hash` of before, which shows whether the end was cut off.")
    ] = None,
) -> AuditVerdictReply:
    """Check the chain of the whole log."""
    return AuditVerdictReply.of(admin.audit.verify(anchor))


def audit_page(admin: Admin, subject: str | None, limit: int, cursor: str | None, **wanted: Any) -> Page[AuditReply]:
    """A page of the audit log, newest first; ``wanted`` are further conditions of ``AuditLog.entries``."""
    found = admin.audit.entries(subject=subject, before=read_number("audit", cursor), limit=limit + 1, **wanted)
    more = found[limit - 1].id if len(found) > limit else None
    return Page(items=[AuditReply.of(entry) for entry in found[:limit]], next=write_cursor("audit", more))
