"""Checks of the database: is the file whole, is the schema the right one, do ids go on, do the secrets belong to the master key."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from facemeld.accounts import AccountStore
from facemeld.accounts.errors import VaultError
from facemeld.catalog import MaterialFiles, highest_number
from facemeld.db import AuditLog, Clock, Database
from facemeld.db.database import HEAD_REVISION
from facemeld.db.inspection import inspect_file, last_snowflake, raise_snowflake, use_wal
from facemeld.db.snowflake import moment_of
from facemeld.services.upkeep.checks import Check, Report, Trouble

LARGEST_WAL = 256 << 20
"""Bytes of a write-ahead log that has not been emptied for too long."""

_RESTORE = "Stop the server, keep a copy of the data folder, and restore a backup into an empty one with `facemeld restore`."
_AHEAD = timedelta(days=1)


def file_check(database: Database) -> Check:
    """Whether the file of a SQLite database is whole, in the right mode and of this version's schema."""

    def look() -> Report:
        return _look_at_file(database, database.file) if database.file is not None else _look_at_schema(database, "")

    return Check("database", look, _RESTORE)


def _look_at_file(database: Database, file: Path) -> Report:
    state = inspect_file(file)
    if state.faults:
        return Report("", (Trouble(f"{file.name} is damaged: {state.faults[0]}", _RESTORE, state.faults),))
    troubles = []
    if state.journal != "wal" or state.wal_bytes > LARGEST_WAL:
        text = f"the journal mode is {state.journal}, with {state.wal_bytes >> 20} MiB of log"

        def repair() -> str:
            use_wal(file)
            return "set the journal mode and emptied the log"

        troubles.append(Trouble(text, "Run `facemeld doctor --repair`, if need be while no server runs.", repair=repair))
    schema = _look_at_schema(database, f"{file.name}, {file.stat().st_size >> 10} KiB, ")
    return Report(schema.found, (*troubles, *schema.troubles))


def _look_at_schema(database: Database, start: str) -> Report:
    revision = database.revision()
    found = f"{start}integrity and references hold, revision {revision}"
    if revision == HEAD_REVISION:
        return Report(found)
    text = f"the schema must be {HEAD_REVISION}, got {revision}"

    def repair() -> str:
        database.upgrade()
        return f"brought the schema from {revision} to {HEAD_REVISION}"

    advice = "Run `facemeld doctor --repair`, or start the server. A schema newer than this version needs a newer Facemeld."
    return Report(found, (Trouble(text, advice, repair=repair),))


def counter_check(database: Database, files: MaterialFiles, clock: Clock) -> Check:
    """Whether the next id will be larger than every one there is."""

    def look() -> Report:
        last, highest = last_snowflake(database), highest_number(database, files)
        if last is not None and last >= highest:
            return Report(_ahead(moment_of(last), clock()))

        def repair() -> str:
            raise_snowflake(database, highest)
            return f"raised the counter to {highest}"

        text = f"the counter of ids must be at least {highest}, got {last}"
        return Report("", (Trouble(text, "Run `facemeld doctor --repair`; until then imports may fail.", repair=repair),))

    return Check("ids", look, "See the check of the database.")


def _ahead(made: datetime, now: datetime) -> str:
    late = f", which lies ahead: the clock was once wrong, ids go on from {made:%Y-%m-%d}" if made > now + _AHEAD else ""
    return f"the last one is of {made:%Y-%m-%d %H:%M} UTC{late}"


def secrets_check(accounts: AccountStore) -> Check:
    """Whether every stored secret can be read with the master key that is there."""

    def look() -> Report:
        keys = [key.secret_id for key in accounts.keys(None)]
        unreadable = []
        for secret_id in keys:
            try:
                accounts.credential(secret_id)
            except VaultError:
                unreadable.append(secret_id)
        if not unreadable:
            return Report(f"{len(keys)} access keys can be read")
        advice = "Put the master key back that they were stored under, or disable them and create new ones."
        return Report("", (Trouble(f"{len(unreadable)} access keys belong to another master key", advice, tuple(unreadable)),))

    return Check("access keys", look, "See the check of the database.")


def audit_check(audit: AuditLog) -> Check:
    """Whether the chain of the audit log holds."""

    def look() -> Report:
        verdict = audit.verify()
        if verdict.sound:
            return Report(f"{verdict.entries} entries, the chain holds")
        advice = "Find out who changed the log, and keep the database as evidence; a backup shows what it was before."
        return Report("", (Trouble(f"entry {verdict.bad} does not hold: {verdict.fault}", advice),))

    return Check("audit log", look, "See the check of the database.")
