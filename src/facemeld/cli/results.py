"""``facemeld results``: stored results and their deletion on demand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from facemeld.cli.common import DataOption, actor, application
from facemeld.privacy import render_receipt

app = typer.Typer(help="Stored results.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    pass


@app.command("delete")
def delete(
    request_id: Annotated[str, typer.Option("--request-id", metavar="ID", help="RequestId of the call that made the result.")] = "",
    consent: Annotated[str, typer.Option("--consent", metavar="REFERENCE", help="Consent reference of the calls.")] = "",
    account: Annotated[str | None, typer.Option("--account", metavar="NAME", help="Only calls of this account.")] = None,
    output: Annotated[Path | None, typer.Option("--output", metavar="FILE", help="Where the receipt goes instead of the terminal.")] = None,
    data: DataOption = None,
) -> None:
    """Delete all stored results of a call, or of all calls with a consent reference, and print the signed receipt."""
    with application(data) as opened:
        receipt = opened.deletion.delete(request_id=request_id, consent=consent, account=account, actor=actor())
    text = json.dumps(render_receipt(receipt.body, receipt.signature), indent=2)
    if output is None:
        typer.echo(text)
        return
    try:
        output.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        # The deletion is done all the same, and its receipt must not be lost.
        typer.echo(text)
        raise OSError(error.errno, error.strerror, str(output)) from error
    typer.echo(f"Receipt {receipt.number} written to {output}")
