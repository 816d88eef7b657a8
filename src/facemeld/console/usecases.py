"""What the console works with: the use cases, what the operator set, and the files on their way to open pages."""

from __future__ import annotations

from dataclasses import dataclass, field

from facemeld.api.calls import DirectCalls
from facemeld.console.files import TemporaryFiles, Uploads
from facemeld.fusing.service import PreviewService
from facemeld.settings.catalogue import Settings
from facemeld.upkeep.administration import Administration
from facemeld.upkeep.overview import Overview


@dataclass(frozen=True, slots=True)
class UseCases:
    """The use cases behind the console; a page that needs another one adds a field here, and ``app/server.py`` fills it."""

    administration: Administration
    overview: Overview
    previews: PreviewService
    settings: Settings
    calls: DirectCalls
    uploads: Uploads = field(default_factory=Uploads)
    temporary_files: TemporaryFiles = field(default_factory=TemporaryFiles)
