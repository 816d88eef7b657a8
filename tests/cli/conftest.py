"""A shell on an empty data folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import Shell


@pytest.fixture
def shell(tmp_path: Path, bundle_path: Path) -> Shell:
    """Runs commands on a data folder that does not exist yet."""
    return Shell(tmp_path / "data", bundle_path.parent)
