"""What the console works with: the use cases, what the operator set, and the files on their way to open pages."""

from __future__ import annotations

from dataclasses import dataclass, field

from facemeld.console.inbox import Inbox
from facemeld.services.administration import Administration
from facemeld.services.overview import Overview
from facemeld.settings import Settings


@dataclass(frozen=True, slots=True)
class House:
    """The use cases behind the console; a page that needs another one adds a field here, and ``server.py`` fills it."""

    administration: Administration
    overview: Overview
    settings: Settings
    inbox: Inbox = field(default_factory=Inbox)
