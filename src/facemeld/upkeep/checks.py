"""Checks of an open data folder: each looks at one thing, reports what it found, and may offer a repair."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from cryptography import x509

from facemeld.accounts.store import AccountStore
from facemeld.accounts.types import VaultError
from facemeld.db.audit import AuditLog
from facemeld.db.database import HEAD_REVISION, Database, moment_of
from facemeld.db.errors import Clock, utc_now
from facemeld.db.files import TEMPORARY_PREFIX, Occupancy
from facemeld.db.inspection import inspect_file, last_snowflake, raise_snowflake, use_wal
from facemeld.errors import FacemeldError
from facemeld.marks.authority import SigningIdentity
from facemeld.materials import reconcile
from facemeld.materials.store import MaterialStore
from facemeld.materials.types import Material, MaterialDeleted, MaterialNotSaved, material_id
from facemeld.results.local import LocalResultStore
from facemeld.upkeep.backup import living
from facemeld.workers.tasks.template import PlanState, plan_state

MOST_DETAILS = 50
"""Most ids or names listed by one check."""

LARGEST_WAL = 256 << 20
"""Size in bytes above which a write-ahead log is reported as never emptied."""

SOON = timedelta(days=30)
"""Time before its expiry from which a certificate is reported."""

_ROUNDS = 3
_ANY_CLOCK = timedelta(days=365)

_REPAIR = "Run `facemeld doctor --repair`."
RESTORE = "Stop the server, keep a copy of the data folder, and restore a backup into an empty folder with `facemeld restore`."
_FROM_BACKUP = (
    "Mount the store or take the files from a backup; or delete these materials with `facemeld material delete` and import them again."
)
_SEE_DATABASE = "See the check of the database."
_WRITABLE = "Make the data folder readable and writable for the user that runs the service."


@dataclass(frozen=True, slots=True)
class Trouble:
    """A fault that a check found.

    Attributes:
        text: The fault, in one line.
        advice: Advice for the operator, also if a repair is possible.
        details: Ids or names of the objects concerned.
        repair: Repairs the fault and returns a description; None if a program cannot.
    """

    text: str
    advice: str
    details: tuple[str, ...] = ()
    repair: Callable[[], str] | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one check before repairs: a summary, faults, and notes that are not faults."""

    found: str
    troubles: tuple[Trouble, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        name: Name for people and programs.
        look: Performs the check without changing anything.
        advice: Advice if ``look`` itself fails.
    """

    name: str
    look: Callable[[], Report]
    advice: str


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of a check, after any repairs.

    Attributes:
        check: Name of the check.
        ok: Whether everything is in order now.
        found: Summary of the state or of the remaining faults.
        advice: Advice on the remaining faults.
        details: Ids or names of the objects with remaining faults.
        repaired: Descriptions of repairs.
        notes: Remarks that are not faults.
    """

    check: str
    ok: bool
    found: str
    advice: str = ""
    details: tuple[str, ...] = ()
    repaired: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def examine(check: Check, *, repair: bool = False) -> Finding:
    """Run a check; with ``repair``, repair what is possible and look again, so that only effective repairs count."""
    done: list[str] = []
    failed = ""
    try:
        report = check.look()
        # A repair may uncover the next fault: the files of a material that was just given up have no owner.
        for _ in range(_ROUNDS if repair else 0):
            mended, failed = _mend(report)
            done += mended
            if not mended:
                break
            report = check.look()
    except (FacemeldError, OSError, ImportError, RuntimeError, ValueError) as error:
        return Finding(check.name, False, _one_line(error), check.advice, repaired=tuple(done))
    if not report.troubles:
        return Finding(check.name, True, report.found, repaired=tuple(done), notes=report.notes)
    details = tuple(detail for trouble in report.troubles for detail in trouble.details)
    return Finding(
        check=check.name,
        ok=False,
        found="; ".join(trouble.text for trouble in report.troubles) + failed,
        advice=" ".join(dict.fromkeys(trouble.advice for trouble in report.troubles)),
        details=(*details[:MOST_DETAILS], *([f"and {len(details) - MOST_DETAILS} more"] if len(details) > MOST_DETAILS else [])),
        repaired=tuple(done),
    )


def _mend(report: Report) -> tuple[list[str], str]:
    """Run the repairs of a report; return what they did, and a text about those that failed."""
    done, failed = [], ""
    for trouble in report.troubles:
        if trouble.repair is not None:
            try:
                done.append(trouble.repair())
            except (FacemeldError, OSError) as error:
                failed += f" (the repair failed: {_one_line(error)})"
    return done, failed


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


@dataclass(frozen=True, slots=True)
class Installation:
    """An open data folder, and what repairs may do to it.

    Attributes:
        identity: Loads the identity that signs results; None if results are not signed.
        renew: Remakes the plans of materials, see ``MaterialService.renew_plans``.
        actor: Name for the audit log.
        retire_lost: Whether repairs may mark materials whose pictures are lost as deleted.
        remove_strangers: Whether repairs may delete any number of material folders that are not in the database.
    """

    folder: Path
    database: Database
    accounts: AccountStore
    audit: AuditLog
    materials: MaterialStore
    results: LocalResultStore
    occupancy: Occupancy
    identity: Callable[[], SigningIdentity | None]
    renew: Callable[[Sequence[Material]], tuple[int, tuple[str, ...]]]
    actor: str
    retire_lost: bool = False
    remove_strangers: bool = False
    clock: Clock = utc_now


DATA_CHECKS = ("ids", "access keys", "audit log", "unfinished files", "materials", "pictures", "results", "plans", "signing")
"""Names of the checks that need an open data folder, in their order."""


def data_checks(here: Installation, engine: Callable[[], str]) -> tuple[Check, ...]:
    """Return the checks of an open data folder; ``engine`` returns the name of this version's engine."""
    store = _StoreChecks(here)
    looks: tuple[tuple[Callable[[], Report], str], ...] = (
        (partial(_counter, here), _SEE_DATABASE),
        (partial(_secrets, here.accounts), _SEE_DATABASE),
        (partial(_audit_chain, here.audit), _SEE_DATABASE),
        (store.unfinished, _WRITABLE),
        (store.materials, _WRITABLE),
        (store.pictures, _WRITABLE),
        (store.results, _WRITABLE),
        (lambda: _plans(here, engine()), "See the checks of models and engine."),
        (
            lambda: certificates(here.identity(), here.clock()),
            "Check the settings FACEMELD_SIGNING_…, or move the folder signing in the data folder away.",
        ),
    )
    return tuple(Check(name, look, advice) for name, (look, advice) in zip(DATA_CHECKS, looks, strict=True))


def check_database(database: Database) -> Report:
    """Check that the file of a SQLite database is intact and in the right mode, and that the schema is this version's."""
    start, troubles = "", []
    if (file := database.file) is not None:
        state = inspect_file(file)
        if state.faults:
            return Report("", (Trouble(f"{file.name} is damaged: {state.faults[0]}", RESTORE, state.faults),))
        start = f"{file.name}, {file.stat().st_size >> 10} KiB, "
        if state.journal != "wal" or state.wal_bytes > LARGEST_WAL:

            def empty() -> str:
                use_wal(file)
                return "set the journal mode and emptied the log"

            text = f"the journal mode is {state.journal}, with {state.wal_bytes >> 20} MiB of log"
            troubles.append(Trouble(text, "Run `facemeld doctor --repair`, with the server stopped if necessary.", repair=empty))
    revision = database.revision()
    if revision != HEAD_REVISION:

        def upgrade() -> str:
            database.upgrade()
            return f"upgraded the schema from {revision} to {HEAD_REVISION}"

        advice = "Run `facemeld doctor --repair`, or start the server. A schema newer than this version needs a newer Facemeld."
        troubles.append(Trouble(f"the schema must be {HEAD_REVISION}, got {revision}", advice, repair=upgrade))
    return Report(f"{start}integrity and references hold, revision {revision}", tuple(troubles))


def _counter(here: Installation) -> Report:
    """Check that the next id will be larger than every id in use."""
    last, highest = last_snowflake(here.database), reconcile.highest_number(here.database, here.materials.files)
    if last is not None and last >= highest:
        made = moment_of(last)
        ahead = made > here.clock() + timedelta(days=1)
        late = f", in the future: the clock was wrong once, ids continue from {made:%Y-%m-%d}" if ahead else ""
        return Report(f"the last id was made {made:%Y-%m-%d %H:%M} UTC{late}")

    def repair() -> str:
        raise_snowflake(here.database, highest)
        return f"raised the counter to {highest}"

    text = f"the counter of ids must be at least {highest}, got {last}"
    return Report("", (Trouble(text, "Run `facemeld doctor --repair`; until then imports may fail.", repair=repair),))


def _secrets(accounts: AccountStore) -> Report:
    """Check that the master key decrypts every stored secret."""
    keys, unreadable = [key.secret_id for key in accounts.keys(None)], []
    for secret_id in keys:
        try:
            accounts.credential(secret_id)
        except VaultError:
            unreadable.append(secret_id)
    if not unreadable:
        return Report(f"{len(keys)} access keys are readable")
    advice = "Put back the master key that encrypted them, or disable them and create new keys."
    return Report("", (Trouble(f"{len(unreadable)} access keys belong to another master key", advice, tuple(unreadable)),))


def _audit_chain(audit: AuditLog) -> Report:
    verdict = audit.verify()
    if verdict.sound:
        return Report(f"{verdict.entries} entries, the chain holds")
    advice = "Find out who changed the log, and keep the database as evidence; a backup shows the earlier state."
    return Report("", (Trouble(f"entry {verdict.bad} does not hold: {verdict.fault}", advice),))


def _plans(here: Installation, engine: str) -> Report:
    """Check that every material's plan is intact and was made by this version's engine."""
    files, found = here.materials.files, {state: list[Material]() for state in PlanState}
    for material in living(here.materials):
        try:
            found[plan_state(files.plan_path(material.number), engine)].append(material)
        except OSError:
            # Without the picture, the plan cannot be remade; the check of the materials reports that.
            if files.has_picture(material.number, material.format, material.size):
                found[PlanState.DAMAGED].append(material)
    stale = (*found[PlanState.OUTDATED], *found[PlanState.DAMAGED])
    if not stale:
        return Report(f"{len(found[PlanState.CURRENT])} plans fit the engine {engine}")

    def repair() -> str:
        done, failed = here.renew(stale)
        if failed:
            raise MaterialNotSaved(f"{done} plans were remade, the others failed: {'; '.join(failed[:5])}")
        return f"remade {done} plans"

    text = f"{len(found[PlanState.OUTDATED])} plans are of another engine, {len(found[PlanState.DAMAGED])} are damaged or missing"
    advice = (
        "Run `facemeld doctor --repair`; until then each fusion makes the plan itself, which takes longer. "
        "If a repair fails because faces have moved, import the picture again."
    )
    return Report("", (Trouble(text, advice, tuple(material.id for material in stale), repair),))


def certificates(signer: SigningIdentity | None, now: datetime) -> Report:
    """Check that every certificate that signs results is valid, and will be for another ``SOON``."""
    if signer is None:
        return Report("results are not signed")
    chain = x509.load_pem_x509_certificates(signer.chain.encode())
    advice = "Replace the certificate (FACEMELD_SIGNING_CERTIFICATE)."
    if signer.local:
        advice = "Move the folder signing in the data folder away: the next start makes a new local authority."
    troubles = []
    for certificate in chain:
        start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if not start <= now <= end - SOON:
            name = certificate.subject.rfc4514_string()
            troubles.append(Trouble(f"{name} is valid only from {start:%Y-%m-%d} to {end:%Y-%m-%d}", advice))
    until = min(certificate.not_valid_after_utc for certificate in chain)
    kind = "the local authority" if signer.local else chain[0].subject.rfc4514_string()
    return Report(f"{kind}, valid until {until:%Y-%m-%d}", tuple(troubles))


@dataclass(frozen=True, slots=True)
class _StoreChecks:
    """Checks of the files beside the database: unfinished files, materials, pictures, results."""

    here: Installation

    def unfinished(self) -> Report:
        """Look for temporary files at the top of the data folder: of the key file, the signing authority, a backup or a restore."""
        with self._since() as before:
            found = [path for path in self.here.folder.glob(f"{TEMPORARY_PREFIX}*") if _changed(path) < before]
        if not found:
            return Report("none")

        def repair() -> str:
            with self._since() as before:
                for path in found:
                    if path.exists() and _changed(path) < before:
                        shutil.rmtree(path) if path.is_dir() else path.unlink()
            return f"removed {len(found)} unfinished files"

        names = tuple(path.name for path in found)
        return Report("", (Trouble(f"{len(found)} files were left unfinished", _REPAIR, names, repair),))

    def materials(self) -> Report:
        """Compare the materials in the database with the folders in the store, both ways."""
        found = self._compare()
        troubles = []
        deleted = found.without_strangers()
        if deleted.orphans or deleted.unfinished:
            names = (*map(material_id, deleted.orphans), *(path.name for path in deleted.unfinished))
            text = f"{len(deleted.orphans)} deleted materials still have files, {len(deleted.unfinished)} files are unfinished"
            troubles.append(Trouble(text, _REPAIR, names, partial(self._remove, reconcile.Differences.without_strangers)))
        if found.strangers:
            troubles.append(self._strangers(found))
        if found.replaced:
            text = f"{len(found.replaced)} replacements of pictures were interrupted"
            troubles.append(Trouble(text, _REPAIR, tuple(map(material_id, found.replaced)), self._settle))
        if found.lost:
            advice = f"{_FROM_BACKUP} `facemeld doctor --repair --retire-lost` marks them as deleted."
            repair = partial(self._retire, found) if self.here.retire_lost else None
            text = f"{len(found.lost)} materials have lost their pictures"
            troubles.append(Trouble(text, advice, tuple(map(material_id, found.lost)), repair))
        return Report(f"{found.known} in the database, including deleted ones; the others all have their pictures", tuple(troubles))

    def _strangers(self, found: reconcile.Differences) -> Trouble:
        # A crash leaves a few such folders; many mean that the database does not belong to the store.
        few = len(found.strangers) <= found.known
        advice = _REPAIR
        if not few:
            advice = "Make sure that this is the right database; if it is, run `facemeld doctor --repair --remove-strangers`."
        text = f"{len(found.strangers)} folders belong to no material in the database, which has {found.known}"
        repair = partial(self._remove, lambda now: now) if few or self.here.remove_strangers else None
        return Trouble(text, advice, tuple(map(material_id, found.strangers)), repair)

    def _settle(self) -> str:
        return f"settled {len(reconcile.settle_all(self.here.database, self.here.materials.files))} replacements"

    def _retire(self, found: reconcile.Differences) -> str:
        reconcile.retire_lost(self.here.database, found, actor=self.here.actor, clock=self.here.clock)
        return f"marked {len(found.lost)} materials as deleted"

    def _remove(self, choose: Callable[[reconcile.Differences], reconcile.Differences]) -> str:
        # Compares again, now that no import can begin.
        with self._since() as before:
            doomed = choose(self._compare_before(before))
            reconcile.remove_orphans(self.here.materials.files, doomed)
        return f"removed the files of {len(doomed.orphans)} materials and {len(doomed.unfinished)} unfinished files"

    def pictures(self) -> Report:
        """Check that every picture has the SHA-256 of its import."""
        checked = [(material.id, self._is_damaged(material)) for material in living(self.here.materials)]
        damaged = tuple(name for name, bad in checked if bad)
        if not damaged:
            return Report(f"{len(checked)} pictures have the digests of their import")
        return Report("", (Trouble(f"{len(damaged)} pictures are damaged", _FROM_BACKUP, damaged),))

    def _is_damaged(self, material: Material) -> bool:
        # A picture that is being replaced is checked again with its new row.
        for _ in range(2):
            try:
                if self.here.materials.files.digest(material.number, material.format) == material.sha256:
                    return False
                material = self.here.materials.get(None, material.id)
            except MaterialDeleted:
                return False  # deleted just now, or reported by the check of the materials
        return True

    def results(self) -> Report:
        """Look for unfinished and expired results."""
        here = self.here
        with self._since() as before:
            found = tuple(here.results.leftovers(here.clock(), before))
        if not found:
            return Report("no result is expired or unfinished")

        def repair() -> str:
            with self._since() as before:
                return f"removed {here.results.remove_leftovers(here.clock(), before)} files of results"

        return Report("", (Trouble(f"{len(found)} files are unfinished or expired", _REPAIR, tuple(path.name for path in found), repair),))

    def _compare(self) -> reconcile.Differences:
        with self._since() as before:
            return self._compare_before(before)

    def _compare_before(self, before: datetime) -> reconcile.Differences:
        here = self.here
        return reconcile.compare(here.database, here.materials.files, grace=here.clock() - before, clock=here.clock)

    @contextmanager
    def _since(self) -> Iterator[datetime]:
        """Yield a time; files older than that belong to no work in progress."""
        with self.here.occupancy.alone() as alone:
            # If we hold the folder alone, every temporary file is stale, whatever the file server's clock says.
            yield self.here.clock() + _ANY_CLOCK if alone else self.here.clock() - reconcile.GRACE


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
