"""Deletion, receipts, the audit log's chain and activities' demands, as commands."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from facemeld.app.composition import open_application
from facemeld.cli.main import app
from facemeld.db.errors import utc_now
from facemeld.errors import FacemeldError
from facemeld.privacy.types import NothingToDelete, ReceiptInvalid
from facemeld.settings.catalogue import Settings

Run = Callable[..., Result]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def run(data: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command; raises what it raises."""
    monkeypatch.setenv("FACEMELD_DATA", str(data))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str | Path, code: int = 0) -> Result:
        result = CliRunner().invoke(app, list(map(str, arguments)))
        if isinstance(result.exception, FacemeldError | OSError):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return run


def call_of(data: Path, consent: str) -> str:
    """RequestId of a call with a stored result."""
    request_id = str(uuid.uuid4())
    with open_application(Settings(data=data)) as application:
        application.privacy.keep(application.accounts.ensure("acme", actor="test").id, None, request_id, consent)
        application.results.put(b"pixels", "image/png", utc_now() + timedelta(hours=2), request_id)
    return request_id


def test_results_are_deleted_and_the_receipt_is_checked(run: Run, data: Path, tmp_path: Path) -> None:
    request_id, receipt = call_of(data, "form 1"), tmp_path / "receipt.json"
    call_of(data, "form 2")
    assert "written to" in run("results", "delete", "--consent", "form 1", "--account", "acme", "--output", receipt).output
    body = json.loads(receipt.read_text())["body"]
    assert [call["request_id"] for call in body["calls"]] == [request_id]
    assert "1 files of 1 calls deleted" in run("receipts", "verify", receipt).output
    key = run("receipts", "key").output.strip()
    assert body["public_key"] == key == json.loads(run("receipts", "key", "--json").output)["PublicKey"]
    assert json.loads(run("receipts", "verify", receipt, "--key", key, "--json").output)["Valid"]
    (listed,) = json.loads(run("receipts", "list", "--json").output)
    assert (listed["Id"], listed["Calls"], listed["Files"]) == (body["id"], 1, 1)
    assert json.loads(run("receipts", "show", str(listed["Number"])).output) == json.loads(receipt.read_text())
    receipt.write_text(receipt.read_text().replace(request_id, str(uuid.uuid4())))
    with pytest.raises(ReceiptInvalid, match="altered"):
        run("receipts", "verify", receipt)
    with pytest.raises(NothingToDelete):
        run("results", "delete", "--consent", "form 1")


def test_a_receipt_is_not_lost_with_its_file(run: Run, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request_id = call_of(data, "form 1")
    with pytest.raises(OSError, match="No such file"):
        run("results", "delete", "--request-id", request_id, "--output", tmp_path / "nowhere" / "receipt.json")
    (listed,) = json.loads(run("receipts", "list", "--json").output)
    assert listed["Files"] == 1


def test_nothing_yet(run: Run) -> None:
    assert "No deletions" in run("receipts", "list").output
    assert "No actions" in run("audit", "list").output
    assert "sound: 0 entries" in run("audit", "verify").output


def test_the_audit_log_is_listed_and_checked(run: Run, data: Path) -> None:
    run("account", "create", "acme")
    run("account", "set", "acme", "--balance", "5")
    entries = json.loads(run("audit", "list", "--json").output)
    assert [entry["Act"] for entry in entries] == ["account.balance", "account.create"]
    assert json.loads(run("audit", "list", "--subject", entries[0]["Subject"], "--limit", "1", "--json").output) == entries[:1]
    number, anchor = run("audit", "head").output.split()
    assert int(number) == entries[0]["Id"]
    run("account", "create", "museum")
    assert "The log is sound: 3 entries" in run("audit", "verify", "--anchor", anchor.upper()).output
    with closing(sqlite3.connect(data / "facemeld.sqlite3")) as connection:
        connection.execute("DROP TRIGGER audit_log_refuse_DELETE")
        connection.execute("DELETE FROM audit_log WHERE id > 1")
        connection.commit()
    assert "sound: 1 entries" in run("audit", "verify").output
    assert "NOT SOUND" in run("audit", "verify", "--anchor", anchor, code=1).output
    with closing(sqlite3.connect(data / "facemeld.sqlite3")) as connection:
        connection.execute("DROP TRIGGER audit_log_refuse_UPDATE")
        connection.execute("UPDATE audit_log SET actor = 'forger'")
        connection.commit()
    verdict = json.loads(run("audit", "verify", "--json", code=1).output)
    assert (verdict["Sound"], verdict["BadId"], verdict["Entries"]) == (False, 1, 0)


def test_an_activity_can_demand_consent_and_have_a_rate(run: Run) -> None:
    project = json.loads(run("activity", "create", "spring", "--require-consent", "--rate", "20", "--json").output)["ProjectId"]
    shown = json.loads(run("activity", "show", project, "--json").output)
    assert (shown["ConsentRequired"], shown["Rate"], shown["Disabled"]) == (True, "20/second", False)
    changed = run("activity", "set", project, "--no-require-consent", "--rate", "default", "--disabled", "--unpublished", "--name", "new")
    assert "as in the settings" in changed.output
    shown = json.loads(run("activity", "show", project, "--json").output)
    assert (shown["ConsentRequired"], shown["Rate"], shown["Disabled"], shown["Published"], shown["Name"]) == (
        False,
        "",
        True,
        False,
        "new",
    )
    with pytest.raises(FacemeldError, match="20/second"):
        run("activity", "set", project, "--rate", "fast")
