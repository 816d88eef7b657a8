"""``facemeld serve`` and ``facemeld models``: the server, and the model files that the engine needs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.console import Console
from rich.progress import Progress, TaskID

from facemeld.cli.common import DataOption, JsonOption, settings_for, show, show_table
from facemeld.models.store import ensure_bundle, list_models

models = typer.Typer(help="Download, verify and list the model files.", no_args_is_help=True)

DirectoryOption: TypeAlias = Annotated[
    Path | None, typer.Option("--dir", metavar="DIR", help="Folder of the model files. Default: FACEMELD_MODEL_DIR.")
]


def serve(
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on. Default: 127.0.0.1.")] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 picks a free one. Default: 8080.")
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option("--fault", metavar="CODE=SHARE", help="Answer this share of calls with an error, to test clients. Repeatable."),
    ] = None,
    data: DataOption = None,
) -> None:
    """Run the server until SIGTERM or Ctrl-C."""
    # The server's libraries take longer to load than all other commands need.
    from facemeld.app.server import run_server

    settings = settings_for(data, {"server.host": host, "server.port": port, "api.faults": ",".join(fault) if fault else None})
    fetch_with_progress(settings.model_dir)
    asyncio.run(run_server(settings, announce=typer.echo))


@models.command("fetch")
def fetch(directory: DirectoryOption = None, as_json: JsonOption = False) -> None:
    """Download missing model files and verify existing ones."""
    path = fetch_with_progress(directory)
    show({"Path": str(path)}, as_json, f"face_landmarker.task is ready in {path.parent}")


@models.command("list")
def list_all(directory: DirectoryOption = None, as_json: JsonOption = False) -> None:
    """List the model files and their paths."""
    rows = [
        {"Name": state.model.name, "Present": state.present, "Verified": state.verified, "Path": str(state.path)}
        for state in list_models(directory)
    ]
    show_table(rows, as_json, "No known model files.")


def fetch_with_progress(directory: Path | None) -> Path:
    """Make sure that the model files are there, showing a progress bar during a download; return the path of the landmark bundle."""
    tasks: dict[str, TaskID] = {}
    with Progress(console=Console(stderr=True), transient=True) as bar:

        def update(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)

        return ensure_bundle(directory, update)
