"""Activities: groups of materials of one account."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from facemeld.admin.access import PAGE, Admin, Cursor, Editor, Limit, Reader
from facemeld.admin.cursors import read_number, write_cursor
from facemeld.admin.models import ActivityChangeRequest, ActivityReply, NewActivityRequest, Page
from facemeld.materials.types import ActivityState

router = APIRouter(prefix="/activities", tags=["activities"])


@router.get("", operation_id="activities")
def list_activities(
    admin: Admin,
    _: Reader,
    account: Annotated[str | None, Query(description="Only this account's activities.")] = None,
    search: Annotated[str, Query(max_length=64, description="Only those with this text in their names, or with this id.")] = "",
    state: Annotated[ActivityState | None, Query(description="Only those in this state.")] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Page[ActivityReply]:
    """Activities in the order of their creation."""
    after = read_number("activities", cursor)
    page = admin.activities.activities(admin.account_number(account), limit=limit, after=after, search=search, state=state)
    return Page(items=[ActivityReply.of(one) for one in page.items], next=write_cursor("activities", page.next), total=page.total)


@router.post("", status_code=201, operation_id="create_activity")
def create_activity(body: NewActivityRequest, admin: Admin, me: Editor) -> ActivityReply:
    """Create an activity of an account."""
    created = admin.activities.create(
        admin.accounts.get(body.account).id,
        body.name,
        actor=me.actor,
        description=body.description,
        published=body.published,
        shape_degree=body.shape_degree,
        feature_degree=body.feature_degree,
        consent_required=body.consent_required,
        rate=body.rate,
    )
    return ActivityReply.of(created)


@router.get("/{activity_id}", operation_id="activity")
def get_activity(activity_id: str, admin: Admin, _: Reader) -> ActivityReply:
    """One activity."""
    return ActivityReply.of(admin.activities.get(None, activity_id))


@router.patch("/{activity_id}", operation_id="change_activity")
def change_activity(activity_id: str, body: ActivityChangeRequest, admin: Admin, me: Editor) -> ActivityReply:
    """Change name, description, default degrees, rate; publish, disable; require consent."""
    return ActivityReply.of(admin.activities.change(None, activity_id, actor=me.actor, **dict(body)))
