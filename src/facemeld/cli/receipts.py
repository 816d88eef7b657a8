"""``facemeld receipts``: signed statements of what was deleted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from facemeld.cli.common import DataOption, JsonOption, application, moment, show, show_table
from facemeld.privacy import parse_receipt, render_receipt, verify_receipt

app = typer.Typer(help="Signed receipts of deletions.", no_args_is_help=True)


@app.command("key")
def key(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Print the public key that receipts of this installation are checked with: Ed25519, 32 bytes in base64."""
    with application(data) as opened:
        public = opened.receipts.public_key
    show({"PublicKey": public, "Algorithm": "Ed25519"}, as_json, public)


@app.command("list")
def list_receipts(
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="Most receipts.")] = 50,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List receipts, newest first."""
    with application(data) as opened:
        receipts = opened.privacy.receipts(limit=limit)
    bodies = [json.loads(receipt.body) for receipt in receipts]
    rows = [
        {
            "Number": receipt.number,
            "Time": moment(receipt.at),
            "Id": body["id"],
            "Calls": len(body["calls"]),
            "Files": sum(len(call["files"]) for call in body["calls"]),
        }
        for receipt, body in zip(receipts, bodies, strict=True)
    ]
    show_table(rows, as_json, "Nothing was deleted on demand yet.")


@app.command("show")
def show_receipt(number: int, data: DataOption = None) -> None:
    """Print a receipt again."""
    with application(data) as opened:
        receipt = opened.privacy.receipt(number)
    typer.echo(json.dumps(render_receipt(receipt.body, receipt.signature), indent=2))


@app.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="A receipt as `facemeld results delete` printed it.")],
    public_key: Annotated[
        str | None, typer.Option("--key", metavar="BASE64", help="Public key of the installation; default is this one's.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a receipt; the exit code is 1 if it was altered or is another installation's."""
    body, signature = parse_receipt(file.read_bytes())
    if public_key is None:
        with application(data) as opened:
            public_key = opened.receipts.public_key
    verify_receipt(body, signature, public_key)
    statement = json.loads(body)
    files = sum(len(call["files"]) for call in statement["calls"])
    text = f"The receipt holds: {files} files of {len(statement['calls'])} calls deleted, {statement['at']}"
    show({"Valid": True, "Id": statement["id"], "At": statement["at"]}, as_json, text)
