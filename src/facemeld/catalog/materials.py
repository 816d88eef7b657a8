"""Materials: import, listing, review and deletion."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import asdict

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from facemeld.catalog.activities import check_degrees, check_name, check_text, count, find_activity
from facemeld.catalog.errors import FieldInvalid, IdInvalid, MaterialDeleted, MaterialNotFound
from facemeld.catalog.files import EXTENSIONS, MaterialFiles
from facemeld.catalog.fusable import read_for_fusion
from facemeld.catalog.ids import material_id, parse_material_id
from facemeld.catalog.review import MaterialStatus, check_transition, decision
from facemeld.catalog.types import FaceBox, Finding, Material, MaterialFace, MaterialRecord, NewMaterial, Page
from facemeld.db.audit import record
from facemeld.db.clock import Clock, utc_now
from facemeld.db.database import Database
from facemeld.db.errors import StateError
from facemeld.db.models import ActivityRow, MaterialFaceRow, MaterialRow
from facemeld.db.snowflake import moment_of

LONGEST_NAME = 255


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
        _check(new)
        with self._database.session() as session:
            activity_number = find_activity(session, account_id, activity).id
        number = self._database.next_snowflake()
        self._files.save(number, new.picture, new.format, new.plan)
        try:
            with self._database.transaction() as session:
                row = _row(number, activity_number, new)
                session.add(row)
                detail = {"activity": activity, "name": new.name, "status": new.status.value, "sha256": row.sha256}
                record(session, self._clock(), actor, "material.add", material_id(number), detail)
                return _material(row)
        except Exception:
            self._discard(number)
            raise

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
            row = _find(session, account_id, material)
            if owner is not None and owner != row.activity_id:
                raise MaterialNotFound(f"the material must be one of the activity's, got {material!r}")
            return _material(row)

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
        status: MaterialStatus | None = None,
    ) -> Page[Material]:
        """A page of an activity's materials, or of all activities', in the order of their import, without deleted ones.

        Args:
            account_id: Owner of the activity.
            activity: ``at_<digits>``; None for all activities of the account.
            limit: Size of the page, at least 1.
            offset: How many to skip.
            after: Only those imported after this number: ``Page.next`` of the page before.
            status: Only those with this status.

        Raises:
            ActivityNotFound: the account has no such activity.
        """
        with self._database.session() as session:
            scope = select(MaterialRow).where(MaterialRow.deleted_at.is_(None))
            if activity is not None:
                scope = scope.where(MaterialRow.activity_id == find_activity(session, account_id, activity).id)
            elif account_id is not None:
                owned = select(ActivityRow.id).where(ActivityRow.account_id == account_id)
                scope = scope.where(MaterialRow.activity_id.in_(owned))
            if status is not None:
                scope = scope.where(MaterialRow.status == status.value)
            query = scope.order_by(MaterialRow.id).offset(offset).limit(limit + 1).options(selectinload(MaterialRow.faces))
            if after is not None:
                query = query.where(MaterialRow.id > after)
            rows = session.scalars(query).all()
            items = tuple(_material(row) for row in rows[:limit])
            return Page(items, count(session, scope), items[-1].number if len(rows) > limit else None)

    def change(
        self,
        account_id: int | None,
        material: str,
        *,
        actor: str,
        name: str | None = None,
        shape_degree: int | None = None,
        feature_degree: int | None = None,
    ) -> Material:
        """Change the fields that are given; None leaves a field as it is.

        Raises:
            MaterialNotFound: the account never had such a material.
            MaterialDeleted: it has been deleted.
            FieldInvalid: a field is outside its range.
        """
        if name is not None:
            check_name(name, LONGEST_NAME)
        check_degrees(shape_degree, feature_degree)
        wanted: dict[str, str | int | None] = {"name": name, "shape_degree": shape_degree, "feature_degree": feature_degree}
        changes = {field: value for field, value in wanted.items() if value is not None}
        with self._database.transaction() as session:
            row = _find(session, account_id, material, lock=True)
            for field, value in changes.items():
                setattr(row, field, value)
            row.updated_at = self._clock()
            record(session, self._clock(), actor, "material.change", material, changes)
            return _material(row)

    def decide(self, account_id: int | None, material: str, *, approve: bool, reason: str, actor: str) -> Material:
        """A reviewer's decision: on a new material, on the machine's decision, or on an appeal.

        Raises:
            MaterialNotFound: the account never had such a material.
            MaterialDeleted: it has been deleted.
            ReviewRefused: its status cannot be decided so.
            FieldInvalid: the reason cannot be stored.
        """
        with self._database.transaction() as session:
            row = _find(session, account_id, material, lock=True)
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
            return self._move(session, _find(session, account_id, material, lock=True), status, reason, actor)

    def delete(self, account_id: int | None, material: str, *, actor: str) -> None:
        """Delete a material: its row stays, marked, and its files are removed.

        Raises:
            MaterialNotFound: the account never had such a material.
            MaterialDeleted: it has been deleted before.
            MaterialNotSaved: it is deleted, but its files could not be removed; reconciling does so later.
        """
        with self._database.transaction() as session:
            row = _find(session, account_id, material, lock=True)
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
        return _material(row)


def _check(new: NewMaterial) -> None:
    check_name(new.name, LONGEST_NAME)
    check_text(new.audit_result)
    check_degrees(new.shape_degree, new.feature_degree)
    if new.format not in EXTENSIONS:
        raise FieldInvalid(f"the format must be one of {', '.join(EXTENSIONS)}, got {new.format!r}")
    if new.width < 1 or new.height < 1:
        raise FieldInvalid(f"the picture must have at least 1x1 pixel, got {new.width}x{new.height}")


def _find(session: Session, account_id: int | None, material: str, *, lock: bool = False) -> MaterialRow:
    try:
        row = session.get(MaterialRow, parse_material_id(material), with_for_update=lock)
    except IdInvalid as error:
        raise MaterialNotFound(str(error)) from error
    if row is None or (account_id is not None and session.get_one(ActivityRow, row.activity_id).account_id != account_id):
        raise MaterialNotFound(f"the material must be one of the account's, got {material!r}")
    if row.deleted_at is not None:
        raise MaterialDeleted(f"the material must exist, got {material!r}, deleted {row.deleted_at.isoformat()}")
    return row


def _row(number: int, activity: int, new: NewMaterial) -> MaterialRow:
    created = moment_of(number)
    return MaterialRow(
        id=number,
        activity_id=activity,
        name=new.name,
        status=new.status.value,
        audit_result=new.audit_result,
        findings=[asdict(finding) for finding in new.findings],
        incoming=[dict(mark) for mark in new.incoming],
        width=new.width,
        height=new.height,
        format=new.format,
        size=len(new.picture),
        sha256=hashlib.sha256(new.picture).hexdigest(),
        shape_degree=new.shape_degree,
        feature_degree=new.feature_degree,
        created_at=created,
        updated_at=created,
        deleted_at=None,
        faces=[
            MaterialFaceRow(material_id=number, number=index, x=box.x, y=box.y, width=box.width, height=box.height)
            for index, box in enumerate(new.faces, 1)
        ],
    )


def _material(row: MaterialRow) -> Material:
    return Material(
        number=row.id,
        activity=row.activity_id,
        name=row.name,
        status=MaterialStatus(row.status),
        audit_result=row.audit_result,
        width=row.width,
        height=row.height,
        format=row.format,
        size=row.size,
        sha256=row.sha256,
        shape_degree=row.shape_degree,
        feature_degree=row.feature_degree,
        faces=tuple(MaterialFace(row.id, face.number, FaceBox(face.x, face.y, face.width, face.height)) for face in row.faces),
        created_at=row.created_at,
        updated_at=row.updated_at,
        deleted_at=row.deleted_at,
        findings=tuple(Finding(**finding) for finding in row.findings),
        incoming=tuple(row.incoming),
    )
