"""Usage: totals, and single calls."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from facemeld.admin.access import PAGE, Admin, Cursor, Limit, Reader, aware
from facemeld.admin.cursors import read_number, write_cursor
from facemeld.admin.models import Page, UsageReply, UsageTotalReply
from facemeld.admin.values import Moment
from facemeld.usage.types import CallFilter, Grouping

router = APIRouter(prefix="/usage", tags=["usage"])


@router.get("", operation_id="usage")
def totals(
    admin: Admin,
    _: Reader,
    by: Annotated[Grouping, Query(description="What the calls of one sum share.")] = Grouping.DAY,
    account: Annotated[str | None, Query(description="Only this account's calls.")] = None,
    since: Annotated[Moment | None, Query(description="Only calls from this moment on; without a zone it is UTC.")] = None,
) -> Page[UsageTotalReply]:
    """Sums over calls by day, action or code; always one page."""
    found = admin.usage.totals(by, account_id=admin.account_number(account), since=aware(since))
    return Page(items=[UsageTotalReply.of(total) for total in found], next=None, total=len(found))


@router.get("/calls", operation_id="calls")
def calls(
    admin: Admin,
    _: Reader,
    account: Annotated[str | None, Query(description="Only this account's calls.")] = None,
    activity: Annotated[str | None, Query(description="Only calls that named this activity.")] = None,
    code: Annotated[str | None, Query(description="Only calls that ended with this code; `OK` for success, `error` for any error.")] = None,
    since: Annotated[Moment | None, Query(description="Only calls from this moment on; without a zone it is UTC.")] = None,
    until: Annotated[Moment | None, Query(description="Only calls before this moment; without a zone it is UTC.")] = None,
    request_id: Annotated[str | None, Query(description="Only the call of this RequestId, which a result's label names.")] = None,
    mark: Annotated[
        str | None,
        Query(description="Only the call whose result carries this invisible mark.", pattern="^[0-9a-fA-F]{16}$"),
    ] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Page[UsageReply]:
    """Single calls, newest first. `request_id` and `mark` name single calls and go with `account` and `since` alone."""
    before = read_number("calls", cursor)
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
    return Page(items=[UsageReply.of(usage) for _, usage in found[:limit]], next=write_cursor("calls", more))
