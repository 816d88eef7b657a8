"""Compares the store of material files with the database, both ways, and repairs what a crash left behind."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from facemeld.catalog.files import MaterialFiles
from facemeld.catalog.ids import material_id
from facemeld.db.audit import record
from facemeld.db.clock import Clock, utc_now
from facemeld.db.database import Database
from facemeld.db.models import MaterialRow

GRACE = timedelta(hours=1)
"""Files younger than this may belong to an import that is running in another process."""


@dataclass(frozen=True, slots=True)
class Differences:
    """Where files and database do not agree.

    Attributes:
        orphans: Numbers of folders that no living material owns.
        unfinished: What interrupted imports and removals left.
        lost: Numbers of materials whose files are missing or have the wrong size.
    """

    orphans: tuple[int, ...]
    unfinished: tuple[Path, ...]
    lost: tuple[int, ...]

    def __bool__(self) -> bool:
        return bool(self.orphans or self.unfinished or self.lost)


def compare(database: Database, files: MaterialFiles, *, grace: timedelta = GRACE, clock: Clock = utc_now) -> Differences:
    """Find the differences; changes nothing."""
    before = clock() - grace
    # Folders first, rows second: a material that is imported meanwhile has its row by then.
    stored = tuple(files.stored(before))
    unfinished = tuple(files.unfinished(before))
    query = select(MaterialRow.id, MaterialRow.format, MaterialRow.size).where(MaterialRow.deleted_at.is_(None))
    with database.connect() as connection:
        living = {number: (picture_format, size) for number, picture_format, size in connection.execute(query)}
    orphans = tuple(number for number in stored if number not in living)
    lost = tuple(number for number, (picture_format, size) in living.items() if not files.complete(number, picture_format, size))
    return Differences(orphans, unfinished, lost)


def remove_orphans(files: MaterialFiles, differences: Differences) -> None:
    """Delete the files that no material owns."""
    for number in differences.orphans:
        files.remove(number)
    for path in differences.unfinished:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def retire_lost(database: Database, differences: Differences, *, actor: str, clock: Clock = utc_now) -> None:
    """Mark the materials whose files are lost as deleted. Not to be done lightly: the files may only be unmounted."""
    with database.transaction() as session:
        for number in differences.lost:
            row = session.get_one(MaterialRow, number, with_for_update=True)
            if row.deleted_at is None:
                row.deleted_at = row.updated_at = clock()
                record(session, clock(), actor, "material.lost", material_id(number))
