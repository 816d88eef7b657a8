"""The admin API of a real server: the documented example, uploads through a worker, the first owner."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from facemeld.admin.errors import STATUSES
from tests.api.live import FACEMELD, LiveServer

DOCS = Path(__file__).parents[2] / "docs" / "admin.md"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, bundle_path: Path) -> Iterator[LiveServer]:
    environment = {"FACEMELD_WORKERS_COUNT": "1", "FACEMELD_MODEL_DIR": str(bundle_path.parent), "FACEMELD_MATERIALS_MAX_MB": "1"}
    server = LiveServer(tmp_path_factory.mktemp("live") / "data", environment)
    server.start()
    yield server
    assert server.stop() == 0


# The example needs the tool that it is about; everything else it shows is tested without it too.
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_documented_example_runs(server: LiveServer, tmp_path: Path, hopper_path: Path) -> None:
    blocks = re.findall(r"```bash\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert len(blocks) == 2
    script = "set -euo pipefail\n" + "".join(blocks).replace("127.0.0.1:8080", server.endpoint)
    shutil.copy(hopper_path, tmp_path / "portrait.jpg")
    environment = {**os.environ, "FACEMELD_DATA": str(server.data), "PATH": f"{FACEMELD.parent}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    material, queue, approved = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("material", "queue", "approved"))
    assert [waiting["id"] for waiting in queue["items"]] == [material["id"]]
    assert (approved["id"], approved["status"], approved["audit_result"]) == (material["id"], 1, "the person has agreed")
    assert (tmp_path / "thumbnail.jpg").read_bytes().startswith(b"\xff\xd8\xff")
    token = json.loads((tmp_path / "token.json").read_text())["Token"]
    password = json.loads((tmp_path / "uploader.json").read_text())["Password"]
    log = server.log.read_text()
    assert re.search(rf"admin POST \S*/materials/{material['id']}/approve 200 in \d+ ms by user:uploader RequestId=", log)
    assert token not in log
    assert password not in log


def test_a_refused_upload_is_answered_while_it_is_still_being_sent(server: LiveServer) -> None:
    with httpx.Client(base_url=f"http://{server.endpoint}/admin/v1", timeout=30) as client:
        for content in (b"x" * (8 << 20), iter([b"x" * (1 << 20)] * 8)):
            reply = client.post("/activities/at_1/materials", content=content, headers={"Content-Type": "image/jpeg"})
            assert reply.status_code in {401, 413}
            assert reply.json()["error"]["request_id"] == reply.headers["X-Request-Id"]


def test_the_description_is_served_and_has_no_foreign_shape(server: LiveServer) -> None:
    description = httpx.get(f"http://{server.endpoint}/admin/v1/openapi.json").json()
    assert description["openapi"].startswith("3.1")
    assert "HTTPValidationError" not in json.dumps(description)
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            assert operation["description"], (method, path)
            assert {"4XX", "5XX"} <= set(operation["responses"])
            assert ("security" in operation) == (path != "/login")


def test_every_error_code_is_documented() -> None:
    documented = set(re.findall(r"`([a-z_]+)`", DOCS.read_text().split("| status | code |")[1].split("##")[0]))
    assert {code for _, code in STATUSES.values()} <= documented


def first_start(data: Path, environment: dict[str, str], terminal: bool) -> str:
    """Everything that a server prints from its first start until it has been ready for a moment."""
    reading, writing = pty.openpty() if terminal else os.pipe()
    command = [str(FACEMELD), "serve", "--port", "0", "--data", str(data)]
    log = (data.parent / "first.log").open("w")
    with subprocess.Popen(command, stdout=writing, stderr=log, env={**os.environ, **environment}) as process:
        os.close(writing)
        printed = b""
        while b"is ready on" not in printed or not printed.endswith(b"\n"):
            printed += os.read(reading, 4096)
        lines = (
            1
            if environment["FACEMELD_CONSOLE_FIRST_OWNER"] == "off"
            or (environment["FACEMELD_CONSOLE_FIRST_OWNER"] == "auto" and not terminal)
            else 2
        )
        while printed.count(b"\n") < lines:
            printed += os.read(reading, 4096)
        process.terminate()
        assert process.wait(30) == 0
    log.close()
    os.close(reading)
    return printed.decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("policy", "terminal", "created"),
    [("auto", True, True), ("auto", False, False), ("print", False, True), ("off", True, False)],
)
def test_the_first_start_shows_a_password_where_it_should(
    tmp_path: Path, bundle_path: Path, policy: str, terminal: bool, created: bool
) -> None:
    data = tmp_path / "data"
    environment = {"FACEMELD_WORKERS_COUNT": "1", "FACEMELD_MODEL_DIR": str(bundle_path.parent), "FACEMELD_CONSOLE_FIRST_OWNER": policy}
    printed = first_start(data, environment, terminal)
    assert printed.startswith("Facemeld is ready on http://127.0.0.1:")
    listed = subprocess.run([FACEMELD, "user", "list", "--data", data, "--json"], capture_output=True, text=True, check=True)
    users = [(user["Name"], user["Role"]) for user in json.loads(listed.stdout)]
    if created:
        assert users == [("owner", "owner")]
        password = re.search(r"sign in as owner with the password (\S+) \(it is shown only now\)", printed)
        assert password is not None
        assert password[1] not in (tmp_path / "first.log").read_text()
    else:
        assert (users, printed.count("\n")) == ([], 1)
