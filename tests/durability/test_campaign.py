"""The crash campaign in small: ``python -m bench.crash_campaign`` runs as many kills as one likes."""

from __future__ import annotations

import pytest
from bench.crash_campaign import run


@pytest.mark.slow
def test_eight_kills_break_no_promise() -> None:
    report = run(kills=8, seed=5, examine_every=2)
    assert report["violations"] == []
    assert report["counts"]["kills of the server"] + report["counts"]["kills of a worker"] == 8
    assert min(report["counts"][what] for what in ("fusions answered", "imports", "reviews", "results verified", "materials verified")) > 0
