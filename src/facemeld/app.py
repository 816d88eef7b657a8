"""The composition root: settings in, wired application out. The only module that knows every room."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network

from facemeld.accounts import AccountStore, KeyVault
from facemeld.catalog import ActivityStore, Material, MaterialFiles, MaterialStore
from facemeld.db import Database, utc_now
from facemeld.db.durable import make_folder
from facemeld.media.decode import DecodeLimits
from facemeld.media.fetch import Fetcher, FetchPolicy
from facemeld.models import ensure_bundle
from facemeld.results import LocalResultStore
from facemeld.services.fusing import FuseRules, FuseService
from facemeld.services.materials import MaterialRules, MaterialService
from facemeld.services.photos import ImageLimits
from facemeld.settings import Settings, split_list
from facemeld.workers.context import WorkerConfig
from facemeld.workers.executor import Executor
from facemeld.workers.local import LocalExecutor, PoolLimits
from facemeld.workers.photos import PhotoRules

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Application:
    """Everything that needs no worker: the stores, opened on one data folder."""

    settings: Settings
    database: Database
    accounts: AccountStore
    activities: ActivityStore
    materials: MaterialStore
    results: LocalResultStore

    def executor(self, workers: int | None = None) -> LocalExecutor:
        """An executor for pixel tasks; not started yet. ``workers`` overrides the setting."""
        settings = self.settings
        config = WorkerConfig(
            bundle=ensure_bundle(settings.model_dir),
            memory_bytes=settings.worker_memory_mb * MIB,
            plan_cache_bytes=settings.plan_cache_mb * MIB,
        )
        limits = PoolLimits(workers=workers or settings.workers, queue=settings.queue_limit, tasks_per_worker=settings.worker_tasks)
        return LocalExecutor(config, limits)

    def fetcher(self) -> Fetcher:
        """A guarded fetcher."""
        settings = self.settings
        return Fetcher(
            FetchPolicy(
                total_seconds=settings.fetch_seconds,
                connect_seconds=settings.fetch_connect_seconds,
                max_redirects=settings.fetch_redirects,
                ports=frozenset(int(port) for port in split_list(settings.fetch_ports)),
                allow=tuple(ip_network(network) for network in split_list(settings.fetch_allow)),
                proxy=settings.fetch_proxy or None,
            )
        )

    def fusing(self, executor: Executor, fetcher: Fetcher) -> FuseService:
        """The use case of FuseFace."""
        return FuseService(self.materials, executor, fetcher, self.results, self._fuse_rules(), utc_now)

    def importing(self, executor: Executor) -> MaterialService:
        """The use case of importing materials."""
        rules = MaterialRules(
            limits=self._material_limits(), seconds=self.settings.task_seconds, auto_review=self.settings.review == "auto"
        )
        return MaterialService(self.activities, self.materials, executor, rules)

    async def add_material(self, project_id: str, picture: bytes, name: str, *, approve: bool, actor: str) -> Material:
        """Import one material with a worker of its own, for commands; see ``MaterialService.add``."""
        executor = self.executor(workers=1)
        await executor.start()
        try:
            return await self.importing(executor).add(project_id, picture, name, approve=approve, actor=actor)
        finally:
            await executor.stop(0)

    def _material_limits(self) -> DecodeLimits:
        side = self.settings.material_max_side
        return DecodeLimits(min_side=64, max_side=side, max_pixels=side * side, max_bytes=self.settings.material_max_mb * MIB)

    def _fuse_rules(self) -> FuseRules:
        settings = self.settings
        images = ImageLimits(base64_chars=settings.image_base64_mb * MIB, url_bytes=settings.image_url_mb * MIB)
        user_limits = DecodeLimits(
            min_side=settings.user_min_side,
            max_side=settings.user_max_side,
            max_pixels=settings.user_max_side**2,
            max_bytes=images.url_bytes,
        )
        return FuseRules(
            photos=PhotoRules(user_limits, settings.user_min_face),
            images=images,
            material_limits=self._material_limits(),
            logo_limits=DecodeLimits(min_side=1, max_side=settings.user_max_side, max_aspect=100, max_bytes=images.url_bytes),
            seconds=settings.task_seconds,
            result_life=timedelta(hours=settings.result_hours),
            jpeg_quality=settings.jpeg_quality,
            label_required=settings.label_required,
            producer=settings.label_producer,
        )


@contextmanager
def open_application(settings: Settings) -> Iterator[Application]:
    """Open the stores of a data folder, bringing its database up to date first; closed at the end of the block."""
    # Everything in the data folder is private to the user who runs the service.
    os.umask(0o077)
    make_folder(settings.data)
    vault = _vault(settings)
    database = Database(settings.resolved_database_url)
    try:
        database.upgrade()
        yield Application(
            settings=settings,
            database=database,
            accounts=AccountStore(database, vault),
            activities=ActivityStore(database),
            materials=MaterialStore(database, MaterialFiles(settings.data / "materials")),
            results=LocalResultStore(settings.data / "results", vault.derive("result-urls")),
        )
    finally:
        database.close()


def _vault(settings: Settings) -> KeyVault:
    if settings.master_key is not None:
        return KeyVault.from_secret(settings.master_key.get_secret_value())
    return KeyVault.from_file(settings.data / "master.key")
