"""Fixtures that every test may use: the landmark bundle and the two public-domain portraits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray
from PIL import Image

# A machine that is busy with something else fails nothing: what takes how long is measured in `bench/`.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def _portrait(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    pixels.setflags(write=False)
    return pixels


@pytest.fixture(scope="session")
def hopper_path() -> Path:
    """Grace Hopper's portrait, a JPEG of 512x600 pixels that matplotlib carries."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"


@pytest.fixture(scope="session")
def astronaut_path() -> Path:
    """Eileen Collins' portrait, a PNG of 512x512 pixels that scikit-image carries."""
    import skimage

    return Path(skimage.__file__).parent / "data" / "astronaut.png"


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
    from facemeld.models import ensure_bundle

    return ensure_bundle()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The development pictures; the test is skipped where they are absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the development pictures are not on this machine")
    return SHARED_DATA
