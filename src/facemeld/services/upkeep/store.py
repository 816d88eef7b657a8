"""Checks of the files beside the database: materials both ways, their pictures, results, what was left unfinished."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from facemeld.catalog import (
    Differences,
    Material,
    MaterialDeleted,
    MaterialStore,
    compare,
    material_id,
    remove_orphans,
    retire_lost,
    settle_all,
)
from facemeld.catalog.reconcile import GRACE
from facemeld.db import Clock, Database
from facemeld.db.durable import TEMPORARY_PREFIX
from facemeld.db.occupancy import Occupancy
from facemeld.results import LocalResultStore
from facemeld.services.upkeep.checks import Check, Report, Trouble

_ANY_CLOCK = timedelta(days=365)
_REPAIR = "Run `facemeld doctor --repair`."
_FROM_BACKUP = (
    "Mount the store or take the files from a backup; or delete these materials with `facemeld material delete` and import them again."
)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person has agreed to beyond harmless repairs.

    Attributes:
        retire_lost: Mark materials whose pictures are lost as deleted.
        remove_strangers: Delete folders of materials that the database has never heard of, however many they are.
        actor: Who, for the audit log.
    """

    retire_lost: bool = False
    remove_strangers: bool = False
    actor: str = "doctor"


class StoreChecks:
    """Checks of a data folder that is open."""

    def __init__(
        self,
        *,
        folder: Path,
        database: Database,
        materials: MaterialStore,
        results: LocalResultStore,
        occupancy: Occupancy,
        clock: Clock,
        wishes: Wishes,
    ) -> None:
        self._folder = folder
        self._database = database
        self._materials = materials
        self._results = results
        self._occupancy = occupancy
        self._clock = clock
        self._wishes = wishes

    def checks(self) -> tuple[Check, ...]:
        """All of them, in the order in which they are to be run."""
        advice = "Make the data folder readable and writable for the user who runs the service."
        return (
            Check("unfinished files", self._unfinished, advice),
            Check("materials", self._look_at_materials, advice),
            Check("pictures", self._pictures, advice),
            Check("results", self._look_at_results, advice),
        )

    def living(self) -> Iterator[Material]:
        """All materials that are not deleted."""
        after: int | None = None
        while True:
            page = self._materials.materials(None, None, limit=500, after=after)
            yield from page.items
            if page.next is None:
                return
            after = page.next

    def _unfinished(self) -> Report:
        """Temporary files at the top of the data folder: of the key file, the signing authority, a backup or a restore."""
        with self._since() as before:
            found = [path for path in self._folder.glob(f"{TEMPORARY_PREFIX}*") if _changed(path) < before]
        if not found:
            return Report("none")

        def repair() -> str:
            with self._since() as before:
                for path in found:
                    if path.exists() and _changed(path) < before:
                        _remove(path)
            return f"removed {len(found)} unfinished files"

        names = tuple(path.name for path in found)
        return Report("", (Trouble(f"{len(found)} files were left unfinished", _REPAIR, names, repair),))

    def _look_at_materials(self) -> Report:
        found = self._compare()
        troubles = []
        deleted = found.without_strangers()
        if deleted.orphans or deleted.unfinished:
            names = (*map(material_id, deleted.orphans), *(path.name for path in deleted.unfinished))
            text = f"{len(deleted.orphans)} deleted materials still have files, {len(deleted.unfinished)} files are unfinished"
            troubles.append(Trouble(text, _REPAIR, names, self._removal(Differences.without_strangers)))
        if found.strangers:
            troubles.append(self._strangers(found))
        if found.replaced:
            troubles.append(self._replaced(found))
        if found.lost:
            troubles.append(self._lost(found))
        return Report(f"{found.known} in the database, deleted ones included; each living one has its picture", tuple(troubles))

    def _strangers(self, found: Differences) -> Trouble:
        # A crash leaves a few such folders; many mean that the database is not the one that belongs to the store.
        few = len(found.strangers) <= found.known
        advice = _REPAIR
        if not few:
            advice = "Check that this is the right database; if it is, run `facemeld doctor --repair --remove-strangers`."
        text = f"{len(found.strangers)} folders belong to no material that the database knows; it knows {found.known}"
        names = tuple(map(material_id, found.strangers))
        return Trouble(text, advice, names, self._removal(lambda now: now) if few or self._wishes.remove_strangers else None)

    def _replaced(self, found: Differences) -> Trouble:
        def repair() -> str:
            return f"settled {len(settle_all(self._database, self._materials.files))} replacements"

        text = f"{len(found.replaced)} replacements of pictures were interrupted"
        return Trouble(text, _REPAIR, tuple(map(material_id, found.replaced)), repair)

    def _lost(self, found: Differences) -> Trouble:
        def repair() -> str:
            retire_lost(self._database, found, actor=self._wishes.actor, clock=self._clock)
            return f"marked {len(found.lost)} materials as deleted"

        advice = f"{_FROM_BACKUP} `facemeld doctor --repair --retire-lost` marks them as deleted."
        text = f"{len(found.lost)} materials have lost their pictures"
        return Trouble(text, advice, tuple(map(material_id, found.lost)), repair if self._wishes.retire_lost else None)

    def _removal(self, choose: Callable[[Differences], Differences]) -> Callable[[], str]:
        def repair() -> str:
            # Compared again while nobody can begin an import.
            with self._since() as before:
                doomed = choose(compare(self._database, self._materials.files, grace=self._clock() - before, clock=self._clock))
                remove_orphans(self._materials.files, doomed)
            return f"removed the files of {len(doomed.orphans)} materials and {len(doomed.unfinished)} unfinished ones"

        return repair

    def _pictures(self) -> Report:
        """Whether every picture is, to the bit, the one that was imported."""
        count, damaged = 0, []
        for material in self.living():
            count += 1
            if self._is_damaged(material):
                damaged.append(material.id)
        if not damaged:
            return Report(f"{count} pictures have the digests that they were imported with")
        return Report("", (Trouble(f"{len(damaged)} pictures are damaged", _FROM_BACKUP, tuple(damaged)),))

    def _is_damaged(self, material: Material) -> bool:
        # One that is being replaced is looked at once more, with its new row.
        for _ in range(2):
            try:
                if self._materials.files.digest(material.number, material.format) == material.sha256:
                    return False
                material = self._materials.get(None, material.id)
            except MaterialDeleted:
                return False  # told by the check of the materials, unless somebody has deleted it just now
        return True

    def _look_at_results(self) -> Report:
        with self._since() as before:
            found = tuple(self._results.leftovers(self._clock(), before))
        if not found:
            return Report("none is past its expiry, none is unfinished")

        def repair() -> str:
            with self._since() as before:
                count = self._results.remove_leftovers(self._clock(), before)
            return f"removed {count} files of results"

        text = f"{len(found)} files are unfinished or past their expiry"
        return Report("", (Trouble(text, _REPAIR, tuple(path.name for path in found), repair),))

    def _compare(self) -> Differences:
        with self._since() as before:
            return compare(self._database, self._materials.files, grace=self._clock() - before, clock=self._clock)

    @contextmanager
    def _since(self) -> Iterator[datetime]:
        """What was changed before this moment belongs to no work that is under way."""
        with self._occupancy.alone() as alone:
            # Where nobody else works, everything is old, also by the clock of a file server that is fast.
            yield self._clock() + _ANY_CLOCK if alone else self._clock() - GRACE


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
