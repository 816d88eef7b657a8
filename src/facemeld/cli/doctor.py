"""``facemeld doctor``: is the installation able to do its work, are its data sound, and what to do if not."""

from __future__ import annotations

import asyncio
import platform
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import lru_cache, partial
from typing import Annotated

import typer

from facemeld.app import Application, open_application
from facemeld.catalog import Material
from facemeld.cli.common import DataOption, JsonOption, actor, settings_for, show_table
from facemeld.db import Database, utc_now
from facemeld.services.upkeep.checks import Check, Finding, Report, Trouble, examine
from facemeld.services.upkeep.database import audit_check, counter_check, file_check, secrets_check
from facemeld.services.upkeep.plans import plans_check
from facemeld.services.upkeep.signing import signing_check
from facemeld.services.upkeep.store import StoreChecks, Wishes
from facemeld.settings import Settings

_MIN_FREE_BYTES = 1 << 30
_SKIPPED = ("ids", "access keys", "audit log", "unfinished files", "materials", "pictures", "results", "plans", "signing")


def doctor(
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended.")] = False,
    retire_lost: Annotated[
        bool, typer.Option("--retire-lost", help="With --repair: mark materials whose pictures are lost as deleted.")
    ] = False,
    remove_strangers: Annotated[
        bool, typer.Option("--remove-strangers", help="With --repair: delete folders of materials that the database has never heard of.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the installation and its data, and say what to do; exit code 1 when something is wrong and was not mended."""
    if (retire_lost or remove_strangers) and not repair:
        raise typer.BadParameter("--retire-lost and --remove-strangers need --repair")
    settings = settings_for(data)
    findings = list(_examine(settings, Wishes(retire_lost, remove_strangers, actor()), repair=repair))
    if as_json:
        show_table([asdict(finding) for finding in findings], True, "")
    else:
        for line in (line for finding in findings for line in _lines(finding)):
            typer.echo(line)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _lines(finding: Finding) -> Iterator[str]:
    state = "FAIL" if not finding.ok else "mended" if finding.repaired else "ok"
    yield f"{state:<6}  {finding.check}: {finding.found}"
    yield from (f"        done: {done}" for done in finding.repaired)
    if not finding.ok:
        yield from (f"        - {detail}" for detail in finding.details)
        yield f"        -> {finding.advice}"


def _examine(settings: Settings, wishes: Wishes, *, repair: bool) -> Iterator[Finding]:
    engine = lru_cache(maxsize=1)(partial(_engine, settings))
    yield from (examine(check, repair=repair) for check in _machine(settings, engine))
    database = Database(settings.resolved_database_url)
    try:
        if _is_new(settings, database):
            yield Finding("data folder", True, f"{settings.data}: nothing here yet, the first start or import makes it")
            return
        folder = Check("data folder", partial(_folder, settings), "Put the key file back from where you keep it.")
        findings = [examine(check, repair=repair) for check in (folder, file_check(database))]
        yield from findings
    finally:
        database.close()
    if not all(finding.ok for finding in findings):
        yield from (Finding(name, False, "not looked at", "Mend what is said above first.") for name in _SKIPPED)
        return
    with open_application(settings) as application:
        yield from (examine(check, repair=repair) for check in _data(application, wishes, engine))


def _machine(settings: Settings, engine: Callable[[], str]) -> tuple[Check, ...]:
    fetch = "Run `facemeld models fetch`, or point FACEMELD_MODEL_DIR to a folder that has the file."
    library = "Reinstall Facemeld: a library of the imaging engine does not work on this machine."
    font = "Reinstall Facemeld: the package with the label's font is missing or damaged."
    return (
        Check("Python", lambda: Report(_python()), "Use Python 3.11 or newer."),
        Check("models", lambda: Report(_models(settings)), fetch),
        Check("engine", lambda: Report(engine()), library),
        Check("label font", lambda: Report(_label()), font),
        Check("disk", lambda: _disk(settings), "Make room: results and materials need space."),
    )


def _data(application: Application, wishes: Wishes, engine: Callable[[], str]) -> Iterator[Check]:
    files = application.materials.files
    store = StoreChecks(
        folder=application.settings.data,
        database=application.database,
        materials=application.materials,
        results=application.results,
        occupancy=application.occupancy,
        clock=utc_now,
        wishes=wishes,
    )
    yield counter_check(application.database, files, utc_now)
    yield secrets_check(application.accounts)
    yield audit_check(application.audit)
    yield from store.checks()
    yield plans_check(store.living, files, engine, partial(_renew, application))
    yield signing_check(application.signing_identity, utc_now)


def _renew(application: Application, materials: tuple[Material, ...]) -> tuple[int, tuple[str, ...]]:
    async def work() -> tuple[int, tuple[str, ...]]:
        async with application.working() as services:
            return await services.plan_maker.renew(materials)

    return asyncio.run(work())


def _is_new(settings: Settings, database: Database) -> bool:
    """Whether nothing has been stored yet; on a database server, an empty database counts as new."""
    if database.file is None:
        return not settings.data.exists()
    return not database.file.exists() and not (settings.data / "materials").exists()


def _folder(settings: Settings) -> Report:
    mode = settings.data.stat().st_mode & 0o777
    if settings.master_key is not None:
        return Report(f"{settings.data}, master key from the settings")
    key = settings.data / "master.key"
    if not key.exists():
        raise FileNotFoundError(f"the key file {key} must be there, because the stored data were made with it")
    if (key_mode := key.stat().st_mode & 0o777) & 0o077:
        text = f"the key file {key} must be private to its user (mode 0600), got mode {key_mode:04o}"
        advice = "Others may have read it. Make it private with chmod 0600, and create new access keys if you do not trust all users here."
        return Report("", (Trouble(text, advice),))
    return Report(f"{settings.data}, mode {mode:04o}, with its key file")


def _python() -> str:
    return f"{platform.python_version()} on {platform.machine()}, SQLite {sqlite3.sqlite_version}"


def _models(settings: Settings) -> str:
    from facemeld.models import find_bundle

    path = find_bundle(settings.model_dir)
    if path is None:
        raise FileNotFoundError("face_landmarker.task has not been fetched")
    return f"{path}, digest as expected"


def _engine(settings: Settings) -> str:
    import numpy as np

    from facemeld.fusion.mesh.engine import MeshEngine
    from facemeld.models import find_bundle

    path = find_bundle(settings.model_dir)
    if path is None:
        raise FileNotFoundError("the engine needs the models first")
    engine = MeshEngine(path)
    if engine.analyse(np.zeros((128, 128, 3), np.uint8)):
        raise RuntimeError("a black picture must have no face, the detector found one")
    return engine.name


def _disk(settings: Settings) -> Report:
    import shutil

    folder = settings.data.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < _MIN_FREE_BYTES:
        raise OSError(f"expected at least 1 GiB free, got {free >> 20} MiB")
    return Report(f"{free >> 30} GiB free")


def _label() -> str:
    import numpy as np

    from facemeld.marks.label import LABEL_TEXTS, draw_label

    ground = np.zeros((256, 256, 3), np.uint8)
    drawn, _alpha, box = draw_label(ground, LABEL_TEXTS["zh"])
    if not drawn.any():
        raise RuntimeError("the label must leave light pixels on black, it left none")
    return f"{box.width}x{box.height} pixels on 256x256"
