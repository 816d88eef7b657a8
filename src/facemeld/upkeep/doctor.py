"""``facemeld doctor``: runs all checks of an installation, from the machine to its data."""

from __future__ import annotations

import platform
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from facemeld.db.database import Database
from facemeld.settings.catalogue import Settings
from facemeld.upkeep.checks import DATA_CHECKS, RESTORE, Check, Finding, Installation, Report, Trouble, check_database, data_checks, examine

_LEAST_FREE = 1 << 30


@dataclass(frozen=True)
class Doctor:
    """Examines an installation.

    Attributes:
        settings: Its settings.
        opened: Opens the data folder; called only if database and folder are in order.
    """

    settings: Settings
    opened: Callable[[], AbstractContextManager[Installation]]

    def findings(self, *, repair: bool = False) -> Iterator[Finding]:
        """Run all checks, in an order in which each may rely on those before it."""
        yield from (examine(check, repair=repair) for check in self.machine())
        with closing(Database(self.settings.resolved_database_url)) as database:
            if self._is_new(database):
                yield Finding("data folder", True, f"{self.settings.data}: nothing here yet, the first start or import fills it")
                return
            findings = [examine(check, repair=repair) for check in self.base(database)]
        yield from findings
        if all(finding.ok for finding in findings):
            with self.opened() as here:
                yield from (examine(check, repair=repair) for check in data_checks(here, lambda: self._engine))
        else:
            yield from (Finding(name, False, "not checked", "Repair the faults above first.") for name in DATA_CHECKS)

    def machine(self) -> tuple[Check, ...]:
        """Return the checks of the machine and of what is installed on it."""
        fetch = "Run `facemeld models fetch`, or point FACEMELD_MODEL_DIR to a folder that has the file."
        library = "Reinstall Facemeld: a library of the imaging engine does not work on this machine."
        python = f"{platform.python_version()} on {platform.machine()}, SQLite {sqlite3.sqlite_version}"
        # Variables that set nothing or have a new name are no fault: the installation works with them.
        variables = Report(f"{len(self.settings.variables)} environment variables are in force", notes=self.settings.warnings)
        return (
            Check("settings", lambda: variables, "Correct the variables."),
            Check("Python", lambda: Report(python), "Use Python 3.11 or newer."),
            Check("models", lambda: Report(f"{self._bundle()}, digest as expected"), fetch),
            Check("engine", lambda: Report(self._engine), library),
            Check("label font", _label, "Reinstall Facemeld: the package with the label's font is missing or damaged."),
            Check("disk", partial(_disk, self.settings.data), "Free some space: results and materials need it."),
        )

    def base(self, database: Database) -> tuple[Check, ...]:
        """Return the checks that must pass before the data folder can be opened."""
        return (
            Check("data folder", self._folder, "Put the key file back from where you keep its copy."),
            Check("database", partial(check_database, database), RESTORE),
        )

    def _is_new(self, database: Database) -> bool:
        """Return whether nothing has been stored yet; on a database server, only a missing data folder counts."""
        data = self.settings.data
        return not data.exists() if database.file is None else not database.file.exists() and not (data / "materials").exists()

    def _folder(self) -> Report:
        data = self.settings.data
        if self.settings.master_key is not None:
            return Report(f"{data}, master key from the settings")
        key = data / "master.key"
        if not key.exists():
            raise FileNotFoundError(f"the key file {key} must be there, because the stored data were made with it")
        mode = key.stat().st_mode & 0o777
        if mode & 0o077:
            text = f"the key file {key} must be private to its user (mode 0600), got mode {mode:04o}"
            advice = "Other users may have read it. Run chmod 0600 on it, and create new access keys unless you trust all users here."
            return Report("", (Trouble(text, advice),))
        return Report(f"{data}, mode {data.stat().st_mode & 0o777:04o}, with its key file")

    def _bundle(self) -> Path:
        from facemeld.models.store import find_bundle

        path = find_bundle(self.settings.model_dir)
        if path is None:
            raise FileNotFoundError("face_landmarker.task has not been fetched")
        return path

    @cached_property
    def _engine(self) -> str:
        """The name of the engine, after a trial run."""
        from facemeld.fusion.mesh import MeshEngine

        engine = MeshEngine(self._bundle())
        if engine.analyse(np.zeros((128, 128, 3), np.uint8)):
            raise RuntimeError("the detector must find no face in a black picture, it found one")
        return engine.name


def _label() -> Report:
    from facemeld.marks.label import LABEL_TEXTS, draw_label

    drawn, _alpha, box = draw_label(np.zeros((256, 256, 3), np.uint8), LABEL_TEXTS["zh"])
    if not drawn.any():
        raise RuntimeError("the label must leave light pixels on black, it left none")
    return Report(f"{box.width}x{box.height} pixels on 256x256")


def _disk(folder: Path) -> Report:
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < _LEAST_FREE:
        raise OSError(f"expected at least 1 GiB free, got {free >> 20} MiB")
    return Report(f"{free >> 30} GiB free")
