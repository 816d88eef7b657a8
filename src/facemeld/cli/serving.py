"""``facemeld serve``: the server."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from facemeld.cli.common import DataOption, settings_for
from facemeld.cli.models import fetch_with_progress


def serve(
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on; default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option("--port", min=0, max=65535, help="Port to listen on, 0 for a free one; default 8080.")] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option("--fault", metavar="CODE=SHARE", help="Answer this share of calls with an error, to test clients; repeatable."),
    ] = None,
    data: DataOption = None,
) -> None:
    """Serve the API until SIGTERM or Ctrl-C."""
    # The server's libraries take longer to load than all other commands need.
    from facemeld.server import run_server

    settings = settings_for(data, host=host, port=port, faults=",".join(fault) if fault else None)
    fetch_with_progress(settings.model_dir)
    asyncio.run(run_server(settings, announce=typer.echo))
