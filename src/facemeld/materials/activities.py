"""Activities, the groups that materials belong to, in the database."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from facemeld.db.audit import record
from facemeld.db.database import Database, moment_of, next_snowflake
from facemeld.db.errors import Clock, utc_now
from facemeld.db.models import ActivityRow
from facemeld.materials import types

LONGEST_NAME = 32
LONGEST_TEXT = 1000
DEFAULT_DEGREE = 50
_RATE = re.compile(r"([1-9][0-9]{0,5})/second")
_STATES: dict[types.ActivityState, ColumnElement[bool]] = {
    "published": and_(ActivityRow.published, ~ActivityRow.disabled),
    "unpublished": and_(~ActivityRow.published, ~ActivityRow.disabled),
    "disabled": and_(ActivityRow.disabled),
}


class ActivityStore:
    """Creates, finds and changes activities; every change is recorded in the audit log.

    An ``account_id`` of None stands for the operator, who sees the activities of all accounts.
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
    ) -> types.Activity:
        """Create an activity.

        Args:
            account_id: The owner, who must exist.
            name: 1-32 printable characters, not necessarily unique.
            actor: The actor named in the audit log.
            description: At most 1000 characters.
            published: Whether the rate of published activities applies.
            shape_degree, feature_degree, consent_required, rate: See ``Activity``.

        Raises:
            FieldInvalid: a value is not allowed.
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
            record(session, self._clock(), actor, "activity.create", types.activity_id(number), {"account": account_id, "name": name})
            return _activity(row)

    def get(self, account_id: int | None, activity: str) -> types.Activity:
        """Return the activity of this wire id, disabled or not, or raise ``ActivityNotFound``."""
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
        state: types.ActivityState | None = None,
        newest: bool = False,
    ) -> types.Page[types.Activity]:
        """Return a page of activities in the order of creation.

        Args:
            account_id: The owner.
            limit: Size of the page, at least 1.
            offset: Number of activities to skip.
            after: ``Page.next`` of the previous page.
            search: Text in the name, or a wire id.
            state: State of the activities; None for all.
            newest: Whether the newest come first.
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
            return types.Page(items, count(session, scope, ActivityRow.id), items[-1].number if len(rows) > limit else None)

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
    ) -> types.Activity:
        """Change an activity; None leaves a field unchanged, and an empty rate restores that of the settings.

        Raises:
            ActivityNotFound: the account has no such activity.
            FieldInvalid: a value is not allowed.
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
            record(session, self._clock(), actor, "activity.change", types.activity_id(row.id), changes)
            return _activity(row)


def in_order(scope: Select[Any], number: InstrumentedAttribute[int], after: int | None, *, newest: bool) -> Select[Any]:
    """Return a query ordered by id, after a given id if there is one."""
    query = scope.order_by(number.desc() if newest else number)
    if after is None:
        return query
    return query.where(number < after if newest else number > after)


def _has_id(text: str) -> ColumnElement[bool]:
    try:
        return ActivityRow.id == types.parse_activity_id(text)
    except types.IdInvalid:
        return false()


def find_activity(session: Session, account_id: int | None, activity: str) -> ActivityRow:
    """Return the row of a wire id in an account, or in any if ``account_id`` is None, or raise ``ActivityNotFound``."""
    try:
        row = session.get(ActivityRow, types.parse_activity_id(activity))
    except types.IdInvalid as error:
        raise types.ActivityNotFound(str(error)) from error
    if row is None or account_id not in {None, row.account_id}:
        raise types.ActivityNotFound(f"the activity must be one of the account's, got {activity!r}")
    return row


def count(session: Session, scope: Select[Any], number: InstrumentedAttribute[int], most: int | None = None) -> int:
    """Return the number of rows of a query, counted by id on an index, up to ``most``."""
    return session.scalars(select(func.count()).select_from(scope.with_only_columns(number).limit(most).subquery())).one()


def check_name(name: str, longest: int) -> None:
    """Raise ``FieldInvalid`` if a name is empty, too long, unprintable, or has blanks at an end."""
    if not 1 <= len(name) <= longest:
        raise types.FieldInvalid(f"the name must have 1-{longest} characters, got {len(name)}")
    if not name.isprintable() or name != name.strip():
        raise types.FieldInvalid(f"the name must be printable and without blanks around it, got {name!r}")


def check_text(text: str) -> None:
    """Raise ``FieldInvalid`` if a text is too long or has characters that databases reject: NUL and unpaired surrogates."""
    if len(text) > LONGEST_TEXT:
        raise types.FieldInvalid(f"the text must have at most {LONGEST_TEXT} characters, got {len(text)}")
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text):
        raise types.FieldInvalid("the text must have no NUL and no unpaired surrogate, got one")


def check_degrees(*degrees: int | None) -> None:
    """Raise ``FieldInvalid`` if a degree is neither None nor 0-100."""
    for degree in degrees:
        if degree is not None and not 0 <= degree <= 100:
            raise types.FieldInvalid(f"a degree must be 0-100, got {degree}")


def calls_a_second(rate: str) -> int | None:
    """Return the calls of a rate such as ``20/second``, None for an empty one, or raise ``FieldInvalid``."""
    match = _RATE.fullmatch(rate)
    if match is None and rate:
        raise types.FieldInvalid(f"the rate must have the form 20/second, with 1-999999 calls, got {rate[:40]!r}")
    return int(match[1]) if match is not None else None


def _activity(row: ActivityRow) -> types.Activity:
    return types.Activity(
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
