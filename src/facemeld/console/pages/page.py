"""What the console must know about a page before it is opened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from facemeld.console.context import Context
from facemeld.users.signin import Act


@dataclass(frozen=True, slots=True)
class Page:
    """A page; see the package's first lines for how to write one.

    Attributes:
        name: Name of its file of texts, whose ``title`` names the page in the menu and the window.
        path: Its path within the console, such as ``/activities/{activity}``.
        act: What its user must be allowed to do.
        icon: Name of a Material icon for the menu; empty for a page that is not in the menu.
        build: Draws it between header and footer, below its heading.
        heading: Whether the page's title is drawn as its heading; a page with a heading of its own says no.
        parent: Name of the page in the menu that it belongs to.
    """

    name: str
    path: str
    act: Act
    build: Callable[[Context], Awaitable[None]]
    icon: str = ""
    heading: bool = True
    parent: str = ""
