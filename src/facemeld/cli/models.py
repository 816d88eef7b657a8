"""``facemeld models``: the model files that the engine needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.console import Console
from rich.progress import Progress, TaskID

from facemeld.cli.common import JsonOption, show, show_table
from facemeld.models import ensure_bundle, list_models

app = typer.Typer(help="Model files: fetched once, verified, cached.", no_args_is_help=True)

DirectoryOption: TypeAlias = Annotated[
    Path | None, typer.Option("--dir", metavar="DIR", help="Folder of the files; default FACEMELD_MODEL_DIR.")
]


@app.command("fetch")
def fetch(directory: DirectoryOption = None, as_json: JsonOption = False) -> None:
    """Fetch what is missing and verify what is there."""
    path = fetch_with_progress(directory)
    show({"Path": str(path)}, as_json, f"face_landmarker.task is ready in {path.parent}")


def fetch_with_progress(directory: Path | None) -> Path:
    """Make sure the landmark bundle is there, with a progress bar on the terminal while it is downloaded."""
    tasks: dict[str, TaskID] = {}
    with Progress(console=Console(stderr=True), transient=True) as bar:

        def update(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)

        return ensure_bundle(directory, update)


@app.command("list")
def list_all(directory: DirectoryOption = None, as_json: JsonOption = False) -> None:
    """List the model files and where they are."""
    rows = [
        {"Name": state.model.name, "Present": state.present, "Verified": state.verified, "Path": str(state.path)}
        for state in list_models(directory)
    ]
    show_table(rows, as_json, "No model files are known.")
