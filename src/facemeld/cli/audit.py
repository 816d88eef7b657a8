"""``facemeld audit``: the log of administrative acts and its chain."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from facemeld.cli.common import DataOption, JsonOption, application, moment, show, show_table

app = typer.Typer(help="The log of administrative acts.", no_args_is_help=True)


@app.command("list")
def list_audit(
    subject: Annotated[str | None, typer.Option("--subject", metavar="ID", help="Only acts on this object, such as at_1 or acme.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="Most entries.")] = 50,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List acts, newest first."""
    with application(data) as opened:
        entries = opened.audit.entries(subject=subject, limit=limit)
    rows = [
        {
            "Id": entry.id,
            "Time": moment(entry.at),
            "Actor": entry.actor,
            "Act": entry.act,
            "Subject": entry.subject,
            "Detail": dict(entry.detail) if as_json else json.dumps(entry.detail, ensure_ascii=False),
        }
        for entry in entries
    ]
    show_table(rows, as_json, "Nothing was administered yet.")


@app.command("head")
def head(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Print the newest entry's number and hash; kept elsewhere, the hash is the anchor of a later check."""
    with application(data) as opened:
        newest = opened.audit.head()
    show({"Id": newest.id, "Hash": newest.hash}, as_json, f"{newest.id} {newest.hash}")


@app.command("verify")
def verify(
    anchor: Annotated[
        str | None,
        typer.Option("--anchor", metavar="HASH", help="What `facemeld audit head` printed once; shows whether the end was cut off."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the chain of the whole log; the exit code is 1 if an entry was changed, removed or moved."""
    with application(data) as opened:
        verdict = opened.audit.verify(None if anchor is None else anchor.strip().lower())
    value = {
        "Sound": verdict.sound,
        "Entries": verdict.entries,
        "HeadId": verdict.head.id,
        "HeadHash": verdict.head.hash,
        "BadId": verdict.bad,
        "Fault": verdict.fault,
    }
    where = "" if verdict.bad is None else f" at entry {verdict.bad}"
    text = f"The log is sound: {verdict.entries} entries" if verdict.sound else f"THE LOG IS NOT SOUND{where}: {verdict.fault}"
    show(value, as_json, f"{text}\nHead {verdict.head.id} {verdict.head.hash}")
    if not verdict.sound:
        raise typer.Exit(1)
