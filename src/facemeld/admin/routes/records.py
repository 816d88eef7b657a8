"""Usage, stored results, deletions with their receipts, the audit log, and the settings."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from facemeld.admin import access, models
from facemeld.admin.access import PAGE, Admin, Auditor, ConfigurationReader, Cursor, Editor, Limit, Moment, Page, Reader, aware
from facemeld.usage.types import CallFilter, Grouping

usage = APIRouter(prefix="/usage", tags=["usage"])
results = APIRouter(prefix="/results", tags=["results"])
deletions = APIRouter(prefix="/deletions", tags=["deletions"])
audit = APIRouter(prefix="/audit", tags=["audit"])
settings = APIRouter(tags=["settings"])
ROUTERS = (usage, results, deletions, audit, settings)


@usage.get("", response_model=Page[models.UsageTotalReply], operation_id="usage")
def totals(
    admin: Admin,
    _: Reader,
    by: Annotated[Grouping, Query(description="How calls are grouped.")] = Grouping.DAY,
    account: Annotated[str | None, Query(description="Only this account's calls.")] = None,
    since: Annotated[Moment | None, Query(description="Only calls from this moment on; UTC if it has no zone.")] = None,
) -> object:
    """Return totals of calls by day, action or code, always on a single page."""
    found = admin.usage.totals(by, account_id=admin.account_number(account), since=aware(since))
    return Page(items=found, next=None, total=len(found))


@usage.get("/calls", response_model=Page[models.UsageReply], operation_id="calls")
def calls(
    admin: Admin,
    _: Reader,
    account: Annotated[str | None, Query(description="Only this account's calls.")] = None,
    activity: Annotated[str | None, Query(description="Only calls that named this activity.")] = None,
    code: Annotated[str | None, Query(description="Only calls with this error code; `OK` for success, `error` for any error.")] = None,
    since: Annotated[Moment | None, Query(description="Only calls from this moment on; UTC if it has no zone.")] = None,
    until: Annotated[Moment | None, Query(description="Only calls before this moment; UTC if it has no zone.")] = None,
    request_id: Annotated[str | None, Query(description="Only the call with this RequestId, which is in the result's label.")] = None,
    mark: Annotated[
        str | None,
        Query(description="Only the call whose result carries this invisible mark.", pattern="^[0-9a-fA-F]{16}$"),
    ] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> object:
    """List calls, newest first. `request_id` and `mark` each name a single call and combine only with `account` and `since`."""
    before = access.read_number("calls", cursor)
    owner = admin.account_number(account)
    if request_id is not None or mark is not None:
        number = None if mark is None else int(mark, 16)
        found = admin.usage.records(
            account_id=owner, since=aware(since), request_id=request_id, mark=number, before=before, limit=limit + 1
        )
    else:
        wanted = CallFilter(
            account_id=owner,
            project_id=activity,
            code={"OK": "", "error": None}.get(code or "", code),
            failed=code == "error",
            since=aware(since),
            until=aware(until),
        )
        found = admin.search.find(wanted, before=before, limit=limit + 1)
    more = found[limit - 1][0] if len(found) > limit else None
    return Page(items=[call for _, call in found[:limit]], next=access.write_cursor("calls", more))


@results.get("", response_model=Page[models.ResultReply], operation_id="results")
def list_results(admin: Admin, _: Reader, limit: Limit = PAGE, cursor: Cursor = None) -> object:
    """List stored results in order of expiry, without expired results and without pictures."""
    found, more = admin.result_page(access.read_text("results", cursor), limit)
    return Page(items=found, next=access.write_cursor("results", more))


@results.get("/{result_id}/marks", operation_id="result_marks")
async def result_marks(result_id: str, admin: Admin, _: Reader) -> dict[str, Any]:
    """Read the marks of a stored result from its file; the reply is the same as for `/verify`."""
    return await admin.result_marks(result_id)


@results.delete("/{result_id}", status_code=204, operation_id="expire_result")
def expire_result(result_id: str, admin: Admin, me: Editor) -> None:
    """Delete a result before it expires; its address answers 404 afterwards."""
    admin.expire_result(result_id, actor=me.actor)


@deletions.post("", response_model=models.ReceiptReply, status_code=201, operation_id="delete_results")
def delete_results(body: models.DeletionRequest, admin: Admin, me: Editor) -> object:
    """Delete all stored results of a call or of a consent reference; the reply is the signed receipt."""
    return admin.deletion.delete(request_id=body.request_id, consent=body.consent, account=body.account, actor=me.actor)


@deletions.get("", response_model=Page[models.ReceiptReply], operation_id="deletions")
def list_deletions(admin: Admin, _: Auditor, limit: Limit = PAGE, cursor: Cursor = None) -> object:
    """List receipts of deletions, newest first."""
    found = admin.privacy.receipts(before=access.read_number("deletions", cursor), limit=limit + 1)
    return access.cut("deletions", found, limit, lambda receipt: receipt.number)


@deletions.get("/{number}", response_model=models.ReceiptReply, operation_id="deletion")
def get_deletion(number: Annotated[int, Path(ge=1, lt=1 << 63)], admin: Admin, _: Auditor) -> object:
    """Return the receipt of a deletion."""
    return admin.privacy.receipt(number)


@audit.get("", response_model=Page[models.AuditReply], operation_id="audit")
def list_audit(
    admin: Admin,
    _: Auditor,
    subject: Annotated[str | None, Query(description="Only acts on this subject, such as `mt_1`, `user:ann`, `account:acme`.")] = None,
    actor: Annotated[str | None, Query(description="Only acts by this actor, such as `user:ann` or `cli:root`.")] = None,
    act: Annotated[
        str | None, Query(description="Only acts with this name, such as `key.disable`, or on this kind of object, such as `key`.")
    ] = None,
    since: Annotated[Moment | None, Query(description="Only acts from this moment on; UTC if it has no zone.")] = None,
    until: Annotated[Moment | None, Query(description="Only acts before this moment; UTC if it has no zone.")] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> object:
    """List the entries of the audit log, newest first."""
    return audit_page(admin, subject, limit, cursor, actor=actor, act=act, since=aware(since), until=aware(until))


@audit.get("/verify", response_model=models.AuditVerdictReply, operation_id="verify_audit")
def verify_audit(
    admin: Admin,
    _: Auditor,
    anchor: Annotated[
        str | None,
        Query(pattern="^[0-9a-f]{64}$", description="`head_hash` of an earlier check; reveals whether entries were cut off the end."),
    ] = None,
) -> object:
    """Check the hash chain of the whole audit log."""
    return admin.audit.verify(anchor)


@settings.get("/settings", response_model=Page[models.SettingReply], operation_id="settings")
def list_settings(admin: Admin, _: ConfigurationReader) -> object:
    """List all settings with their values and sources, without secrets, always on a single page."""
    found = admin.configuration()
    return Page(items=found, next=None, total=len(found))


def audit_page(admin: Admin, subject: str | None, limit: int, cursor: str | None, **wanted: Any) -> object:
    """Return a page of the audit log, newest first; ``wanted`` are further conditions of ``AuditLog.entries``."""
    found = admin.audit.entries(subject=subject, before=access.read_number("audit", cursor), limit=limit + 1, **wanted)
    return access.cut("audit", found, limit, lambda entry: entry.id)
