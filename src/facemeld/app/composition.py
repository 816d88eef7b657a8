"""The composition root: builds the stores and use cases from the settings, each once."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property, partial
from ipaddress import ip_network

from facemeld import __version__
from facemeld.accounts.credit import ChargeStore
from facemeld.accounts.rates import ActivityRates, RateLimiter, default_rates
from facemeld.accounts.store import AccountStore
from facemeld.accounts.types import Rates, VaultError
from facemeld.accounts.vault import KeyVault
from facemeld.counts import Counts
from facemeld.db.audit import AuditLog
from facemeld.db.database import Database
from facemeld.db.errors import utc_now
from facemeld.db.files import Occupancy, occupied
from facemeld.fusing.requests import FuseRules, ImageLimits, MarkRules
from facemeld.fusing.service import Finisher, FuseService, PreviewService
from facemeld.marks.authority import SigningIdentity
from facemeld.materials.activities import ActivityStore
from facemeld.materials.files import MaterialFiles
from facemeld.materials.lookup import ListingService, MaterialAddresses, Templates
from facemeld.materials.service import MaterialRules, MaterialService
from facemeld.materials.store import MaterialStore
from facemeld.media.decode import DecodeLimits
from facemeld.media.fetch import Fetcher, FetchPolicy
from facemeld.models.store import ensure_bundle
from facemeld.privacy.deletion import Consents, DeletionService, ReceiptSigner
from facemeld.privacy.store import PrivacyStore
from facemeld.results.local import LocalResultStore
from facemeld.settings.catalogue import Settings
from facemeld.settings.groups import split_list
from facemeld.upkeep.administration import Administration, read_configuration
from facemeld.upkeep.backup import KEY_PURPOSE
from facemeld.upkeep.keys import mark_key, signing_identity, vault
from facemeld.upkeep.overview import Overview
from facemeld.usage.store import UsageSearch, UsageStore
from facemeld.users.signin import SignIn
from facemeld.users.store import UserStore
from facemeld.verify.service import VerifyRules, VerifyService
from facemeld.workers.pool.context import WorkerConfig
from facemeld.workers.pool.executor import Executor
from facemeld.workers.pool.local import LocalExecutor, PoolLimits
from facemeld.workers.tasks.inputs import IncomingRule
from facemeld.workers.tasks.photos import PhotoRules

MIB = 1 << 20
LEGACY_MATERIAL_SIDE = 1080
"""Longest side of a material that version 2018-12-01 accepts in strict mode, in pixels."""


@dataclass(frozen=True)
class Application:
    """The stores of a data folder, and all other objects that need no worker; each is built once."""

    settings: Settings
    occupancy: Occupancy
    database: Database
    accounts: AccountStore
    charges: ChargeStore
    usage: UsageStore
    users: UserStore
    audit: AuditLog
    activities: ActivityStore
    materials: MaterialStore
    results: LocalResultStore
    privacy: PrivacyStore
    receipts: ReceiptSigner
    material_addresses: MaterialAddresses
    counts: Counts
    mark_key: bytes = field(repr=False)
    backup_key: bytes = field(repr=False)

    @property
    def templates(self) -> Templates:
        """The reader of materials for fusions."""
        return Templates(self.activities, self.materials)

    @cached_property
    def limiter(self) -> RateLimiter:
        """The counter of calls for all rates: of keys, accounts and activities."""
        with self.settings.naming("rates.storage"):
            return RateLimiter(self.settings.rates.storage)

    @cached_property
    def rates(self) -> Rates:
        """Rates of keys, accounts and activities that have none of their own."""
        with self.settings.naming("rates.limits"):
            return default_rates(self.settings.rates.limits, strict=self.settings.api.strict)

    @cached_property
    def sign_in(self) -> SignIn:
        """The use case of signing in; one counter of attempts for the console and the admin API."""
        settings = self.settings
        return SignIn(
            self.users,
            attempts=settings.console.sign_in_attempts,
            session=timedelta(hours=settings.console.session_hours),
            storage=settings.rates.storage,
            counts=self.counts,
        )

    @cached_property
    def deletion(self) -> DeletionService:
        """The use case of deleting a person's results."""
        return DeletionService(
            self.privacy, self.results, self.accounts, signer=self.receipts, clock=utc_now, server=f"facemeld {__version__}"
        )

    def signing_identity(self) -> SigningIdentity | None:
        """Return the identity that signs results; see ``upkeep.keys.signing_identity``."""
        return signing_identity(self.settings)

    def executor(self, workers: int | None = None) -> LocalExecutor:
        """Return an executor for pixel tasks, not yet started. ``workers`` overrides the setting."""
        settings = self.settings
        config = WorkerConfig(
            bundle=ensure_bundle(settings.model_dir),
            memory_bytes=settings.workers.memory_mb * MIB,
            cpu_seconds=settings.workers.cpu_seconds,
            plan_cache_bytes=settings.workers.plan_cache_mb * MIB,
            threads=settings.workers.threads,
            mark_key=self.mark_key,
            identity=self.signing_identity(),
        )
        limits = PoolLimits(
            workers=workers or settings.workers.count,
            queue=settings.workers.queue_limit,
            queue_seconds=settings.workers.queue_seconds,
            tasks_per_worker=settings.workers.tasks,
        )
        return LocalExecutor(config, limits)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[Services]:
        """Run a worker for the use cases of a command until the block ends."""
        executor = self.executor(workers=1)
        await executor.start()
        try:
            yield Services(self, executor)
        finally:
            await executor.stop(0)


