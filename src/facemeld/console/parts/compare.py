"""A picture before and after, with a divider between."""

from __future__ import annotations

from nicegui import ui

from facemeld.console.desk import Desk


class Compare(ui.element, component="compare.js"):
    """See the module's first line.

    Args:
        desk: The page's desk.
        before, after: Addresses of two pictures of the same size.
        ratio: Their width over their height.
    """

    def __init__(self, desk: Desk, before: str, after: str, ratio: float) -> None:
        super().__init__()
        self.props["before"] = before
        self.props["after"] = after
        self.props["ratio"] = ratio
        self.props["words"] = desk.texts.group("compare")
