"""``facemeld audit``, ``facemeld results`` and ``facemeld receipts``: the audit log, and deletion on demand with signed receipts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from facemeld.cli.common import DataOption, JsonOption, actor, application, moment, show, show_table
from facemeld.privacy.deletion import parse_receipt, render_receipt, verify_receipt

audit = typer.Typer(help="List and verify the log of administrative actions.", no_args_is_help=True)
results = typer.Typer(help="Delete stored results.", no_args_is_help=True)
receipts = typer.Typer(help="List and verify signed receipts of deletions.", no_args_is_help=True)


@audit.command("list")
def list_audit(
    subject: Annotated[
        str | None, typer.Option("--subject", metavar="ID", help="List only actions on this object, such as at_1 or acme.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="Maximum number of entries.")] = 50,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List actions, newest first."""
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
    show_table(rows, as_json, "No actions yet.")


@audit.command("head")
def head(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Print number and hash of the newest entry. Store the hash elsewhere, as the anchor of a later `verify`."""
    with application(data) as opened:
        newest = opened.audit.head()
    show({"Id": newest.id, "Hash": newest.hash}, as_json, f"{newest.id} {newest.hash}")


@audit.command("verify")
def verify_log(
    anchor: Annotated[
        str | None,
        typer.Option(
            "--anchor", metavar="HASH", help="Hash from an earlier `facemeld audit head`; detects that later entries were cut off."
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the hash chain of the whole log. Exit with status 1 if an entry was changed, removed or moved."""
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


@results.callback()
def _group() -> None:
    pass


@results.command("delete")
def delete(
    request_id: Annotated[str, typer.Option("--request-id", metavar="ID", help="Delete the results of this call.")] = "",
    consent: Annotated[
        str, typer.Option("--consent", metavar="REFERENCE", help="Delete the results of all calls with this consent reference.")
    ] = "",
    account: Annotated[str | None, typer.Option("--account", metavar="NAME", help="Delete only results of this account.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write the receipt to this file instead of printing it.")
    ] = None,
    data: DataOption = None,
) -> None:
    """Delete the results of a call, or of all calls with a consent reference, and print a signed receipt."""
    with application(data) as opened:
        receipt = opened.deletion.delete(request_id=request_id, consent=consent, account=account, actor=actor())
    text = json.dumps(render_receipt(receipt.body, receipt.signature), indent=2)
    if output is None:
        typer.echo(text)
        return
    try:
        output.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        # The results are already deleted, so the receipt must not be lost.
        typer.echo(text)
        raise OSError(error.errno, error.strerror, str(output)) from error
    typer.echo(f"Receipt {receipt.number} written to {output}")


@receipts.command("key")
def public_key(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Print the public key that verifies the receipts of this installation: Ed25519, 32 bytes in base64."""
    with application(data) as opened:
        key = opened.receipts.public_key
    show({"PublicKey": key, "Algorithm": "Ed25519"}, as_json, key)


@receipts.command("list")
def list_receipts(
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="Maximum number of receipts.")] = 50,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List receipts, newest first."""
    with application(data) as opened:
        found = opened.privacy.receipts(limit=limit)
    bodies = [json.loads(receipt.body) for receipt in found]
    rows = [
        {
            "Number": receipt.number,
            "Time": moment(receipt.at),
            "Id": body["id"],
            "Calls": len(body["calls"]),
            "Files": sum(len(call["files"]) for call in body["calls"]),
        }
        for receipt, body in zip(found, bodies, strict=True)
    ]
    show_table(rows, as_json, "No deletions on demand yet.")


@receipts.command("show")
def show_receipt(number: int, data: DataOption = None) -> None:
    """Print a receipt again."""
    with application(data) as opened:
        receipt = opened.privacy.receipt(number)
    typer.echo(json.dumps(render_receipt(receipt.body, receipt.signature), indent=2))


@receipts.command("verify")
def verify_one(
    file: Annotated[Path, typer.Argument(help="Receipt printed by `facemeld results delete`.")],
    public_key: Annotated[
        str | None,
        typer.Option("--key", metavar="BASE64", help="Public key of the installation that signed it. Default: key of this installation."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Verify a receipt. Exit with status 1 if it was altered or another installation signed it."""
    body, signature = parse_receipt(file.read_bytes())
    if public_key is None:
        with application(data) as opened:
            public_key = opened.receipts.public_key
    verify_receipt(body, signature, public_key)
    statement = json.loads(body)
    files = sum(len(call["files"]) for call in statement["calls"])
    text = f"The receipt holds: {files} files of {len(statement['calls'])} calls deleted, {statement['at']}"
    show({"Valid": True, "Id": statement["id"], "At": statement["at"]}, as_json, text)
