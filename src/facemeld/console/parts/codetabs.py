"""Texts of programs in tabs, to be read and copied."""

from __future__ import annotations

from collections.abc import Mapping

from nicegui import ui

from facemeld.console.desk import Desk


class CodeTabs(ui.element, component="codetabs.js"):
    """See the module's first line.

    Args:
        desk: The page's desk.
        label: What the texts have in common, for those who cannot see them.
    """

    def __init__(self, desk: Desk, label: str) -> None:
        super().__init__()
        self.props["label"] = label
        self.props["words"] = {name: desk.texts(f"parts.{name}") for name in ("copy", "copied")}
        self.props["tabs"] = []

    def show(self, texts: Mapping[str, str]) -> None:
        """Show texts by their headings."""
        self.props["tabs"] = [{"name": f"t{number}", "title": title, "text": text} for number, (title, text) in enumerate(texts.items())]
