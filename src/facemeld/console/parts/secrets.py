"""Secrets at the only moment at which they are shown."""

from __future__ import annotations

from collections.abc import Mapping

from facemeld.console.desk import Desk
from facemeld.console.parts.dialogs import dialog
from facemeld.console.parts.pieces import button, icon, id_chip, tag


def show_once(desk: Desk, title: str, values: Mapping[str, str]) -> None:
    """Show secrets until the user says that they are kept elsewhere.

    Args:
        desk: The page's desk.
        title: What was made.
        values: By what they are called.
    """
    with dialog(desk, title, wide=True, lasting=True) as opened:
        with tag("p", "", "fm-note fm-warn"):
            icon("visibility_off")
            tag("span", desk.texts("parts.shown_once"))
        with tag("dl", classes="fm-facts"):
            for name, value in values.items():
                tag("dt", name)
                with tag("dd"):
                    id_chip(desk, value)
        with tag("div", classes="fm-actions"):

            async def close() -> None:
                # What the browser is not shown any more, it does not keep either.
                opened.close()

            button(desk.texts("parts.kept"), close, kind="primary")
