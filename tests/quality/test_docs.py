"""Every metric is documented, and nothing else is."""

import re
from pathlib import Path

from facemeld.quality import METRICS, MONOTONY

PAGE = Path(__file__).resolve().parents[2] / "docs" / "quality-metrics.md"


def test_the_page_has_a_heading_for_every_metric_in_the_order_of_the_table():
    headings = re.findall(r"^### (\w+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert headings == [metric.name for metric in METRICS + MONOTONY]
