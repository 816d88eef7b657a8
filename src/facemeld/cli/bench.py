"""``facemeld bench``: measures the engine."""

from __future__ import annotations

import typer

app = typer.Typer(help="Measure the engine (needs the extra `facemeld[bench]`).", no_args_is_help=True)


@app.command("quality", context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def quality(context: typer.Context) -> None:
    """Fuse pairs of pictures, print a table of metrics and write a report; `--help` lists the options."""
    from facemeld.quality.shell import main

    raise typer.Exit(main(context.args, "facemeld bench quality"))
