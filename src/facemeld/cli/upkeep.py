"""``facemeld doctor``, ``facemeld backup`` and ``facemeld restore``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from facemeld.app.composition import Application, open_application
from facemeld.cli.common import DataOption, JsonOption, actor, application, settings_for, show, show_table
from facemeld.db.errors import utc_now
from facemeld.materials.types import Material
from facemeld.upkeep.backup import BackupMaker, Manifest
from facemeld.upkeep.checks import Finding, Installation
from facemeld.upkeep.doctor import Doctor
from facemeld.upkeep.restore import RestorePlan, restore, verify

_WITH_KEYS = "THE BACKUP INCLUDES THE KEYS: whoever can read it can read every stored secret and sign results. Keep it like a password."
_WITHOUT_KEYS = (
    "The backup does NOT include master.key and the signing key. Keep a copy of {path} in another safe place: "
    "without it, no access key in the backup can be read again."
)
_IN_SETTINGS = "The master key is in the settings, not in the backup. Keep FACEMELD_MASTER_KEY in another safe place."
_WITH_RESULTS = "THE BACKUP INCLUDES RESULTS, pictures of users. It keeps them beyond their expiry and beyond requests to delete them."


def doctor(
    repair: Annotated[bool, typer.Option("--repair", help="Repair what can be repaired.")] = False,
    retire_lost: Annotated[
        bool, typer.Option("--retire-lost", help="With --repair: mark materials whose pictures are lost as deleted.")
    ] = False,
    remove_strangers: Annotated[
        bool, typer.Option("--remove-strangers", help="With --repair: delete all material folders that are not in the database.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the installation and its data, and advise on repairs. Exit with status 1 if a fault remains."""
    if (retire_lost or remove_strangers) and not repair:
        raise typer.BadParameter("--retire-lost and --remove-strangers need --repair")
    settings = settings_for(data)

    @contextmanager
    def opened() -> Iterator[Installation]:
        with open_application(settings) as application:
            yield Installation(
                folder=settings.data,
                database=application.database,
                accounts=application.accounts,
                audit=application.audit,
                materials=application.materials,
                results=application.results,
                occupancy=application.occupancy,
                identity=application.signing_identity,
                renew=lambda materials: asyncio.run(_renew(application, materials)),
                actor=actor(),
                retire_lost=retire_lost,
                remove_strangers=remove_strangers,
            )

    findings = list(Doctor(settings, opened).findings(repair=repair))
    if as_json:
        show_table([asdict(finding) for finding in findings], True, "")
    else:
        typer.echo("\n".join(line for finding in findings for line in _lines(finding)))
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


async def _renew(application: Application, materials: Sequence[Material]) -> tuple[int, tuple[str, ...]]:
    async with application.working() as services:
        return await services.importing.renew_plans(materials)


def _lines(finding: Finding) -> Iterator[str]:
    state = "FAIL" if not finding.ok else "mended" if finding.repaired else "ok"
    yield f"{state:<6}  {finding.check}: {finding.found}"
    yield from (f"        done: {done}" for done in finding.repaired)
    yield from (f"        note: {note}" for note in finding.notes)
    if not finding.ok:
        yield from (f"        - {detail}" for detail in finding.details)
        yield f"        -> {finding.advice}"


def backup(
    target: Annotated[Path, typer.Argument(help="New folder, or new file with a name that ends in .tar.")],
    include_keys: Annotated[bool, typer.Option("--include-keys", help="Include the master key and the signing key.")] = False,
    results: Annotated[bool, typer.Option("--results", help="Include results, which are pictures of users.")] = False,
    copy: Annotated[bool, typer.Option("--copy", help="Copy files instead of making hard links to the originals.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Back up the database and the materials; the server may keep running."""
    with application(data) as opened:
        settings = opened.settings
        maker = BackupMaker(
            folder=settings.data,
            database=opened.database,
            materials=opened.materials,
            results=opened.results,
            audit=opened.audit,
            key=opened.backup_key,
            key_in_settings=settings.master_key is not None,
            target=target,
            with_keys=include_keys,
            with_results=results,
            copy=copy,
        )
        manifest, damaged = maker.make(actor=actor())
    keys = _WITH_KEYS if include_keys else _IN_SETTINGS if settings.master_key else _WITHOUT_KEYS.format(path=settings.data / "master.key")
    for note in (keys, *[_WITH_RESULTS] * results):
        typer.secho(note, err=True, fg=typer.colors.YELLOW)
    for material in damaged:
        typer.secho(f"The picture of {material} is damaged; the backup includes it as it is.", err=True, fg=typer.colors.RED)
    size = sum(entry.size for entry in manifest.entries)
    value = {"Backup": str(target), "Files": len(manifest.entries), "Bytes": size, "Damaged": list(damaged)}
    show(value, as_json, f"{target}: {len(manifest.entries)} files, {size >> 20} MiB")
    if damaged:
        raise typer.Exit(1)


def restore_backup(
    source: Annotated[Path, typer.Argument(help="Folder or file made by `facemeld backup`.")],
    key_file: Annotated[Path | None, typer.Option("--key-file", help="File of the master key, if the backup does not include it.")] = None,
    without_key: Annotated[bool, typer.Option("--without-key", help="Create a new master key; stored secrets stay unreadable.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Verify the backup without restoring it.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Restore a backup into an empty data folder after verifying every file."""
    if check:
        _show(verify(source), as_json, f"{source} is intact")
        return
    settings = settings_for(data)
    if settings.database.url:
        raise typer.BadParameter("a backup is restored into the data folder; unset FACEMELD_DATABASE_URL")
    secret = None if settings.master_key is None else settings.master_key.get_secret_value()
    name = Path(settings.resolved_database_url.removeprefix("sqlite:///")).name
    plan = RestorePlan(source, settings.data, name, secret, key_file, without_key)
    _show(restore(plan, actor=actor(), clock=utc_now), as_json, f"{settings.data} is restored from {source}")


def _show(manifest: Manifest, as_json: bool, text: str) -> None:
    value = {"CreatedAt": manifest.created_at, "Version": manifest.version, "Files": len(manifest.entries), "Results": manifest.results}
    show(value, as_json, f"{text}: made {manifest.created_at} by version {manifest.version}, {len(manifest.entries)} files")
