"""Limits on the size of the package, as ``python -m bench.house`` counts it."""

from __future__ import annotations

from bench.house import modules

FOUND = modules()


def test_at_most_ten_files_at_the_root() -> None:
    assert sum(one.room == "" for one in FOUND) <= 10


def test_at_most_340_modules_and_40_000_lines() -> None:
    assert (len(FOUND) <= 340, sum(one.lines for one in FOUND) <= 40_000) == (True, True)


def test_imports_are_at_most_six_percent_of_the_lines() -> None:
    assert sum(one.imports for one in FOUND) <= 0.06 * sum(one.lines for one in FOUND)
