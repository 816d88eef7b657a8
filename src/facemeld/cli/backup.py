"""``facemeld backup`` and ``facemeld restore``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facemeld import __version__
from facemeld.cli.common import DataOption, JsonOption, actor, application, settings_for, show
from facemeld.db import utc_now
from facemeld.services.upkeep.backup import BackupMaker, BackupPlan
from facemeld.services.upkeep.manifest import Manifest
from facemeld.services.upkeep.restore import RestorePlan, restore, verify

_WITH_KEYS = "THE BACKUP HOLDS THE KEYS: whoever can read it can read every stored secret and sign results. Keep it like a password."
_WITHOUT_KEYS = (
    "The backup does NOT hold master.key and the signing key. Keep a copy of {path} in another safe place: "
    "without it, no access key in the backup can be read again."
)
_IN_SETTINGS = "The master key is in the settings and not in the backup. Keep FACEMELD_MASTER_KEY in another safe place."
_WITH_RESULTS = "THE BACKUP HOLDS RESULTS, pictures of users. It keeps them beyond their expiry and beyond requests to delete them."


def backup(
    target: Annotated[Path, typer.Argument(help="Folder that does not exist yet, or a file whose name ends in .tar.")],
    include_keys: Annotated[bool, typer.Option("--include-keys", help="Include the master key and the signing key.")] = False,
    results: Annotated[bool, typer.Option("--results", help="Include results: pictures of users.")] = False,
    copy: Annotated[bool, typer.Option("--copy", help="Copy files also where hard links to the originals would do.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Back up database and materials, also while the server runs."""
    with application(data) as opened:
        settings = opened.settings
        maker = BackupMaker(
            folder=settings.data,
            database=opened.database,
            materials=opened.materials,
            results=opened.results,
            audit=opened.audit,
            clock=utc_now,
            version=__version__,
            key=opened.backup_key,
            key_in_settings=settings.master_key is not None,
        )
        made = maker.make(BackupPlan(target, include_keys, results, copy), actor=actor())
    notes = (
        [_WITH_KEYS] if include_keys else [_IN_SETTINGS if settings.master_key else _WITHOUT_KEYS.format(path=settings.data / "master.key")]
    )
    notes += [_WITH_RESULTS] * results
    for note in notes:
        typer.secho(note, err=True, fg=typer.colors.YELLOW)
    for material in made.damaged:
        typer.secho(f"The picture of {material} is damaged, and so it is in the backup.", err=True, fg=typer.colors.RED)
    value = {"Backup": str(target), "Files": len(made.manifest.entries), "Bytes": made.bytes, "Damaged": list(made.damaged)}
    show(value, as_json, f"{target}: {len(made.manifest.entries)} files, {made.bytes >> 20} MiB")
    if made.damaged:
        raise typer.Exit(1)


def restore_backup(
    source: Annotated[Path, typer.Argument(help="What `facemeld backup` made.")],
    key_file: Annotated[Path | None, typer.Option("--key-file", help="The master key, when it was kept apart.")] = None,
    without_key: Annotated[
        bool, typer.Option("--without-key", help="Go on with a new master key: stored secrets stay unreadable.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Only verify the backup; restore nothing.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Restore a backup into an empty data folder, after verifying every file of it."""
    if check:
        _show(verify(source), as_json, f"{source} is whole")
        return
    settings = settings_for(data)
    if settings.database_url:
        raise typer.BadParameter("a backup is restored into the data folder; unset FACEMELD_DATABASE_URL")
    secret = None if settings.master_key is None else settings.master_key.get_secret_value()
    name = Path(settings.resolved_database_url.removeprefix("sqlite:///")).name
    plan = RestorePlan(source, settings.data, name, secret, key_file, without_key)
    _show(restore(plan, actor=actor(), clock=utc_now), as_json, f"{settings.data} is restored from {source}")


def _show(manifest: Manifest, as_json: bool, text: str) -> None:
    value = {"CreatedAt": manifest.created_at, "Version": manifest.version, "Files": len(manifest.entries), "Results": manifest.results}
    show(value, as_json, f"{text}: made {manifest.created_at} by version {manifest.version}, {len(manifest.entries)} files")
