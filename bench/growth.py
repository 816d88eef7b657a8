"""Growth of costs with the pixels of material and photo, faces, rows in the catalogue and plans in memory."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.references import floor, processor_ms
from sqlalchemy import insert

from bench import pictures
from facemeld.app.composition import Application, open_application
from facemeld.db.errors import utc_now
from facemeld.db.models import MaterialFaceRow, MaterialRow
from facemeld.fusion.types import FuseOptions
from facemeld.marks.metadata import ImplicitLabel
from facemeld.materials.types import MaterialStatus
from facemeld.media.decode import DecodeLimits
from facemeld.models.store import ensure_bundle
from facemeld.settings.catalogue import Settings
from facemeld.workers.pool.context import WorkerConfig, WorkerContext, context_for
from facemeld.workers.tasks.fuse import Fuse
from facemeld.workers.tasks.importing import ImportTemplate
from facemeld.workers.tasks.marking import Marking
from facemeld.workers.tasks.photos import ImageSource, PhotoRules, UserPhoto
from facemeld.workers.tasks.template import StoredTemplate, load

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
    _files: dict[bytes, StoredTemplate] = field(default_factory=dict)

    @classmethod
    def of(cls, application: Application, folder: Path) -> Studio:
        """A worker's context with the application's keys."""
        config = WorkerConfig(
            bundle=ensure_bundle(application.settings.model_dir), mark_key=application.mark_key, identity=application.signing_identity()
        )
        return cls(context_for(config), folder)

    def material(self, data: bytes) -> StoredTemplate:
        """Import a material, once."""
        known = self._files.get(data)
        if known is None:
            imported = ImportTemplate(data, LIMITS)(self.context)
            plan, picture = self.folder / f"{imported.digest}.plan", self.folder / f"{imported.digest}.jpg"
            plan.write_bytes(imported.plan)
            picture.write_bytes(data)
            known = self._files[data] = StoredTemplate(imported.digest, plan, picture, LIMITS, imported.digest)
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


SIDES = (512, 1080, 2160, 4096)
MEGAPIXELS = (0.3, 1, 4, 12)
FACES = (1, 2, 3, 4, 5, 6)
ROWS = (10, 10_000, 1_000_000)
_AT_ONCE = 20_000


def measure(*, quick: bool = False) -> dict[str, list[dict[str, float]]]:
    """All curves."""
    sides, megapixels, faces = (SIDES[:2], MEGAPIXELS[:2], FACES[:2]) if quick else (SIDES, MEGAPIXELS, FACES)
    with _application() as (application, folder):
        studio = Studio.of(application, folder)
        times = 3 if quick else 7
        return {
            "material": [_call(studio, times, side=side, x=side * side / 1e6) for side in sides],
            "photo": [_call(studio, times, photo=size, x=size) for size in megapixels],
            "faces": [_call(studio, times, faces=number, x=number) for number in faces],
            "plans": [_plan(studio, side) for side in sides],
            "catalogue": list(_catalogue(ROWS[:2] if quick else ROWS)),
        }


@contextmanager
def _application() -> Iterator[tuple[Application, Path]]:
    with tempfile.TemporaryDirectory(prefix="facemeld-bench-") as folder, open_application(Settings(data=Path(folder) / "data")) as opened:
        yield opened, Path(folder)


def _call(studio: Studio, times: int, *, x: float, side: int = 1080, photo: float = 1, faces: int = 1) -> dict[str, float]:
    material, photos = pictures.material(side, faces), [pictures.photo(photo)] * faces
    whole = processor_ms(studio.call(material, *photos), times)
    return {"x": x, "processor_ms": whole, "floor_ms": processor_ms(floor(material, photos), times)}


def _plan(studio: Studio, side: int) -> dict[str, float]:
    """Measure the memory of a plan, and the time that a call saves by finding it there."""
    file = studio.material(pictures.material(side))
    return {
        "x": side * side / 1e6,
        "file_mb": file.plan.stat().st_size / 2**20,
        "memory_mb": load(studio.context.engine, file)[1] / 2**20,
        "load_ms": processor_ms(lambda: load(studio.context.engine, file), 5),
        "hit_us": microseconds([lambda: studio.context.template(file)] * 200),
    }


def microseconds(works: Iterable[Callable[[], object]]) -> float:
    """Median time of some works, in microseconds."""
    taken = []
    for work in works:
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken) * 1e6


def _catalogue(sizes: Iterable[int]) -> Iterator[dict[str, float]]:
    """Looking up a material, and the first page of a list, among ever more rows."""
    with _application() as (application, _):
        owner = application.accounts.ensure("bench", actor="bench")
        activity = application.activities.create(owner.id, "bench", actor="bench")
        number = int(activity.id.removeprefix("at_"))
        held = 0
        for size in sizes:
            _insert(application, number, range(held + 1, size + 1))
            held = size
            chosen = [f"mt_{value}" for value in random.Random(1).choices(range(1, size + 1), k=500)]
            yield {
                "x": size,
                "lookup_us": microseconds([_lookup(application, owner.id, activity.id, model) for model in chosen]),
                "list_us": microseconds([lambda: application.materials.materials(owner.id, activity.id, limit=20)] * 50),
                "file_mb": sum(file.stat().st_size for file in application.settings.data.glob("facemeld.sqlite3*")) / 2**20,
            }


def _lookup(application: Application, account: int, activity: str, model: str) -> Callable[[], object]:
    return lambda: application.materials.for_fusion(account, activity, model)


def _insert(application: Application, activity: int, numbers: range) -> None:
    now = utc_now()
    common = {
        "activity_id": activity,
        "name": "bench",
        "status": MaterialStatus.MANUAL_PASSED.value,
        "audit_result": "",
        "width": 1080,
        "height": 1080,
        "format": "jpeg",
        "size": 240_000,
        "created_at": now,
        "updated_at": now,
    }
    for start in range(0, len(numbers), _AT_ONCE):
        chunk = numbers[start : start + _AT_ONCE]
        with application.database.transaction() as session:
            session.execute(insert(MaterialRow), [{"id": number, "sha256": f"{number:064x}", **common} for number in chunk])
            session.execute(
                insert(MaterialFaceRow),
                [{"material_id": number, "number": 1, "x": 300, "y": 200, "width": 400, "height": 400} for number in chunk],
            )
