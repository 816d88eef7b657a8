"""Puts another picture in the place of a material's, so that files and row agree again after a crash at any point.

The old files are kept beside the new ones until the row is stored. Whoever holds the lock of the row and finds old files knows that
something was interrupted, and the digest in the row says which picture is the right one.
"""

from __future__ import annotations

from contextlib import suppress

from facemeld.catalog.errors import MaterialNotSaved
from facemeld.catalog.files import MaterialFiles
from facemeld.catalog.ids import material_id
from facemeld.catalog.rows import check_new, find_material, read_material, write_picture
from facemeld.catalog.types import Material, NewMaterial
from facemeld.db.audit import record
from facemeld.db.clock import Clock
from facemeld.db.database import Database
from facemeld.db.errors import StateError
from facemeld.db.models import MaterialRow


def replace_picture(
    database: Database, files: MaterialFiles, clock: Clock, account_id: int | None, material: str, new: NewMaterial, *, actor: str
) -> Material:
    """See ``MaterialStore.replace``."""
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
        # The commit may have succeeded although its answer was lost: the row says which files are right.
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
    """Finish or take back an interrupted replacement of one material.

    Raises:
        MaterialNotSaved: the store cannot be changed.
        DatabaseUnavailable: the database does not answer.
    """
    with database.transaction() as session:
        row = session.get(MaterialRow, number, with_for_update=True)
        if row is not None and row.deleted_at is None:
            files.settle(number, row.sha256, row.format)


def settle_all(database: Database, files: MaterialFiles) -> tuple[str, ...]:
    """Finish or take back what a crash interrupted; wire ids of the materials.

    Raises:
        MaterialNotSaved: the store cannot be changed.
        DatabaseUnavailable: the database does not answer.
    """
    numbers = tuple(files.interrupted())
    for number in numbers:
        settle_one(database, files, number)
    return tuple(material_id(number) for number in numbers)
