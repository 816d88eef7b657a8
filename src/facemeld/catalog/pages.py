"""Reads pages of lists of materials: whatever is asked for, an index leads to the rows of the page and to no others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, selectinload

from facemeld.catalog.activities import count, in_order
from facemeld.catalog.review import MaterialStatus
from facemeld.catalog.rows import read_material
from facemeld.catalog.types import Material, Page
from facemeld.db.models import MaterialRow


def read_page(
    session: Session,
    scope: Select[Any],
    statuses: Collection[MaterialStatus] | None,
    *,
    limit: int,
    offset: int,
    after: int | None,
    newest: bool,
    counted: int | None,
) -> Page[Material]:
    """A page of the materials of a scope; see ``MaterialStore.materials``.

    Args:
        session: Where they are read.
        scope: A query for numbers of materials, without order.
        statuses: Only those with one of these; None for all.
        limit, offset, after, newest, counted: See there.
    """
    numbers = _numbers(session, scope, statuses, after=after, newest=newest, offset=offset, limit=limit + 1)
    query = select(MaterialRow).where(MaterialRow.id.in_(numbers[:limit])).options(selectinload(MaterialRow.faces))
    items = tuple(read_material(row) for row in session.scalars(in_order(query, MaterialRow.id, None, newest=newest)))
    whole = scope if statuses is None else scope.where(MaterialRow.status.in_([one.value for one in statuses]))
    return Page(items, count(session, whole, MaterialRow.id, counted), items[-1].number if len(numbers) > limit else None)


def _numbers(
    session: Session,
    scope: Select[Any],
    statuses: Collection[MaterialStatus] | None,
    *,
    after: int | None,
    newest: bool,
    offset: int,
    limit: int,
) -> Sequence[int]:
    if statuses is None:
        return session.scalars(in_order(scope, MaterialRow.id, after, newest=newest).offset(offset).limit(limit)).all()
    # Those of one status stand in order in an index; all of them together would have to be sorted.
    found: list[int] = []
    for status in statuses:
        query = in_order(scope.where(MaterialRow.status == status.value), MaterialRow.id, after, newest=newest)
        found += session.scalars(query.limit(offset + limit))
    return sorted(found, reverse=newest)[offset : offset + limit]
