"""Fixtures that every test may use: the landmark bundle, the two public-domain portraits and an empty installation."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray
from PIL import Image

from facemeld.users import types as users

if TYPE_CHECKING:
    from facemeld.app.composition import Application, Services

# A machine that is busy with something else fails nothing: what takes how long is measured in `bench/`.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def _package(name: str) -> Path:
    """Folder of an installed package; importing matplotlib or scikit-image takes longer than most tests."""
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def _portrait(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    pixels.setflags(write=False)
    return pixels


@pytest.fixture(scope="session")
def hopper_path() -> Path:
    """Grace Hopper's portrait, a JPEG of 512x600 pixels that matplotlib carries."""
    return _package("matplotlib") / "mpl-data" / "sample_data" / "grace_hopper.jpg"


@pytest.fixture(scope="session")
def astronaut_path() -> Path:
    """Eileen Collins' portrait, a PNG of 512x512 pixels that scikit-image carries."""
    return _package("skimage") / "data" / "astronaut.png"


@pytest.fixture(scope="session")
def hopper(hopper_path: Path) -> NDArray[np.uint8]:
    """Pixels of Grace Hopper's portrait, uint8 (600, 512, 3) RGB, read-only."""
    return _portrait(hopper_path)


@pytest.fixture(scope="session")
def astronaut(astronaut_path: Path) -> NDArray[np.uint8]:
    """Pixels of Eileen Collins' portrait, uint8 (512, 512, 3) RGB, read-only."""
    return _portrait(astronaut_path)


@pytest.fixture(scope="session")
def bundle_path() -> Path:
    """The verified landmark bundle."""
    from facemeld.models.store import ensure_bundle

    return ensure_bundle()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The development pictures; the test is skipped where they are absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the development pictures are not on this machine")
    return SHARED_DATA


@pytest.fixture(scope="session", autouse=True)
def password_cost() -> Iterator[users.Cost]:
    """The real cost of a password's hash. Passwords that tests make in this process cost next to nothing."""
    real = users.PASSWORD_COST
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(users, "PASSWORD_COST", users.Cost(1, 8, 1))
        yield real


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of the newest schema, migrated once; tests get copies."""
    file = tmp_path_factory.mktemp("migrated") / "facemeld.db"
    from facemeld.db.database import Database

    database = Database.at(file)
    database.upgrade()
    database.close()
    return file


@pytest.fixture(scope="session")
def empty_installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a master key and an empty database; tests copy it, because migrating a database takes long."""
    from facemeld.app.composition import open_application
    from facemeld.settings.catalogue import Settings

    data = tmp_path_factory.mktemp("empty") / "data"
    with open_application(Settings(data=data)):
        pass
    return data


@pytest.fixture
def data_folder(empty_installation: Path, tmp_path: Path) -> Path:
    """A data folder of the test's own, as a first start leaves it."""
    return shutil.copytree(empty_installation, tmp_path / "data")


@pytest.fixture
def application(data_folder: Path, bundle_path: Path) -> Iterator[Application]:
    """An empty installation that a test may fill."""
    from facemeld.app.composition import open_application
    from facemeld.settings.catalogue import Settings

    with open_application(Settings(data=data_folder, model_dir=bundle_path.parent)) as opened:
        yield opened


@pytest.fixture
def use_cases(application: Application) -> Services:
    """The use cases of ``application``, with pixel work in the test's process."""
    from facemeld.app.composition import Services
    from tests.inline import Inline

    return Services(application, Inline.of(application))
