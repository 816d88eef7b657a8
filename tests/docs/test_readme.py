"""What the README says is executed here: its commands, and its Python snippets against a running server."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scripts.docs_numbers import FILLED
from scripts.make_docs import PAGES

from tests.api.conftest import World
from tests.api.live import LiveServer, download
from tests.cli.shell import run_here

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, bundle_path: Path, hopper_path: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the pictures that the README names."""
    (tmp_path / "template.jpg").write_bytes(hopper_path.read_bytes())
    (tmp_path / "user.jpg").write_bytes(world.user)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACEMELD_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("FACEMELD_MODEL_DIR", str(bundle_path.parent))
    return tmp_path


def run(command: str) -> str:
    program, *arguments = shlex.split(command)
    assert program == "facemeld"
    done = run_here(*arguments)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


def test_the_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = [command.split()[1] for command in COMMANDS if command.startswith("make ")]
    assert targets == ["demo", "test"]
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_every_command_works_in_its_order(folder: Path) -> None:
    project = ""
    for command in [command for command in COMMANDS if command.startswith("facemeld ")]:
        if command.startswith("facemeld serve"):
            server = LiveServer(folder / "data", os.environ)
            server.start()
            assert server.stop() == 0
            continue
        output = run(command.replace("PROJECT_ID", project))
        if "--json" in command:
            project = json.loads(output).get("ProjectId", project)
    assert (folder / "fused.jpg").stat().st_size > 10_000


def test_the_client_snippet_gets_a_fused_picture(folder: Path, world: World) -> None:
    key = world.campaign.key
    snippet = SNIPPETS[0]
    names = {
        "SECRET_ID": key.secret_id,
        "SECRET_KEY": key.secret_key,
        "PROJECT_ID": world.campaign.project_id,
        "MODEL_ID": world.model(),
        "127.0.0.1:8080": world.server.endpoint,
    }
    for name, value in names.items():
        assert name in snippet
        snippet = snippet.replace(f'"{name}"', f'"{value}"')
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(snippet, "README.md", "exec"), {})
    assert download(printed.getvalue().strip())[1]["Content-Type"] == "image/png"


def test_the_library_snippet_gives_an_array(folder: Path) -> None:
    names: dict[str, Any] = {}
    exec(compile(SNIPPETS[1], "README.md", "exec"), names)
    assert (names["picture"].shape, names["picture"].dtype) == ((600, 512, 3), np.uint8)


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_generated_page_is_current(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == PAGES[name]()


@pytest.mark.parametrize("name", sorted(FILLED))
def test_generated_parts_of_a_page_are_current(name: str) -> None:
    page = (ROOT / name).read_text(encoding="utf-8")
    assert FILLED[name](page) == page, "run `make docs`"


def test_the_numbers_are_the_recorded_figures() -> None:
    """Read without the generator, so that a mistake in it shows as well."""
    section = " ".join(README.split("## Numbers")[1].split("\n## ")[0].split())
    speed, quality = (json.loads((ROOT / "docs" / f"{name}.json").read_text()) for name in ("performance", "quality"))
    call, memory, metrics = speed["cases"][0], speed["base"]["memory_mb"], quality["settings"]["0/0"]["metrics"]
    figures = {
        r"takes (\d+) ms at the median": call["p50_ms"],
        r"(\d+) calls a second": max(row["per_second"] for row in speed["closed"]),
        r"(\d+) MiB for the server": memory["server"][0],
        r"(\d+) MiB for each worker": max(memory["workers"]),
        r"is ([\d.]+) times what decoding": call["multiple"],
        r"1/(\d+) of the time": speed["network"]["processor_s"] * 1000 / sum(call["processor_ms"].values()),
        r"On (\d+) pairs": quality["pairs"],
        r"among (\d+) in": quality["users"],
        r"in (\d+) %": 100 * metrics["retrieval"]["mean"],
        r"pose is off by ([\d.]+)°": metrics["pose"]["median"],
    }
    written = {pattern: re.findall(pattern, section) for pattern in figures}
    assert written == {pattern: [f"{value:.1f}" if "." in pattern else f"{value:.0f}"] for pattern, value in figures.items()}
    assert ("no pixel outside the mask changes" in section) == (metrics["background"]["mean"] == 0)


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
