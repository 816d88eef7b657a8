"""One admin API for the tests that only add to it, and one for each test that counts or changes what others see."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.admin.world import World, make_world


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, bundle_path: Path) -> Iterator[World]:
    """An admin API for tests that leave what they find as it was."""
    with make_world(tmp_path_factory.mktemp("admin") / "data", bundle_path) as world:
        yield world


@pytest.fixture
def activity(shared: World) -> str:
    """A new activity of the account acme."""
    shared.application.accounts.ensure("acme", actor="test")
    return str(shared.send("POST", "/activities", {"account": "acme", "name": "spring"})["id"])


@pytest.fixture
def portrait(hopper_path: Path) -> bytes:
    """A JPEG with one face."""
    return hopper_path.read_bytes()