class Services:
    """The use cases of a running server or command; each is built once, on first use.

    Args:
        application: The opened stores.
        executor: Runs the pixel work.
    """

    def __init__(self, application: Application, executor: Executor) -> None:
        self._application = application
        self._settings = application.settings
        self._executor = executor

    @cached_property
    def fetcher(self) -> Fetcher:
        """The guarded fetcher."""
        settings = self._settings
        return Fetcher(
            FetchPolicy(
                total_seconds=settings.fetch.seconds,
                connect_seconds=settings.fetch.connect_seconds,
                max_redirects=settings.fetch.redirects,
                ports=frozenset(int(port) for port in split_list(settings.fetch.ports)),
                allow=tuple(ip_network(network) for network in split_list(settings.fetch.allow)),
                proxy=settings.fetch.proxy or None,
            ),
            counts=self._application.counts,
        )

    @cached_property
    def fusing(self) -> FuseService:
        """The use case of FuseFace."""
        return self._fuse_service(self.finisher, ActivityRates(self._application.limiter))

    @cached_property
    def legacy_fusing(self) -> FuseService:
        """The use case of fusing by the rules of API version 2018-12-01."""
        application, rates = self._application, self._application.rates
        activity_rates = ActivityRates(application.limiter, rates.get("published"), rates.get("unpublished"))
        return self._fuse_service(self._finisher(_legacy_rules(self._settings)), activity_rates)

    @cached_property
    def fusing_ultra(self) -> FuseService:
        """The use case of FuseFaceUltra."""
        return self._fuse_service(self._finisher(_ultra_rules(self._settings)), ActivityRates(self._application.limiter))

    def _fuse_service(self, finisher: Finisher, rates: ActivityRates) -> FuseService:
        return FuseService(self._application.templates, rates, self._executor, self.fetcher, finisher)

    @cached_property
    def finisher(self) -> Finisher:
        """The use case that marks and stores results of FuseFace and previews."""
        return self._finisher(_fuse_rules(self._settings))

    def _finisher(self, rules: FuseRules) -> Finisher:
        application = self._application
        return Finisher(application.results, Consents(application.privacy, self._settings.api.consent_required), rules, utc_now)

    @cached_property
    def administration(self) -> Administration:
        """The use cases of operators."""
        application = self._application
        return Administration(
            accounts=application.accounts,
            charges=application.charges,
            users=application.users,
            activities=application.activities,
            materials=application.materials,
            importing=self.importing,
            usage=application.usage,
            search=UsageSearch(application.database),
            results=application.results,
            audit=application.audit,
            privacy=application.privacy,
            deletion=application.deletion,
            signing_in=application.sign_in,
            verifying=self.verifying,
            configuration=partial(read_configuration, self._settings),
            clock=utc_now,
        )

    @cached_property
    def overview(self) -> Overview:
        """The data of the console's first page."""
        return Overview(self.administration, self._application.database, self._executor, self._settings.data, utc_now)

    @cached_property
    def previewing(self) -> PreviewService:
        """The use case of previewing a material."""
        application = self._application
        return PreviewService(application.templates, self._executor, self.finisher, application.audit)

    @cached_property
    def listing(self) -> ListingService:
        """The use case of listing materials."""
        return ListingService(self._application.activities, self._application.materials)

    @cached_property
    def importing(self) -> MaterialService:
        """The use case of importing materials."""
        application, settings = self._application, self._settings
        rules = MaterialRules(
            limits=_material_limits(settings),
            seconds=settings.workers.task_seconds,
            auto_review=settings.materials.review == "auto",
            language=settings.api.language,
            refuse_synthetic=settings.marks.incoming_synthetic == "refuse",
        )
        return MaterialService(application.activities, application.materials, self._executor, rules, application.counts)

    @cached_property
    def verifying(self) -> VerifyService:
        """The use case of verifying pictures."""
        settings, identity = self._settings, self._application.signing_identity()
        side = settings.verify.max_side
        limits = DecodeLimits(
            min_side=1,
            max_side=side,
            max_pixels=side * side,
            max_aspect=1000,
            max_bytes=settings.verify.max_mb * MIB,
            formats=("jpeg", "png", "webp"),
        )
        anchors, local = (identity.anchor, identity.local) if identity is not None else ("", False)
        return VerifyService(self._executor, VerifyRules(limits, settings.verify.seconds, anchors, local))


