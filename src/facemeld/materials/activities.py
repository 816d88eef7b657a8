"""Activities, the groups that materials belong to, and the counts of their materials."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from facemeld.db.audit import record
from facemeld.db.database import Database, moment_of, next_snowflake
from facemeld.db.errors import Clock, utc_now
from facemeld.db.models import ActivityRow, MaterialRow
from facemeld.materials.types import (
    Activity,
    ActivityNotFound,
    ActivityState,
    FieldInvalid,
    IdInvalid,
    MaterialStatus,
    Page,
    activity_id,
    parse_activity_id,
)

LONGEST_NAME = 32
LONGEST_TEXT = 1000
DEFAULT_DEGREE = 50
_RATE = re.compile(r"([1-9][0-9]{0,5})/second")


_STATES: dict[ActivityState, ColumnElement[bool]] = {
    "published": and_(ActivityRow.published, ~ActivityRow.disabled),
    "unpublished": and_(~ActivityRow.published, ~ActivityRow.disabled),
    "disabled": and_(ActivityRow.disabled),
}


class ActivityStore:
    """Creates, finds and changes activities; every change leaves an entry in the audit log.

    Wherever ``account_id`` may be None, None stands for the operator, who sees the activities of all accounts.
    """

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def create(
        self,
        account_id: int,
        name: str,
        *,
        actor: str,
        description: str = "",
        published: bool = True,
        shape_degree: int = DEFAULT_DEGREE,
        feature_degree: int = DEFAULT_DEGREE,
        consent_required: bool = False,
        rate: str = "",
    ) -> Activity:
        """Create an activity.

        Args:
            account_id: Owner; must exist.
            name: 1-32 printable characters; need not be unique.
            actor: Who does it, for the audit log.
            description: Free text, at most 1000 characters.
            published: Whether the rate of published activities applies.
            shape_degree: Default of ``FuseProfileDegree``, 0-100.
            feature_degree: Default of ``FuseFaceDegree``, 0-100.
            consent_required: Whether every fusion must bring a reference to the consent of the people shown.
            rate: Calls a second, as in ``20/second``; empty for the settings'.

        Raises:
            FieldInvalid: a field is outside its range.
        """
        check_name(name, LONGEST_NAME)
        check_text(description)
        check_degrees(shape_degree, feature_degree)
        calls_a_second(rate)
        with self._database.transaction() as session:
            number = next_snowflake(session, self._clock())
            row = ActivityRow(
                id=number,
                account_id=account_id,
                name=name,
                description=description,
                published=published,
                disabled=False,
                shape_degree=shape_degree,
                feature_degree=feature_degree,
                consent_required=consent_required,
                rate=rate,
                created_at=moment_of(number),
                updated_at=moment_of(number),
            )
            session.add(row)
            record(session, self._clock(), actor, "activity.create", activity_id(number), {"account": account_id, "name": name})
            return _activity(row)

    def get(self, account_id: int | None, activity: str) -> Activity:
        """The activity of this wire id, disabled or not.

        Raises:
            ActivityNotFound: the account has no such activity, or the text is no activity id.
        """
        with self._database.session() as session:
            return _activity(find_activity(session, account_id, activity))

    def activities(
        self,
        account_id: int | None,
        *,
        limit: int = 100,
        offset: int = 0,
        after: int | None = None,
        search: str = "",
        state: ActivityState | None = None,
        newest: bool = False,
    ) -> Page[Activity]:
        """A page of the activities in the order of their creation.

        Args:
            account_id: Their owner.
            limit: Size of the page, at least 1.
            offset: How many to skip.
            after: Only those behind this number: ``Page.next`` of the page before.
            search: Only those with this text in their names, or with this wire id; empty for all.
            state: Only those in this state.
            newest: The newest first.
        """
        scope = select(ActivityRow)
        if account_id is not None:
            scope = scope.where(ActivityRow.account_id == account_id)
        if search:
            scope = scope.where(or_(ActivityRow.name.icontains(search, autoescape=True), _has_id(search)))
        if state is not None:
            scope = scope.where(_STATES[state])
        query = in_order(scope, ActivityRow.id, after, newest=newest).offset(offset).limit(limit + 1)
        with self._database.session() as session:
            rows = session.scalars(query).all()
            items = tuple(_activity(row) for row in rows[:limit])
            return Page(items, count(session, scope, ActivityRow.id), items[-1].number if len(rows) > limit else None)

    def change(
        self,
        account_id: int | None,
        activity: str,
        *,
        actor: str,
        name: str | None = None,
        description: str | None = None,
        published: bool | None = None,
        disabled: bool | None = None,
        shape_degree: int | None = None,
        feature_degree: int | None = None,
        consent_required: bool | None = None,
        rate: str | None = None,
    ) -> Activity:
        """Change the fields that are given; None leaves a field as it is, an empty rate goes back to the settings'.

        Raises:
            ActivityNotFound: the account has no such activity.
            FieldInvalid: a field is outside its range.
        """
        if name is not None:
            check_name(name, LONGEST_NAME)
        check_text(description or "")
        check_degrees(shape_degree, feature_degree)
        calls_a_second(rate or "")
        wanted: dict[str, str | int | bool | None] = {
            "name": name,
            "description": description,
            "published": published,
            "disabled": disabled,
            "shape_degree": shape_degree,
            "feature_degree": feature_degree,
            "consent_required": consent_required,
            "rate": rate,
        }
        changes = {field: value for field, value in wanted.items() if value is not None}
        with self._database.transaction() as session:
            row = find_activity(session, account_id, activity)
            for field, value in changes.items():
                setattr(row, field, value)
            row.updated_at = self._clock()
            record(session, self._clock(), actor, "activity.change", activity_id(row.id), changes)
            return _activity(row)


def in_order(scope: Select[Any], number: InstrumentedAttribute[int], after: int | None, *, newest: bool) -> Select[Any]:
    """A query in the order of a number, behind ``after`` if there is one."""
    query = scope.order_by(number.desc() if newest else number)
    if after is None:
        return query
    return query.where(number < after if newest else number > after)


def _has_id(text: str) -> ColumnElement[bool]:
    try:
        return ActivityRow.id == parse_activity_id(text)
    except IdInvalid:
        return false()


def find_activity(session: Session, account_id: int | None, activity: str) -> ActivityRow:
    """The row of a wire id within an account, or of any account when ``account_id`` is None.

    Raises:
        ActivityNotFound: there is none.
    """
    try:
        row = session.get(ActivityRow, parse_activity_id(activity))
    except IdInvalid as error:
        raise ActivityNotFound(str(error)) from error
    if row is None or account_id not in {None, row.account_id}:
        raise ActivityNotFound(f"the activity must be one of the account's, got {activity!r}")
    return row


def count(session: Session, scope: Select[Any], number: InstrumentedAttribute[int], most: int | None = None) -> int:
    """How many rows a query has, by their numbers, so that an index can tell; counting ends at ``most``."""
    return session.scalars(select(func.count()).select_from(scope.with_only_columns(number).limit(most).subquery())).one()


def check_name(name: str, longest: int) -> None:
    """Refuse a name that is empty, too long, blank at an end or unprintable."""
    if not 1 <= len(name) <= longest:
        raise FieldInvalid(f"the name must have 1-{longest} characters, got {len(name)}")
    if not name.isprintable() or name != name.strip():
        raise FieldInvalid(f"the name must be printable and without blanks around it, got {name!r}")


def check_text(text: str) -> None:
    """Refuse a free text that is too long or that a database cannot store: with a NUL or half a surrogate pair."""
    if len(text) > LONGEST_TEXT:
        raise FieldInvalid(f"the text must have at most {LONGEST_TEXT} characters, got {len(text)}")
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text):
        raise FieldInvalid("the text must have no NUL and no unpaired surrogate, got one")


def check_degrees(*degrees: int | None) -> None:
    """Refuse a degree outside 0-100; None passes."""
    for degree in degrees:
        if degree is not None and not 0 <= degree <= 100:
            raise FieldInvalid(f"a degree must be 0-100, got {degree}")


def calls_a_second(rate: str) -> int | None:
    """What a rate such as ``20/second`` allows; None for an empty one.

    Raises:
        FieldInvalid: it has another form.
    """
    match = _RATE.fullmatch(rate)
    if match is None and rate:
        raise FieldInvalid(f"the rate must have the form 20/second, with 1-999999 calls, got {rate[:40]!r}")
    return int(match[1]) if match is not None else None


def _activity(row: ActivityRow) -> Activity:
    return Activity(
        number=row.id,
        account_id=row.account_id,
        name=row.name,
        description=row.description,
        published=row.published,
        disabled=row.disabled,
        shape_degree=row.shape_degree,
        feature_degree=row.feature_degree,
        created_at=row.created_at,
        updated_at=row.updated_at,
        consent_required=row.consent_required,
        rate=row.rate,
    )


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
