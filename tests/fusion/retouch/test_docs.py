"""The page on FuseFaceUltra says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from facemeld.fusion.retouch.presets import PRESETS, UltraStrengths

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "fuse-face-ultra.md").read_text()


def test_the_table_of_model_types_is_the_codes() -> None:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if re.match(r"\| [1-6] \|", line)]
    found = {int(row[0]): (*map(float, row[2:7]), row[7] == "fixed") for row in rows}
    assert found == {
        number: (one.features, one.enhance, one.smooth, one.sharpen, one.guard, one.fixed is not None) for number, one in PRESETS.items()
    }
    fixed = PRESETS[6].fixed
    assert fixed is not None
    assert fixed.teeth == 0
    assert f"`WarpRadio` {fixed.warp:g}, `EnhanceRadio` {fixed.enhance:g}, `MpRadio` {fixed.smooth:g}" in " ".join(PAGE.split())


def test_the_defaults_of_the_strengths_are_the_codes() -> None:
    found = dict(re.findall(r"^\| `(\w+Radio)` \| ([\d.]+) \|", PAGE, re.M))
    asked = UltraStrengths()
    expected = {
        "WarpRadio": asked.warp,
        "EnhanceRadio": asked.enhance,
        "MpRadio": asked.smooth,
        "TeethEnhanceRadio": asked.teeth,
        "MakeupTransferRadio": asked.makeup,
    }
    assert {name: float(value) for name, value in found.items()} == expected
