"""A server clears away what crashes left, and leaves alone what may still be needed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facemeld.materials.files import MaterialFiles
from facemeld.settings.catalogue import Settings
from tests.api.conftest import jpeg
from tests.api.live import LiveServer, eventually, make_campaign


@pytest.mark.slow
def test_what_interrupted_imports_left_goes_with_the_next_start(tmp_path: Path, bundle_path: Path, hopper: NDArray[np.uint8]) -> None:
    settings = Settings(data=tmp_path / "data", model_dir=bundle_path.parent, workers={"count": 1})
    material = make_campaign(settings, {"hopper.jpg": jpeg(hopper)}).materials["hopper.jpg"]
    files = MaterialFiles(settings.data / "materials")
    folder = files.folder(material.number)
    old, young, stranger = folder.parent / ".tmp-old", folder.parent / ".tmp-young", files.folder(4711 << 22)
    for path in (old, young):
        path.mkdir()
    shutil.copytree(folder, stranger)
    for path in (old, stranger, folder):
        os.utime(path, (0, 0))
    server = LiveServer(settings.data, {"FACEMELD_WORKERS_COUNT": "1", "FACEMELD_MODEL_DIR": str(bundle_path.parent)})
    server.start()
    try:
        assert eventually(lambda: not old.exists())
    finally:
        assert server.stop() == 0
    assert files.complete(material.number, material.format, material.size)
    # Another import may be at work on the one, and only a person can tell whether the other is from a wrong database.
    assert young.is_dir()
    assert stranger.is_dir()
