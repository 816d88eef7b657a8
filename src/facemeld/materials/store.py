"""Materials in the database: import, listing, review, deletion, and the one fast read of every fusion."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress

from sqlalchemy import and_, bindparam, select
from sqlalchemy.orm import Session

from facemeld.boxes import Rect
from facemeld.db.audit import record
from facemeld.db.database import Database
from facemeld.db.errors import Clock, StateError, utc_now
from facemeld.db.models import ActivityRow, MaterialFaceRow, MaterialRow
from facemeld.materials.activities import calls_a_second, check_degrees, check_name, check_text, count_by_status, count_up_to, find_activity
from facemeld.materials.files import MaterialFiles
from facemeld.materials.reconcile import replace_picture
from facemeld.materials.rows import LONGEST_NAME, check_new, find_material, make_row, read_material, read_page
from facemeld.materials.types import (
    ActivityDisabled,
    ActivityNotFound,
    FaceNotFound,
    IdInvalid,
    Material,
    MaterialDeleted,
    MaterialFace,
    MaterialNotApproved,
    MaterialNotFound,
    MaterialRecord,
    MaterialStatus,
    NewMaterial,
    Page,
    check_transition,
    decision,
    material_id,
    parse_activity_id,
    parse_model_id,
)

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


def read_for_fusion(database: Database, account_id: int, activity: str, model: str) -> MaterialRecord:
    """What a fusion needs to know about its material; see ``MaterialStore.for_fusion``."""
    try:
        activity_number = parse_activity_id(activity)
    except IdInvalid as error:
        raise ActivityNotFound(str(error)) from error
    try:
        wanted = parse_model_id(model)
    except IdInvalid:
        # Not reported yet: a wrong activity comes first, whatever the model id looks like.
        wanted = None
    parameters = {"activity": activity_number, "account": account_id, "material": wanted.material if wanted else None}
    with database.connect() as connection:
        rows = connection.execute(_QUERY, parameters).all()
    if not rows:
        raise ActivityNotFound(f"the activity must be one of the account's, got {activity!r}")
    first = rows[0]
    if first.disabled:
        raise ActivityDisabled(f"the activity must be in use, got {activity!r}, which is disabled")
    if wanted is None or first.material is None:
        raise MaterialNotFound(f"the material must be one of the activity's, got {model[:64]!r}")
    if first.deleted_at is not None:
        raise MaterialDeleted(f"the material must exist, got {model!r}, deleted {first.deleted_at.isoformat()}")
    status = MaterialStatus(first.status)
    if not status.usable:
        raise MaterialNotApproved(f"the material must have passed its review, got {model!r} with status {status.value}")
    faces = tuple(
        MaterialFace(wanted.material, row.number, Rect(row.x, row.y, row.face_width, row.face_height))
        for row in rows
        if row.number is not None
    )
    if wanted.face is not None and all(face.number != wanted.face for face in faces):
        raise FaceNotFound(f"the face must be one of the material's {len(faces)}, got {model!r}")
    return MaterialRecord(
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
    """Imports, finds, reviews and deletes materials; every change leaves an entry in the audit log.

    A material's files are on the disk before its row is stored, so a crash can leave files without a row, never the opposite.
    Wherever ``account_id`` may be None, None stands for the operator, who sees the materials of all accounts.
    """

    def __init__(self, database: Database, files: MaterialFiles, clock: Clock = utc_now) -> None:
        self._database = database
        self._files = files
        self._clock = clock

    @property
    def files(self) -> MaterialFiles:
        """The pictures and plans."""
        return self._files

    def add(self, account_id: int | None, activity: str, new: NewMaterial, *, actor: str) -> Material:
        """Import a material; when this returns, it survives a crash.

        Raises:
            ActivityNotFound: the account has no such activity.
            FieldInvalid: a field is outside its range.
            MaterialNotSaved: no room for the files; nothing is left behind.
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
                record(session, self._clock(), actor, "material.add", material_id(number), detail)
                return read_material(row)
        except Exception:
            self._discard(number)
            raise

    def replace(self, account_id: int | None, material: str, new: NewMaterial, *, actor: str) -> Material:
        """Put another picture in the place of a material's, with the faces and the review that it got; the material keeps its id.

        Faces keep their ids by number: the first, largest face of the new picture is face 1 again. Calls that run meanwhile get the
        old picture or the new one; own degrees stay.

        Raises:
            MaterialNotFound: the account never had such a material.
            MaterialDeleted: it has been deleted.
            FieldInvalid: a field is outside its range.
            MaterialNotSaved: no room for the files; the old picture stays.
        """
        return replace_picture(self._database, self._files, self._clock, account_id, material, new, actor=actor)

    def get(self, account_id: int | None, material: str, *, activity: str | None = None) -> Material:
        """The material of this wire id, whatever its status.

        Args:
            account_id: Its owner.
            material: ``mt_<digits>``.
            activity: When given, the activity that it must belong to.

        Raises:
            ActivityNotFound: the account has no such activity.
            MaterialNotFound: the activity, or the account, never had such a material, or the text is no material id.
            MaterialDeleted: it had one.
        """
        with self._database.session() as session:
            owner = None if activity is None else find_activity(session, account_id, activity).id
            row = find_material(session, account_id, material)
            if owner is not None and owner != row.activity_id:
                raise MaterialNotFound(f"the material must be one of the activity's, got {material!r}")
            return read_material(row)

    def for_fusion(self, account_id: int, activity: str, model: str) -> MaterialRecord:
        """What a fusion needs to know, in one round trip to the database.

        Args:
            account_id: The caller's.
            activity: ``ProjectId`` of the call.
            model: ``ModelId`` of the call: ``mt_<digits>``, or ``mt_<digits>_<n>``, which names a default face too.

        Raises:
            ActivityNotFound: the account has no such activity.
            ActivityDisabled: it has been disabled.
            MaterialNotFound: the activity never had such a material.
            MaterialDeleted: it has been deleted.
            MaterialNotApproved: its review has not ended well.
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
        status: MaterialStatus | Collection[MaterialStatus] | None = None,
        newest: bool = False,
        counted: int | None = None,
    ) -> Page[Material]:
        """A page of an activity's materials, or of all activities', in the order of their import, without deleted ones.

        Args:
            account_id: Owner of the activity.
            activity: ``at_<digits>``; None for all activities of the account.
            limit: Size of the page, at least 1.
            offset: How many to skip.
            after: Only those behind this number: ``Page.next`` of the page before.
            status: Only those with this status, or with one of these.
            newest: The newest first.
            counted: ``Page.total`` is counted up to this number only; None for the whole list.

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
            statuses = [status] if isinstance(status, MaterialStatus) else status
            return read_page(session, scope, statuses, limit=limit, offset=offset, after=after, newest=newest, counted=counted)

    def counts(self, activities: Collection[str] | None = None) -> Mapping[str, Mapping[MaterialStatus, int]]:
        """How many materials there are in each status, without deleted ones.

        Args:
            activities: Wire ids of activities; None for all.

        Returns:
            By activity; one without materials is left out.

        Raises:
            IdInvalid: a text is no activity id.
        """
        return count_by_status(self._database, activities)

    def count(self, statuses: Collection[MaterialStatus], *, most: int) -> int:
        """How many materials of all activities have one of these statuses, without deleted ones; counting ends at ``most``."""
        return count_up_to(self._database, statuses, most)

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
    ) -> Material:
        """Change the fields that are given; None leaves a field as it is.

        Args:
            account_id: Its owner.
            material: ``mt_<digits>``.
            actor: Who does it, for the audit log.
            name: 1-255 printable characters.
            shape_degree: Own default of ``FuseProfileDegree``, 0-100.
            feature_degree: Own default of ``FuseFaceDegree``, 0-100.
            inherit_degrees: Forget both own degrees first, so that those of the activity hold.

        Raises:
            MaterialNotFound: the account never had such a material.
            MaterialDeleted: it has been deleted.
            FieldInvalid: a field is outside its range.
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

    def decide(self, account_id: int | None, material: str, *, approve: bool, reason: str, actor: str) -> Material:
        """A reviewer's decision: on a new material, on the machine's decision, or on an appeal.

        Raises:
            MaterialNotFound: the account never had such a material.
            MaterialDeleted: it has been deleted.
            ReviewRefused: its status cannot be decided so.
            FieldInvalid: the reason cannot be stored.
        """
        with self._database.transaction() as session:
            row = find_material(session, account_id, material, lock=True)
            return self._move(session, row, decision(MaterialStatus(row.status), approve), reason, actor)

    def set_status(self, account_id: int | None, material: str, status: MaterialStatus, *, reason: str, actor: str) -> Material:
        """Any single step of the review, such as the machine's decision or an appeal (``UNDER_APPEAL``, possible once).

        Raises:
            MaterialNotFound: the account never had such a material.
            MaterialDeleted: it has been deleted.
            ReviewRefused: the step is not in the table of transitions.
            FieldInvalid: the reason cannot be stored.
        """
        with self._database.transaction() as session:
            return self._move(session, find_material(session, account_id, material, lock=True), status, reason, actor)

    def delete(self, account_id: int | None, material: str, *, actor: str) -> None:
        """Delete a material: its row stays, marked, and its files are removed.

        Raises:
            MaterialNotFound: the account never had such a material.
            MaterialDeleted: it has been deleted before.
            MaterialNotSaved: it is deleted, but its files could not be removed; reconciling does so later.
        """
        with self._database.transaction() as session:
            row = find_material(session, account_id, material, lock=True)
            row.deleted_at = row.updated_at = self._clock()
            record(session, self._clock(), actor, "material.delete", material)
        self._files.remove(row.id)

    def _discard(self, number: int) -> None:
        # A commit may have succeeded although its answer was lost: only files without a row go. Else reconciling finds them.
        with suppress(StateError), self._database.session() as session:
            if session.get(MaterialRow, number) is None:
                self._files.remove(number)

    def _move(self, session: Session, row: MaterialRow, status: MaterialStatus, reason: str, actor: str) -> Material:
        check_transition(MaterialStatus(row.status), status)
        check_text(reason)
        detail = {"from": row.status, "to": status.value, "reason": reason}
        record(session, self._clock(), actor, "material.review", material_id(row.id), detail)
        row.status, row.audit_result, row.updated_at = status.value, reason, self._clock()
        return read_material(row)
