"""A data folder with a little of everything, made without workers, and the commands run on it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from facemeld.app.composition import Application, open_application
from facemeld.boxes import Rect
from facemeld.cli.main import app
from facemeld.db.errors import utc_now
from facemeld.materials.types import Material, NewMaterial
from facemeld.media.decode import DecodeLimits
from facemeld.settings.catalogue import Settings
from facemeld.workers.pool.context import WorkerConfig, context_for
from facemeld.workers.tasks.importing import ImportTemplate


@dataclass(frozen=True)
class Installation:
    """A data folder and its content."""

    data: Path
    secret_id: str
    activity: str
    materials: tuple[Material, Material]
    result: str

    @contextmanager
    def opened(self) -> Iterator[Application]:
        with open_application(Settings(data=self.data)) as application:
            yield application

    def folder(self, index: int) -> Path:
        number = self.materials[index].number
        return next(self.data.glob(f"materials/*/{number}"))

    def run(self, *arguments: str | Path, code: int = 0) -> str:
        """Run a command and return its output."""
        done = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"}, catch_exceptions=True)
        assert done.exit_code == code, (done.output, done.exception)
        return done.stdout

    def doctor(self, *options: str, code: int = 0) -> dict[str, Any]:
        """Findings by the names of their checks."""
        findings = json.loads(self.run("doctor", "--data", self.data, "--json", *options, code=code))
        return {finding["check"]: finding for finding in findings}


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory, bundle_path: Path, hopper_path: Path) -> Installation:
    """Made once; tests get copies."""
    data = tmp_path_factory.mktemp("original") / "data"
    picture = hopper_path.read_bytes()
    found = ImportTemplate(picture, DecodeLimits(min_side=64))(context_for(WorkerConfig(bundle_path)))
    boxes = [Rect(face.box.x, face.box.y, face.box.width, face.box.height) for face in found.faces]
    with open_application(Settings(data=data)) as opened:
        account = opened.accounts.create("acme", actor="test")
        key = opened.accounts.create_key("acme", actor="test")
        activity = opened.activities.create(account.id, "spring", actor="test").id
        new = NewMaterial("hopper.jpg", picture, found.plan, found.format, found.width, found.height, boxes)
        one, two = (opened.materials.add(None, activity, new, actor="test") for _ in range(2))
        result = opened.results.put(b"pixels" * 1000, "image/jpeg", utc_now() + timedelta(days=1))
        opened.signing_identity()
    return Installation(data, key.secret_id, activity, (one, two), str(result))


@pytest.fixture
def installation(original: Installation, tmp_path: Path) -> Installation:
    """A copy that a test may break."""
    data = shutil.copytree(original.data, tmp_path / "data")
    return Installation(data, original.secret_id, original.activity, original.materials, original.result)
