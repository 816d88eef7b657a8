"""The pixel work of a call in this process, exactly as a worker does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from facemeld.app import Application
from facemeld.fusion.types import FuseOptions
from facemeld.marks.metadata import ImplicitLabel
from facemeld.media.decode import DecodeLimits
from facemeld.models import ensure_bundle
from facemeld.workers.marking import Marking
from facemeld.workers.photos import ImageSource, PhotoRules, UserPhoto
from facemeld.workers.pool.context import WorkerConfig, WorkerContext, context_for
from facemeld.workers.tasks import Fuse, ImportTemplate
from facemeld.workers.template import TemplateFile

LIMITS = DecodeLimits(max_side=8000)
_LABEL = "本图片为AI合成图片"
_RESULT = "5b0c7a3e-6f0d-4c58-9a52-0d5be9c4a1f7"


@dataclass
class Studio:
    """A worker's context, and materials that it has imported.

    Attributes:
        context: Engine, keys and the memory of templates.
        folder: Where plans are kept.
    """

    context: WorkerContext
    folder: Path
    _files: dict[bytes, TemplateFile] = field(default_factory=dict)

    @classmethod
    def of(cls, application: Application, folder: Path) -> Studio:
        """A worker's context with the application's keys."""
        config = WorkerConfig(
            bundle=ensure_bundle(application.settings.model_dir), mark_key=application.mark_key, identity=application.signing_identity()
        )
        return cls(context_for(config), folder)

    def material(self, data: bytes) -> TemplateFile:
        """Import a material, once."""
        known = self._files.get(data)
        if known is None:
            imported = ImportTemplate(data, LIMITS)(self.context)
            plan, picture = self.folder / f"{imported.digest}.plan", self.folder / f"{imported.digest}.jpg"
            plan.write_bytes(imported.plan)
            picture.write_bytes(data)
            known = self._files[data] = TemplateFile(imported.digest, plan, picture, LIMITS, imported.digest)
        return known

    def call(self, material: bytes, *photos: bytes) -> Callable[[], object]:
        """Fuse photos into a material, all marks on, the way a call with files does it."""
        marking = Marking(
            label=_LABEL,
            logo=None,
            implicit=ImplicitLabel(content_producer="bench", produce_id=_RESULT),
            metadata=None,
            jpeg_quality=95,
        )
        users = tuple(UserPhoto(ImageSource(data=one), None, number) for number, one in enumerate(photos))
        task = Fuse(self.material(material), users, PhotoRules(LIMITS), FuseOptions(shape=0.5, features=0.5), marking)
        return lambda: task(self.context)
