"""Counts materials by activity and status, with no object mapping."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import func, select

from facemeld.catalog.ids import activity_id, parse_activity_id
from facemeld.catalog.review import MaterialStatus
from facemeld.db.database import Database
from facemeld.db.models import MaterialRow


def count_by_status(database: Database, activities: Collection[str] | None) -> Mapping[str, Mapping[MaterialStatus, int]]:
    """How many materials there are in each status; see ``MaterialStore.counts``."""
    query = (
        select(MaterialRow.activity_id, MaterialRow.status, func.count())
        .where(MaterialRow.deleted_at.is_(None))
        .group_by(MaterialRow.activity_id, MaterialRow.status)
    )
    if activities is not None:
        query = query.where(MaterialRow.activity_id.in_([parse_activity_id(one) for one in activities]))
    found: dict[str, dict[MaterialStatus, int]] = {}
    with database.connect() as connection:
        for activity, status, number in connection.execute(query):
            found.setdefault(activity_id(activity), {})[MaterialStatus(status)] = number
    return found


def count_up_to(database: Database, statuses: Collection[MaterialStatus], most: int) -> int:
    """How many materials have one of some statuses, at most ``most``; see ``MaterialStore.count``."""
    total = 0
    with database.connect() as connection:
        for status in statuses:
            some = select(MaterialRow.id).where(MaterialRow.status == status.value, MaterialRow.deleted_at.is_(None)).limit(most - total)
            total += connection.execute(select(func.count()).select_from(some.subquery())).scalar_one()
    return total
