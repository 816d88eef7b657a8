"""The two portraits, analysed once."""

from dataclasses import dataclass

import pytest

from facemeld.fusion.types import Face, Picture

from .engines import analyser


@dataclass(frozen=True)
class Portrait:
    """A picture and its largest face."""

    picture: Picture
    face: Face


@pytest.fixture(scope="session")
def hopper_portrait(bundle_path, hopper):
    """Grace Hopper and her face."""
    return Portrait(hopper, analyser(bundle_path).analyse(hopper)[0])


@pytest.fixture(scope="session")
def astronaut_portrait(bundle_path, astronaut):
    """Eileen Collins and her face."""
    return Portrait(astronaut, analyser(bundle_path).analyse(astronaut)[0])
