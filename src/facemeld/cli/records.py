"""``facemeld verify``, ``records``, ``usage``, ``audit``, ``results`` and ``receipts``.

The marks of a picture, the records of calls, the audit log, and deletion on demand with signed receipts.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facemeld.cli.common import DataOption, JsonOption, actor, application, moment, show, show_table
from facemeld.cli.pictures import fetch_with_progress
from facemeld.privacy.deletion import parse_receipt, render_receipt, verify_receipt
from facemeld.usage.types import Grouping, Usage, UsageTotal

if TYPE_CHECKING:
    from facemeld.app.composition import Application

records = typer.Typer(help="Find the call that made a picture.", no_args_is_help=True)

audit = typer.Typer(help="List and verify the log of administrative actions.", no_args_is_help=True)

results = typer.Typer(help="Delete stored results.", no_args_is_help=True)

receipts = typer.Typer(help="List and verify signed receipts of deletions.", no_args_is_help=True)

_NUMBER = re.compile("[0-9a-fA-F]{16}")

_NAMES = {"Label": "label", "Credentials": "credentials", "InvisibleMark": "invisible mark"}

_STATES = {
    "Trusted": "is valid, and the signer is trusted",
    "Valid": "is valid, but the signer is not known here",
    "Invalid": "IS NOT VALID: the file was altered or is damaged",
}


def verify(
    file: Annotated[Path, typer.Argument(help="JPEG, PNG or WebP picture, whatever made it.")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the label, content credentials and invisible mark of a picture, and the call of this installation that made it."""
    picture = file.read_bytes()
    with application(data) as opened:
        fetch_with_progress(opened.settings.model_dir)
        report = read_marks(opened, picture)
        report["Records"] = records_of(opened, report)
    show(report, as_json, "\n".join(_lines(report)))


@records.callback()
@results.callback()
def _group() -> None:
    pass


