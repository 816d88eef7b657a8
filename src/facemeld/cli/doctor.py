"""``facemeld doctor``: is the installation able to do its work, and what to do if not."""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import typer

from facemeld.app import open_application
from facemeld.cli.common import DataOption, JsonOption, settings_for, show_table
from facemeld.errors import FacemeldError
from facemeld.settings import Settings

_MIN_FREE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """Outcome of one check; ``advice`` says what to do when it failed."""

    check: str
    ok: bool
    found: str
    advice: str = ""


def doctor(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Check the installation and say what to do; exit code 1 when something is wrong."""
    settings = settings_for(data)
    findings = list(_examine(settings))
    if as_json:
        show_table([asdict(finding) for finding in findings], True, "")
    else:
        for finding in findings:
            typer.echo(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.check}: {finding.found}")
            if not finding.ok:
                typer.echo(f"      -> {finding.advice}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _examine(settings: Settings) -> Iterator[Finding]:
    checks: tuple[tuple[str, Callable[[Settings], str], str], ...] = (
        ("Python", _python, "Use Python 3.11 or newer."),
        ("models", _models, "Run `facemeld models fetch`, or point FACEMELD_MODEL_DIR to a folder that has the file."),
        ("engine", _engine, "Reinstall Facemeld: a library of the imaging engine does not work on this machine."),
        ("data folder", _data, "Choose a writable folder with --data or FACEMELD_DATA, and keep its key file."),
        ("disk", _disk, "Make room: results and materials need space."),
        ("label font", _label, "Reinstall Facemeld: the package with the label's font is missing or damaged."),
    )
    for name, check, advice in checks:
        try:
            yield Finding(name, True, check(settings))
        except (FacemeldError, OSError, ImportError, RuntimeError, ValueError) as error:
            yield Finding(name, False, " ".join(str(error).split()), advice)


def _python(_: Settings) -> str:
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


def _data(settings: Settings) -> str:
    with open_application(settings) as application:
        return f"{settings.data}, database revision {application.database.revision()}, {len(application.accounts.accounts())} accounts"


def _disk(settings: Settings) -> str:
    import shutil

    free = shutil.disk_usage(settings.data).free
    if free < _MIN_FREE_BYTES:
        raise OSError(f"expected at least 1 GiB free, got {free >> 20} MiB")
    return f"{free >> 30} GiB free"


def _label(_: Settings) -> str:
    import numpy as np

    from facemeld.marks.label import LABEL_TEXTS, draw_label

    ground = np.zeros((256, 256, 3), np.uint8)
    drawn, _alpha, box = draw_label(ground, LABEL_TEXTS["zh"])
    if not drawn.any():
        raise RuntimeError("the label must leave light pixels on black, it left none")
    return f"{box.width}x{box.height} pixels on 256x256"
