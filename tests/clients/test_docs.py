"""The examples of docs/clients.md are run as they stand, with a real address, real ids and a real photo put in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.conftest import World
from tests.api.live import download
from tests.clients.drivers import CLIENTS, MODULES, TCCLI

pytestmark = [pytest.mark.slow, pytest.mark.clients]

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "clients.md").read_text()
EXAMPLES = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
RUN = [(language, text) for language, text in EXAMPLES if language in {"python", "js", "sh"}]


def test_every_client_has_an_example() -> None:
    languages = [language for language, _ in EXAMPLES]
    assert languages == ["python", "python", "js", "js", "sh", "sh", "go", "java", "php", "csharp"]


@pytest.mark.parametrize(("language", "text"), RUN, ids=[f"{language} {number}" for number, (language, _) in enumerate(RUN, 1)])
def test_an_example_runs(world: World, tmp_path: Path, language: str, text: str) -> None:
    needs = {"js": ("node", MODULES), "python": (sys.executable, CLIENTS.parent), "sh": ("curl", CLIENTS.parent)}
    program, installed = ("tccli", TCCLI) if text.startswith("tccli") else needs[language]
    if not installed.exists() or (program != "tccli" and shutil.which(program) is None):
        pytest.skip(f"needs {program}, see `make clients`")
    for shown, real in {
        "127.0.0.1:8080": world.server.endpoint,
        "at_1603326187690926080": world.campaign.project_id,
        "mt_1603586676924403712": world.model(),
        "https://example.com/user.jpg": f"{world.files}/user.jpg",
    }.items():
        text = text.replace(shown, real)
    environment = {
        **os.environ,
        "TENCENTCLOUD_SECRET_ID": world.campaign.key.secret_id,
        "TENCENTCLOUD_SECRET_KEY": world.campaign.key.secret_key,
        "NODE_PATH": str(MODULES),
        "HOME": str(tmp_path),
        "PATH": f"{TCCLI.parent}:{os.environ['PATH']}",
    }
    command = {"python": [sys.executable, "-c", text], "js": ["node", "-e", text], "sh": ["sh", "-c", text]}[language]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    if "DescribeMaterialList" in text:
        assert world.model() in done.stdout
        return
    found = re.search(r"http://[^\s\"]+", done.stdout)
    assert found is not None, done.stdout
    assert download(found[0])[1]["Content-Type"] == "image/png"