@records.command("find")
def find(
    file: Annotated[Path | None, typer.Argument(help="Picture whose marks are looked up.")] = None,
    mark: Annotated[str | None, typer.Option("--mark", metavar="HEX", help="Invisible mark to look up, 16 hexadecimal digits.")] = None,
    request_id: Annotated[
        str | None, typer.Option("--request-id", metavar="ID", help="RequestId, or ProduceID of a label, to look up.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the record of the call that made a picture: by the picture itself, its invisible mark, or the RequestId."""
    if sum(one is not None for one in (file, mark, request_id)) != 1:
        raise ValueError("exactly one of FILE, --mark and --request-id must be given")
    if mark is not None and not _NUMBER.fullmatch(mark):
        raise ValueError(f"an invisible mark must have 16 hexadecimal digits, got {mark[:40]!r}")
    picture = None if file is None else file.read_bytes()
    with application(data) as opened:
        if picture is not None:
            rows = records_of(opened, read_marks(opened, picture))
        elif mark is not None:
            rows = _rows(opened, [usage for _, usage in opened.usage.records(mark=int(mark, 16))], "")
        else:
            rows = _rows(opened, [usage for _, usage in opened.usage.records(request_id=request_id)], "")
    if as_json:
        show_table(rows, True, "")
        return
    for row in rows:
        typer.echo("\n".join(f"{name:<10}  {value}" for name, value in row.items() if value not in ("", None, [])) + "\n")
    if not rows:
        typer.echo("No record found: the picture was made elsewhere or by a command, or its record has expired.")


def usage(
    account: Annotated[str | None, typer.Option("--account", metavar="NAME", help="Count only the calls of this account.")] = None,
    by: Annotated[Grouping, typer.Option("--by", help="Group calls by this property.")] = Grouping.DAY,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--since", metavar="DATE", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Count only calls since this time, in UTC."
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the number of calls, failures and charges. Days are in UTC."""
    start = None if since is None else since.replace(tzinfo=UTC)
    with application(data) as opened:
        owner = None if account is None else opened.accounts.get(account).id
        totals = opened.usage.totals(by, account_id=owner, since=start)
    show_table([_usage_row(by, total) for total in totals], as_json, "No calls yet.")


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


def read_marks(opened: Application, picture: bytes) -> dict[str, Any]:
    """Read the marks of a picture with a temporary worker; see ``VerifyService.verify``."""

    async def work() -> dict[str, Any]:
        async with opened.working() as services:
            return await services.verifying.verify(picture)

    return asyncio.run(work())


def records_of(opened: Application, report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the records of the calls named by a picture's marks; ``report`` comes from ``Application.verify``."""
    # Looking up a mark or an id does not need this import.
    from facemeld.verify.service import identifiers

    named: dict[int, list[str]] = {}
    for kind, number in identifiers(report).items():
        named.setdefault(number, []).append(_NAMES[kind])
    return [
        row
        for number, kinds in named.items()
        for row in _rows(opened, [usage for _, usage in opened.usage.records(mark=number)], ", ".join(kinds))
    ]


def _rows(opened: Application, found: Sequence[Usage], named_by: str) -> list[dict[str, Any]]:
    names = opened.accounts.names() if found else {}
    return [
        {
            "RequestId": usage.request_id,
            "NamedBy": named_by,
            "Time": moment(usage.at),
            "Account": names.get(usage.account_id or 0, ""),
            "SecretId": usage.secret_id or "",
            "Action": usage.action,
            "Version": usage.version,
            "Code": usage.code,
            "ProjectId": usage.project_id,
            "ModelId": usage.model_id,
            "Faces": usage.faces,
            "Consent": usage.consent,
            "Client": usage.client,
            "Incoming": [dict(one) for one in usage.incoming],
        }
        for usage in found
    ]


def _lines(report: dict[str, Any]) -> list[str]:
    label, credentials, invisible = report["Label"], report["Credentials"], report["InvisibleMark"]
    lines = [f"{report['Format']}, {report['Width']}x{report['Height']} pixels"]
    if label is None:
        lines.append("Implicit label: none")
    else:
        lines.append(f"Implicit label: made or altered by AI ({label['Label']}), producer {label['ContentProducer'] or 'unknown'}")
        lines.append(f"  result {label['ProduceID'] or 'unknown'}, source type {label['SourceType'] or 'unknown'}")
    if credentials is None:
        lines.append("Content credentials: none")
    else:
        lines.append(f"Content credentials: the signature {_STATES.get(credentials['State'], credentials['State'])}")
        lines.append(f"  signed by {credentials['Signer'] or 'unknown'}{' (local authority)' if credentials['LocalAuthority'] else ''}")
        lines.append(f"  made by {credentials['Generator'] or 'unknown'}{', ' + credentials['When'] if credentials['When'] else ''}")
        lines += [
            f"  {one['Relationship']}: {one['Title']} {one['InstanceId']} {one['Description']}".rstrip()
            for one in credentials["Ingredients"]
        ]
        lines += [f"  {group}: {', '.join(codes)}" for group, codes in credentials["Codes"].items() if codes]
    lines.append("Invisible mark: none of this installation" if invisible is None else f"Invisible mark: {invisible['Identifier']}")
    if report["Consistent"] is not None:
        lines.append("The marks name the same result." if report["Consistent"] else "THE MARKS NAME DIFFERENT RESULTS.")
    for one in report["Records"]:
        lines.append(f"Made here by {one['Action']} {one['Version']} for account {one['Account'] or 'unknown'} at {one['Time']}")
        lines.append(f"  key {one['SecretId']}, activity {one['ProjectId'] or 'none'}, material {one['ModelId'] or 'none'}")
    return lines


def _usage_row(by: Grouping, total: UsageTotal) -> dict[str, object]:
    group = total.group or ("OK" if by is Grouping.CODE else "-")
    return {
        by.value.capitalize(): group,
        "Calls": total.calls,
        "Failed": total.failed,
        "Charged": total.charged,
        "Faces": total.faces,
        "BytesIn": total.bytes_in,
        "BytesOut": total.bytes_out,
        "AverageMs": total.milliseconds,
    }