def _material_limits(settings: Settings) -> DecodeLimits:
    side = settings.materials.max_side
    return DecodeLimits(min_side=64, max_side=side, max_pixels=side * side, max_bytes=settings.materials.max_mb * MIB)


def _fuse_rules(settings: Settings) -> FuseRules:
    images = ImageLimits(base64_chars=settings.photos.base64_mb * MIB, url_bytes=settings.photos.url_mb * MIB)
    user_limits = DecodeLimits(
        min_side=settings.photos.min_side,
        max_side=settings.photos.max_side,
        max_pixels=settings.photos.max_side**2,
        max_bytes=images.url_bytes,
    )
    return FuseRules(
        photos=PhotoRules(
            user_limits,
            settings.photos.min_face,
            incoming=IncomingRule(settings.marks.incoming_synthetic == "refuse", settings.marks.incoming_invisible),
        ),
        images=images,
        material_limits=_material_limits(settings),
        logo_limits=DecodeLimits(min_side=1, max_side=settings.photos.max_side, max_aspect=100, max_bytes=images.url_bytes),
        seconds=settings.workers.task_seconds,
        result_life=timedelta(hours=settings.results.hours),
        jpeg_quality=settings.results.jpeg_quality,
        marks=MarkRules(
            producer=settings.label.producer,
            required=settings.label.required,
            logo_rule=settings.label.logo,
            texts={"zh": settings.label.text_zh, "en": settings.label.text_en},
            corner=settings.label.corner,
            invisible=settings.marks.invisible,
        ),
    )


def _legacy_rules(settings: Settings) -> FuseRules:
    rules, side = _fuse_rules(settings), settings.photos.legacy_max_side
    limits = replace(rules.photos.limits, max_side=side, max_pixels=side * side)
    return replace(
        rules,
        photos=replace(rules.photos, limits=limits, whole_face=True),
        material_max_side=LEGACY_MATERIAL_SIDE if settings.api.strict else None,
    )


def _ultra_rules(settings: Settings) -> FuseRules:
    rules = _fuse_rules(settings)
    images = ImageLimits(base64_chars=settings.photos.ultra_base64_mb * MIB, url_bytes=settings.photos.ultra_url_mb * MIB)
    side = settings.photos.ultra_max_side
    limits = DecodeLimits(min_side=settings.photos.min_side, max_side=side, max_pixels=side * side, max_bytes=images.url_bytes)
    return replace(
        rules,
        photos=replace(rules.photos, limits=limits),
        images=images,
        material_limits=limits,
        logo_limits=replace(rules.logo_limits, max_bytes=images.url_bytes),
        result_life=timedelta(hours=settings.results.ultra_hours),
    )


@contextmanager
def open_application(settings: Settings) -> Iterator[Application]:
    """Open the stores of a data folder until the block ends; upgrades the database first."""
    # Everything in the data folder is private to the user who runs the service.
    os.umask(0o077)
    with occupied(settings.data) as occupancy, closing(Database(settings.resolved_database_url)) as database:
        keys = _keys(settings, database)
        database.upgrade()
        files = MaterialFiles(settings.data / "materials")
        counts = Counts()
        yield Application(
            settings=settings,
            occupancy=occupancy,
            database=database,
            accounts=AccountStore(database, keys),
            charges=ChargeStore(database, timedelta(seconds=settings.usage.charge_lease_seconds)),
            usage=UsageStore(database),
            users=UserStore(database),
            audit=AuditLog(database),
            activities=ActivityStore(database),
            materials=MaterialStore(database, files),
            results=LocalResultStore(settings.data / "results", keys.derive("result-urls"), counts=counts),
            privacy=PrivacyStore(database),
            receipts=ReceiptSigner(keys.derive("deletion-receipts")),
            material_addresses=MaterialAddresses(files, keys.derive("material-urls"), utc_now),
            counts=counts,
            mark_key=mark_key(keys),
            backup_key=keys.derive(KEY_PURPOSE),
        )


def _keys(settings: Settings, database: Database) -> KeyVault:
    path = settings.data / "master.key"
    # Never replace a lost key silently: data stored under it could not be read again.
    if settings.master_key is None and not path.exists() and database.file is not None and database.revision() is not None:
        raise VaultError(f"the key file {path} must be there, because {database.file.name} was made with it; put it back")
    return vault(settings)
