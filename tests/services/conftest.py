"""An installation that a test may fill, and its use cases, with pixel work in the test's process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from facemeld.app.composition import Application, Services, open_application
from facemeld.settings.catalogue import Settings
from tests.inline import Inline


@pytest.fixture
def installation(data_folder: Path, bundle_path: Path) -> Iterator[Application]:
    """An empty installation."""
    with open_application(Settings(data=data_folder, model_dir=bundle_path.parent)) as application:
        yield application


@pytest.fixture
def use_cases(installation: Application) -> Services:
    """The use cases of ``installation``."""
    return Services(installation, Inline.of(installation))
