"""What the console's first page tells about the data folder."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from facemeld.app import Services, open_application
from facemeld.services import overview
from facemeld.services.overview import Stored
from facemeld.settings import Settings


def test_a_large_store_is_measured_beside_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bundle_path: Path) -> None:
    """The page waits a moment at most; it shows the last size that is known while a new one is measured."""
    go_on, measure = threading.Event(), overview.folder_size
    settings = Settings(data=tmp_path / "data", model_dir=bundle_path.parent)

    def slow(folder: Path) -> tuple[int, int]:
        assert go_on.wait(10)
        return measure(folder)

    with open_application(settings) as application:
        page = Services(application, application.executor()).overview
        (settings.data / "results").mkdir()
        (settings.data / "results" / "one").write_bytes(b"12345")
        monkeypatch.setattr(overview, "folder_size", slow)
        assert page.stored(patience=0.01) is None
        assert page.stored(patience=0.01) is None
        go_on.set()
        found = page.stored(patience=10)
        assert found is not None
        assert (found.results, found.files, found.materials) == (5, 1, 0)
        assert found.database > 0
        go_on.clear()
        assert page.stored() == found
        monkeypatch.setattr(overview, "_RESULTS_KEPT", -1.0)
        (settings.data / "results" / "two").write_bytes(b"67890")
        assert page.stored(patience=10) == found, "the old size, without waiting"
        go_on.set()
        monkeypatch.setattr(overview, "_RESULTS_KEPT", 300.0)
        newer = _until_other(page, found)
        assert (newer.results, newer.files) == (10, 2)


def _until_other(page: overview.Overview, old: Stored) -> Stored:
    for _ in range(500):
        found = page.stored()
        if found is not None and found != old:
            return found
        threading.Event().wait(0.01)
    raise AssertionError("the new size must be known within five seconds, got the old one")
