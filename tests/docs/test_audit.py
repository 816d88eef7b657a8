"""What the page about consent, deletion and audit says is executed here, in its order."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from facemeld.app.composition import open_application
from facemeld.cli.main import app
from facemeld.db.audit import GENESIS
from facemeld.db.errors import utc_now
from tests.api.conftest import World
from tests.api.live import eventually

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "audit.md").read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
(SNIPPET,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_every_command_works_in_its_order(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEMELD_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    request_ids = ("00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002")
    names = {"REQUEST_ID": request_ids[0]}
    with open_application(world.settings.replace(data=tmp_path / "data")) as application:
        account = application.accounts.ensure("acme", actor="test").id
        for request_id, reference in zip(request_ids, ("form-2026-0815", "form-2026-0816"), strict=True):
            application.privacy.keep(account, None, request_id, reference)
            application.results.put(b"pixels", "image/png", utc_now() + timedelta(hours=2), request_id)
    outputs = {}
    for command in COMMANDS:
        words = shlex.split(command)
        assert words[0] == "facemeld"
        result = CliRunner().invoke(app, [names.get(word, word) for word in words[1:]])
        assert result.exit_code == 0, (command, result.output, result.exception)
        outputs[command] = result.output
        if command.startswith("facemeld activity create"):
            names["PROJECT_ID"] = json.loads(result.output)["ProjectId"]
        if command == "facemeld audit head":
            names["HASH"] = result.output.split()[1]
    assert "ConsentRequired   True" in outputs["facemeld activity show PROJECT_ID"]
    assert "The receipt holds: 1 files of 1 calls deleted" in outputs["facemeld receipts verify receipt.json"]
    assert "The log is sound" in outputs["facemeld audit verify --anchor HASH"]
    assert [path for path in (tmp_path / "data" / "results").rglob("*") if path.is_file()] == []


def test_the_snippet_leaves_a_consent(world: World) -> None:
    key = world.campaign.key
    snippet = SNIPPET
    names = {
        "SECRET_ID": key.secret_id,
        "SECRET_KEY": key.secret_key,
        "PROJECT_ID": world.campaign.project_id,
        "MODEL_ID": world.model(),
        "127.0.0.1:8080": world.server.endpoint,
        "https://example.com": world.files,
    }
    for name, value in names.items():
        assert name in snippet
        snippet = snippet.replace(name, value)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(snippet, "audit.md", "exec"), {})
    with open_application(world.settings) as application:
        (consent,) = application.privacy.consents(printed.getvalue().strip())
        assert consent.reference == "form-2026-0815"
        assert eventually(lambda: "form-2026-0815" in {usage.consent for _, usage in application.usage.records(limit=1000)})


def test_the_form_of_an_entry_is_described_as_it_is() -> None:
    keys = re.findall(r"`(\w+)`", PAGE.split("with the keys")[1].split("in the order")[0])
    assert keys == ["act", "actor", "at", "detail", "id", "previous", "subject"]
    assert "64 zeros" in PAGE
    assert GENESIS == 64 * "0"
