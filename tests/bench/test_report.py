"""The page about performance says what was measured last, and its tables say what the figures say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from bench.cases import BASE, CASES
from bench.gate import CASES as GATED
from bench.gate import RECORDED, slower
from bench.world import percentile

from bench import report


def test_the_page_holds_the_recorded_figures() -> None:
    text = report.PAGE.read_text(encoding="utf-8")
    assert report.page(text, json.loads(report.FIGURES.read_text(encoding="utf-8"))) == text


def test_the_plots_of_the_page_are_there() -> None:
    names = re.findall(r"!\[[^]]*\]\((images/[^)]+)\)", report.PAGE.read_text(encoding="utf-8"))
    assert names
    for name in names:
        assert (report.DOCS / name).is_file()


def test_every_kind_of_call_is_in_the_figures() -> None:
    found = json.loads(report.FIGURES.read_text(encoding="utf-8"))
    assert [row["name"] for row in found["cases"]] == [case.name for case in CASES]
    assert CASES[0] is BASE
    assert len({case.key for case in CASES}) == len(CASES)


def test_a_page_must_have_every_marker_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="markers machine, summary"):
        report.page("<!-- bench:machine -->\n<!-- /bench:machine -->\n", {})


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([3.0], 0.99, 3.0), (list(range(1, 101)), 0.5, 50), (list(range(1, 101)), 0.99, 99), ([2, 1], 0.5, 1), ([1, 2, 3], 0.95, 3)],
)
def test_percentiles_are_values_that_were_measured(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == expected


def test_figures_keep_four_digits() -> None:
    assert report.rounded({"a": [0.123456, 12345.6], "b": ("x", 3)}) == {"a": [0.1235, 12346], "b": ["x", 3]}


def test_the_gate_closes_beyond_a_quarter() -> None:
    recorded = {"a": 4.0, "b": 4.0}
    assert slower({"a": 4.99, "b": 1.0}, recorded) == []
    (complaint,) = slower({"a": 5.1}, recorded)
    assert "at most 5.00 (4.00 was recorded), got 5.10" in complaint
    (complaint,) = slower({"c": 1.0}, recorded)
    assert "no record" in complaint


def test_everything_that_is_gated_is_recorded() -> None:
    assert set(json.loads(RECORDED.read_text(encoding="utf-8"))) == {case.name for case in GATED}
