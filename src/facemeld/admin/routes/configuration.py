"""What the operator set."""

from __future__ import annotations

from fastapi import APIRouter

from facemeld.admin.access import Admin, ConfigurationReader
from facemeld.admin.models import Page, SettingReply

router = APIRouter(tags=["settings"])


@router.get("/settings", operation_id="settings")
def list_settings(admin: Admin, _: ConfigurationReader) -> Page[SettingReply]:
    """All settings with their values and where these come from, without secrets; always one page."""
    found = admin.configuration()
    return Page(items=[SettingReply.of(view) for view in found], next=None, total=len(found))
