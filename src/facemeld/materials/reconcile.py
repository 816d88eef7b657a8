"""Keeps the files and rows of materials consistent, when pictures are replaced and after crashes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select

from facemeld.db.audit import record
from facemeld.db.database import Database
from facemeld.db.errors import Clock, StateError, utc_now
from facemeld.db.models import ActivityRow, MaterialRow
from facemeld.materials.files import MaterialFiles
from facemeld.materials.rows import check_new, find_material, read_material, write_picture
from facemeld.materials.types import Material, MaterialNotSaved, NewMaterial, material_id

GRACE = timedelta(hours=1)
"""Younger files may belong to an import that is running in another process."""


@dataclass(frozen=True, slots=True)
class Differences:
    """Differences between files and database.

    Attributes:
        orphans: Numbers of folders without a material, or with a deleted one.
        strangers: Those orphans whose numbers the database does not know.
        unfinished: Leftovers of interrupted imports and removals.
        lost: Numbers of materials whose pictures are missing or have the wrong size.
        planless: Numbers of materials with a picture but without a plan.
        known: Number of materials in the database, including deleted ones.
        replaced: Numbers of materials whose replacement is running or was interrupted.
    """

    orphans: tuple[int, ...]
    strangers: tuple[int, ...]
    unfinished: tuple[Path, ...]
    lost: tuple[int, ...]
    planless: tuple[int, ...]
    known: int
    replaced: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.orphans or self.unfinished or self.lost or self.planless or self.replaced)

    def without_strangers(self) -> Differences:
        """Return the same without the folders that the database does not know."""
        return replace(self, orphans=tuple(number for number in self.orphans if number not in set(self.strangers)), strangers=())


def compare(database: Database, files: MaterialFiles, *, grace: timedelta = GRACE, clock: Clock = utc_now) -> Differences:
    """Return the differences, without changing anything."""
    before = clock() - grace
    # Folders before rows, so that a material imported meanwhile has its row.
    stored = tuple(files.stored(before))
    unfinished = tuple(files.unfinished(before))
    query = select(MaterialRow.id, MaterialRow.format, MaterialRow.size, MaterialRow.deleted_at)
    with database.connect() as connection:
        rows = connection.execute(query).all()
    known = {row.id for row in rows}
    living = [row for row in rows if row.deleted_at is None]
    replaced = set(files.interrupted())
    owned = {row.id for row in living}
    whole = {row.id for row in living if files.has_picture(row.id, row.format, row.size)}
    return Differences(
        orphans=tuple(number for number in stored if number not in owned),
        strangers=tuple(number for number in stored if number not in known),
        unfinished=unfinished,
        lost=tuple(row.id for row in living if row.id not in whole | replaced),
        planless=tuple(number for number in whole if not files.plan_path(number).is_file()),
        known=len(known),
        replaced=tuple(row.id for row in living if row.id in replaced),
    )


def remove_orphans(files: MaterialFiles, differences: Differences) -> None:
    """Delete orphans and unfinished files, or raise ``MaterialNotSaved``."""
    for number in differences.orphans:
        files.remove(number)
    for path in differences.unfinished:
        files.discard(path)


def remove_leftovers(database: Database, files: MaterialFiles, *, clock: Clock = utc_now) -> int:
    """Clean up after interrupted imports, replacements and deletions, and return the number of cases.

    Folders that the database does not know are kept, because it may be the wrong database or one restored from an old backup.

    Raises:
        MaterialNotSaved: the store cannot be changed.
    """
    settled = settle_all(database, files)
    found = compare(database, files, clock=clock).without_strangers()
    remove_orphans(files, found)
    return len(found.orphans) + len(found.unfinished) + len(settled)


def retire_lost(database: Database, differences: Differences, *, actor: str, clock: Clock = utc_now) -> None:
    """Mark the lost materials as deleted. Make sure first that the folder with the files is mounted."""
    with database.transaction() as session:
        for number in differences.lost:
            row = session.get_one(MaterialRow, number, with_for_update=True)
            if row.deleted_at is None:
                row.deleted_at = row.updated_at = clock()
                record(session, clock(), actor, "material.lost", material_id(number))


def highest_number(database: Database, files: MaterialFiles) -> int:
    """The largest snowflake that any activity, material or folder has; 0 when there is none."""
    with database.connect() as connection:
        rows = [connection.execute(select(func.max(column))).scalar_one() or 0 for column in (ActivityRow.id, MaterialRow.id)]
    return max(*rows, *files.stored(utc_now()))


def replace_picture(
    database: Database, files: MaterialFiles, clock: Clock, account_id: int | None, material: str, new: NewMaterial, *, actor: str
) -> Material:
    """Replace the picture of a material; see ``MaterialStore.replace``."""
    check_new(new)
    with database.session() as session:
        number = find_material(session, account_id, material).id
    staged = files.stage(number, new.picture, new.format, new.plan)
    try:
        with database.transaction() as session:
            row = find_material(session, account_id, material, lock=True)
            files.settle(number, row.sha256, row.format)
            detail = {"from": row.status, "to": new.status.value, "old_sha256": row.sha256, "name": new.name}
            write_picture(row, new)
            row.updated_at = clock()
            record(session, clock(), actor, "material.replace", material, {**detail, "sha256": row.sha256})
            files.swap(number, staged)
            replaced = read_material(row)
    except BaseException:
        # The commit may have succeeded although its reply was lost; the row tells which files are right.
        with suppress(StateError):
            settle_one(database, files, number)
        raise
    finally:
        with suppress(MaterialNotSaved):
            files.discard(staged)
    with suppress(MaterialNotSaved):
        files.finish(number, replaced.format)
    return replaced


def settle_one(database: Database, files: MaterialFiles, number: int) -> None:
    """Complete or undo an interrupted replacement of a material.

    Raises:
        MaterialNotSaved: the store cannot be changed.
        DatabaseUnavailable: the database does not answer.
    """
    with database.transaction() as session:
        row = session.get(MaterialRow, number, with_for_update=True)
        if row is not None and row.deleted_at is None:
            files.settle(number, row.sha256, row.format)


def settle_all(database: Database, files: MaterialFiles) -> tuple[str, ...]:
    """Complete or undo all interrupted replacements and return the wire ids of the materials.

    Raises:
        MaterialNotSaved: the store cannot be changed.
        DatabaseUnavailable: the database does not answer.
    """
    numbers = tuple(files.interrupted())
    for number in numbers:
        settle_one(database, files, number)
    return tuple(material_id(number) for number in numbers)
