"""How calls are shown: how they ended, and where their time went."""

from __future__ import annotations

from collections.abc import Mapping

from nicegui.elements.mixins.text_element import TextElement

from facemeld.console.desk import Desk
from facemeld.console.parts.pieces import badge, duration_text, tag
from facemeld.console.parts.tables import Cell, badge_cell
from facemeld.timing import STAGES

_SMALL = 0.015
"""Share of the time below which stages are shown together."""

_COLOURS = 6


def outcome_cell(desk: Desk, code: str) -> Cell:
    """How a call ended, in a table."""
    return badge_cell(code, "bad") if code else badge_cell(desk.texts("stages.success"), "good")


def outcome_badge(desk: Desk, code: str) -> TextElement:
    """How a call ended."""
    return badge(code, "bad") if code else badge(desk.texts("stages.success"), "good")


def stage_bar(desk: Desk, stages: Mapping[str, float], total: float) -> None:
    """Where the time of a call went, as a bar with its parts named below.

    Args:
        desk: The page's desk.
        stages: Milliseconds by stage.
        total: Milliseconds of the whole call.
    """
    parts = _parts(desk, stages, total)
    with tag("div", classes="fm-stages"):
        with tag("div", classes="fm-stage-bar", aria_hidden="true"):
            for number, (_, milliseconds) in enumerate(parts):
                tag("span", classes=f"fm-stage fm-stage-{number % _COLOURS}").style(f"flex-grow: {max(milliseconds, 0.001):.3f}")
        with tag("ul", classes="fm-stage-names"):
            for number, (name, milliseconds) in enumerate(parts):
                with tag("li"):
                    tag("span", classes=f"fm-stage-key fm-stage-{number % _COLOURS}", aria_hidden="true")
                    tag("span", name)
                    tag("span", f"{milliseconds:.1f} ms", "fm-hint")
        tag("p", desk.texts("stages.total", took=duration_text(total)), "fm-hint")


def _parts(desk: Desk, stages: Mapping[str, float], total: float) -> list[tuple[str, float]]:
    """Stages that matter in the order in which a call goes through them, and what is left."""
    words = desk.texts.group("stages")
    least = _SMALL * total
    order = {name: number for number, name in enumerate(STAGES)}
    shown = sorted((name for name in stages if stages[name] >= least), key=lambda name: order.get(name, len(order)))
    parts = [(words.get(name, name), stages[name]) for name in shown]
    rest = total - sum(milliseconds for _, milliseconds in parts)
    return [*parts, (desk.texts("stages.rest"), rest)] if rest >= max(least, 0.05) else parts
