"""Materials in the database: import, lists, review, deletion, and the query of every fusion."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress

from sqlalchemy import and_, bindparam, func, select
from sqlalchemy.orm import Session

from facemeld.boxes import Rect
from facemeld.db.audit import record
from facemeld.db.database import Database
from facemeld.db.errors import Clock, StateError, utc_now
from facemeld.db.models import ActivityRow, MaterialFaceRow, MaterialRow
from facemeld.materials import types
from facemeld.materials.activities import calls_a_second, check_degrees, check_name, check_text, find_activity
from facemeld.materials.files import MaterialFiles
from facemeld.materials.reconcile import replace_picture
from facemeld.materials.rows import LONGEST_NAME, check_new, find_material, make_row, read_material, read_page

_QUERY = (
    select(
        ActivityRow.disabled,
        ActivityRow.published,
        ActivityRow.consent_required,
        ActivityRow.rate,
        ActivityRow.shape_degree.label("activity_shape"),
        ActivityRow.feature_degree.label("activity_feature"),
        MaterialRow.id.label("material"),
        MaterialRow.status,
        MaterialRow.deleted_at,
        MaterialRow.width,
        MaterialRow.height,
        MaterialRow.format,
        MaterialRow.sha256,
        MaterialRow.shape_degree,
        MaterialRow.feature_degree,
        MaterialRow.incoming,
        MaterialFaceRow.number,
        MaterialFaceRow.x,
        MaterialFaceRow.y,
        MaterialFaceRow.width.label("face_width"),
        MaterialFaceRow.height.label("face_height"),
    )
    .select_from(ActivityRow)
    .outerjoin(MaterialRow, and_(MaterialRow.activity_id == ActivityRow.id, MaterialRow.id == bindparam("material")))
    .outerjoin(MaterialFaceRow, MaterialFaceRow.material_id == MaterialRow.id)
    .where(ActivityRow.id == bindparam("activity"), ActivityRow.account_id == bindparam("account"))
    .order_by(MaterialFaceRow.number)
)


def read_for_fusion(database: Database, account_id: int, activity: str, model: str) -> types.MaterialRecord:
    """Return a material for a fusion; see ``MaterialStore.for_fusion``."""
    try:
        activity_number = types.parse_activity_id(activity)
    except types.IdInvalid as error:
        raise types.ActivityNotFound(str(error)) from error
    try:
        wanted = types.parse_model_id(model)
    except types.IdInvalid:
        # Reported later, because an unknown activity takes precedence.
        wanted = None
    parameters = {"activity": activity_number, "account": account_id, "material": wanted.material if wanted else None}
    with database.connect() as connection:
        rows = connection.execute(_QUERY, parameters).all()
    if not rows:
        raise types.ActivityNotFound(f"the activity must be one of the account's, got {activity!r}")
    first = rows[0]
    if first.disabled:
        raise types.ActivityDisabled(f"the activity must be in use, got {activity!r}, which is disabled")
    if wanted is None or first.material is None:
        raise types.MaterialNotFound(f"the material must be one of the activity's, got {model[:64]!r}")
    if first.deleted_at is not None:
        raise types.MaterialDeleted(f"the material must exist, got {model!r}, deleted {first.deleted_at.isoformat()}")
    status = types.MaterialStatus(first.status)
    if not status.usable:
        raise types.MaterialNotApproved(f"the material must have passed its review, got {model!r} with status {status.value}")
    faces = tuple(
        types.MaterialFace(wanted.material, row.number, Rect(row.x, row.y, row.face_width, row.face_height))
        for row in rows
        if row.number is not None
    )
    if wanted.face is not None and all(face.number != wanted.face for face in faces):
        raise types.FaceNotFound(f"the face must be one of the material's {len(faces)}, got {model!r}")
    return types.MaterialRecord(
        number=wanted.material,
        activity=activity_number,
        status=status,
        width=first.width,
        height=first.height,
        format=first.format,
        sha256=first.sha256,
        shape_degree=first.activity_shape if first.shape_degree is None else first.shape_degree,
        feature_degree=first.activity_feature if first.feature_degree is None else first.feature_degree,
        published=first.published,
        faces=faces,
        default_face=wanted.face,
        consent_required=first.consent_required,
        rate=calls_a_second(first.rate),
        incoming=tuple(first.incoming),
    )


class MaterialStore:
    """Imports, finds, reviews and deletes materials; every change is recorded in the audit log.

    Files are stored before their row, so that a crash can leave files without a row, but no row without files.
    An ``account_id`` of None stands for the operator, who sees the materials of all accounts.
    """

    def __init__(self, database: Database, files: MaterialFiles, clock: Clock = utc_now) -> None:
        self._database = database
        self._files = files
        self._clock = clock

    @property
    def files(self) -> MaterialFiles:
        """The pictures and plans."""
        return self._files

    def add(self, account_id: int | None, activity: str, new: types.NewMaterial, *, actor: str) -> types.Material:
        """Import a material durably.

        Raises:
            ActivityNotFound: the account has no such activity.
            FieldInvalid: a value is not allowed.
            MaterialNotSaved: the files cannot be stored; nothing is left behind.
        """
        check_new(new)
        with self._database.session() as session:
            activity_number = find_activity(session, account_id, activity).id
        number = self._database.next_snowflake()
        self._files.save(number, new.picture, new.format, new.plan)
        try:
            with self._database.transaction() as session:
                row = make_row(number, activity_number, new)
                session.add(row)
                detail = {"activity": activity, "name": new.name, "status": new.status.value, "sha256": row.sha256}
                record(session, self._clock(), actor, "material.add", types.material_id(number), detail)
                return read_material(row)
        except Exception:
            self._discard(number)
            raise

    def replace(self, account_id: int | None, material: str, new: types.NewMaterial, *, actor: str) -> types.Material:
        """Replace the picture of a material, with its faces and review; ids and own degrees stay.

        Face 1 is the largest face of the new picture. Concurrent calls get the old or the new picture.

        Raises:
            MaterialNotFound: the account never had such a material.
            MaterialDeleted: it has been deleted.
            FieldInvalid: a value is not allowed.
            MaterialNotSaved: the files cannot be stored; the old picture stays.
        """
        return replace_picture(self._database, self._files, self._clock, account_id, material, new, actor=actor)

    def get(self, account_id: int | None, material: str, *, activity: str | None = None) -> types.Material:
        """Return the material of this wire id in any status; it must belong to ``activity`` if that is given.

        Raises:
            ActivityNotFound: the account has no such activity.
            MaterialNotFound: the account or activity never had such a material, or the id is malformed.
            MaterialDeleted: it has been deleted.
        """
        with self._database.session() as session:
            owner = None if activity is None else find_activity(session, account_id, activity).id
            row = find_material(session, account_id, material)
            if owner is not None and owner != row.activity_id:
                raise types.MaterialNotFound(f"the material must be one of the activity's, got {material!r}")
            return read_material(row)

    def for_fusion(self, account_id: int, activity: str, model: str) -> types.MaterialRecord:
        """Return a material for a fusion, in one round trip to the database.

        Args:
            account_id: The caller's account.
            activity: ``ProjectId`` of the call.
            model: ``ModelId`` of the call: ``mt_<digits>``, or ``mt_<digits>_<n>`` with a default face.

        Raises:
            ActivityNotFound: the account has no such activity.
            ActivityDisabled: it has been disabled.
            MaterialNotFound: the activity never had such a material.
            MaterialDeleted: it has been deleted.
            MaterialNotApproved: it has not passed its review.
            FaceNotFound: ``model`` names a face that the material does not have.
        """
        return read_for_fusion(self._database, account_id, activity, model)

    def materials(
        self,
        account_id: int | None,
        activity: str | None,
        *,
        limit: int = 20,
        offset: int = 0,
        after: int | None = None,
        status: types.MaterialStatus | Collection[types.MaterialStatus] | None = None,
        newest: bool = False,
        counted: int | None = None,
    ) -> types.Page[types.Material]:
        """Return a page of materials in the order of import, without deleted ones.

        Args:
            account_id: Owner of the activity.
            activity: ``at_<digits>``; None for all activities of the account.
            limit: Size of the page, at least 1.
            offset: Number of materials to skip.
            after: ``Page.next`` of the previous page.
            status: Wanted status or statuses; None for all.
            newest: Whether the newest come first.
            counted: Largest ``Page.total`` to count to; None for no limit.

        Raises:
            ActivityNotFound: the account has no such activity.
        """
        with self._database.session() as session:
            scope = select(MaterialRow.id).where(MaterialRow.deleted_at.is_(None))
            if activity is not None:
                scope = scope.where(MaterialRow.activity_id == find_activity(session, account_id, activity).id)
            elif account_id is not None:
                owned = select(ActivityRow.id).where(ActivityRow.account_id == account_id)
                scope = scope.where(MaterialRow.activity_id.in_(owned))
            statuses = [status] if isinstance(status, types.MaterialStatus) else status
            return read_page(session, scope, statuses, limit=limit, offset=offset, after=after, newest=newest, counted=counted)

    def counts(self, activities: Collection[str] | None = None) -> Mapping[str, Mapping[types.MaterialStatus, int]]:
        """Return the numbers of materials by activity and status, without deleted materials and empty activities.

        Raises:
            IdInvalid: an activity's id is malformed.
        """
        groups = (MaterialRow.activity_id, MaterialRow.status)
        query = select(*groups, func.count()).where(MaterialRow.deleted_at.is_(None)).group_by(*groups)
        if activities is not None:
            query = query.where(MaterialRow.activity_id.in_([types.parse_activity_id(activity) for activity in activities]))
        found: dict[str, dict[types.MaterialStatus, int]] = {}
        with self._database.connect() as connection:
            for activity, status, number in connection.execute(query):
                found.setdefault(types.activity_id(activity), {})[types.MaterialStatus(status)] = number
        return found

    def count(self, statuses: Collection[types.MaterialStatus], *, most: int) -> int:
        """Return the number of undeleted materials of all activities with one of these statuses, up to ``most``."""
        total = 0
        with self._database.connect() as connection:
            for status in statuses:
                rows = select(MaterialRow.id).where(MaterialRow.status == status.value, MaterialRow.deleted_at.is_(None))
                limited = rows.limit(most - total).subquery()
                total += connection.execute(select(func.count()).select_from(limited)).scalar_one()
        return total

    def change(
        self,
        account_id: int | None,
        material: str,
        *,
        actor: str,
        name: str | None = None,
        shape_degree: int | None = None,
        feature_degree: int | None = None,
        inherit_degrees: bool = False,
    ) -> types.Material:
        """Change a material; None leaves a field unchanged, and ``inherit_degrees`` removes both own degrees first.

        Raises:
            MaterialNotFound: the account never had such a material.
            MaterialDeleted: it has been deleted.
            FieldInvalid: a value is not allowed.
        """
        if name is not None:
            check_name(name, LONGEST_NAME)
        check_degrees(shape_degree, feature_degree)
        wanted: dict[str, str | int | None] = {"name": name, "shape_degree": shape_degree, "feature_degree": feature_degree}
        forgotten = dict.fromkeys(("shape_degree", "feature_degree")) if inherit_degrees else {}
        changes = forgotten | {field: value for field, value in wanted.items() if value is not None}
        with self._database.transaction() as session:
            row = find_material(session, account_id, material, lock=True)
            for field, value in changes.items():
                setattr(row, field, value)
            row.updated_at = self._clock()
            record(session, self._clock(), actor, "material.change", material, changes)
            return read_material(row)

    def decide(self, account_id: int | None, material: str, *, approve: bool, reason: str, actor: str) -> types.Material:
        """Store a reviewer's decision on a new material, on the automatic review, or on an appeal.

        Raises:
            MaterialNotFound: the account never had such a material.
            MaterialDeleted: it has been deleted.
            ReviewRefused: its status does not allow this decision.
            FieldInvalid: the reason cannot be stored.
        """
        with self._database.transaction() as session:
            row = find_material(session, account_id, material, lock=True)
            return self._move(session, row, types.decision(types.MaterialStatus(row.status), approve), reason, actor)

    def set_status(self, account_id: int | None, material: str, status: types.MaterialStatus, *, reason: str, actor: str) -> types.Material:
        """Set the status of a material, for example to ``UNDER_APPEAL``.

        Raises:
            MaterialNotFound: the account never had such a material.
            MaterialDeleted: it has been deleted.
            ReviewRefused: ``TRANSITIONS`` does not allow the change.
            FieldInvalid: the reason cannot be stored.
        """
        with self._database.transaction() as session:
            return self._move(session, find_material(session, account_id, material, lock=True), status, reason, actor)

    def delete(self, account_id: int | None, material: str, *, actor: str) -> None:
        """Mark a material as deleted and remove its files.

        Raises:
            MaterialNotFound: the account never had such a material.
            MaterialDeleted: it has been deleted already.
            MaterialNotSaved: it is deleted, but its files could not be removed; ``reconcile`` removes them later.
        """
        with self._database.transaction() as session:
            row = find_material(session, account_id, material, lock=True)
            row.deleted_at = row.updated_at = self._clock()
            record(session, self._clock(), actor, "material.delete", material)
        self._files.remove(row.id)

    def _discard(self, number: int) -> None:
        # Only without a row, because the commit may have succeeded although its reply was lost.
        with suppress(StateError), self._database.session() as session:
            if session.get(MaterialRow, number) is None:
                self._files.remove(number)

    def _move(self, session: Session, row: MaterialRow, status: types.MaterialStatus, reason: str, actor: str) -> types.Material:
        types.check_transition(types.MaterialStatus(row.status), status)
        check_text(reason)
        detail = {"from": row.status, "to": status.value, "reason": reason}
        record(session, self._clock(), actor, "material.review", types.material_id(row.id), detail)
        row.status, row.audit_result, row.updated_at = status.value, reason, self._clock()
        return read_material(row)
