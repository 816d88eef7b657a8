"""What the console works with: the use cases, what the operator set, and the files on their way to open pages."""

from __future__ import annotations

from dataclasses import dataclass, field

from facemeld.console.inbox import Inbox
from facemeld.console.shelf import Shelf
from facemeld.services.administration import Administration
from facemeld.services.overview import Overview
from facemeld.services.previewing import PreviewService
from facemeld.services.trying import Caller
from facemeld.settings import Settings


@dataclass(frozen=True, slots=True)
class House:
    """The use cases behind the console; a page that needs another one adds a field here, and ``server.py`` fills it."""

    administration: Administration
    overview: Overview
    previews: PreviewService
    settings: Settings
    calls: Caller
    inbox: Inbox = field(default_factory=Inbox)
    shelf: Shelf = field(default_factory=Shelf)
