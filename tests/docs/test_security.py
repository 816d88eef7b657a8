"""The pages on security and upkeep are true: what they name exists, their configurations work, their tables have every check."""

from __future__ import annotations

import json
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.facefusion.v20220927 import facefusion_client

from facemeld.settings.catalogue import SETTINGS
from tests.api.conftest import World
from tests.api.live import client_arguments, fuse_request, photo
from tests.cli.shell import run_here

ROOT = Path(__file__).resolve().parents[2]
PAGES = {name: (ROOT / "docs" / name).read_text() for name in ("security.md", "upkeep.md", "facemeld.service")}


@pytest.mark.parametrize("name", PAGES)
def test_what_is_named_exists(name: str) -> None:
    page = PAGES[name]
    for path in re.findall(r"(?:tests|docs)/[\w/]+(?:\.\w+)?", page):
        assert (ROOT / path).exists(), path
    for module in re.findall(r"python -m ([\w.]+)", page):
        assert (ROOT / (module.replace(".", "/") + ".py")).is_file(), module
    for path in re.findall(r"`((?:[a-z]+/)*[a-z]+\.py|marks/)`", page):
        assert (ROOT / "src" / "facemeld" / path).exists(), path
    variables = {setting.variable for setting in SETTINGS.values()}
    for variable in re.findall(r"FACEMELD_[A-Z_]+", page):
        assert variable in variables or variable == "FACEMELD_SIGNING_", variable


@pytest.mark.parametrize("command", ["doctor", "backup", "restore"])
def test_options_that_are_named_exist(command: str) -> None:
    from typer.testing import CliRunner

    from facemeld.cli.main import app

    known = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).stdout
    section = re.split(r"\n## ", PAGES["upkeep.md"])
    (text,) = [part for part in section if part.startswith(f"`facemeld {command}`")]
    options = set(re.findall(r"(--[a-z][a-z-]*)", text)) - {"--data"}
    assert options
    assert {option for option in options if option not in known} == set()


def test_the_table_has_every_check(data_folder: Path) -> None:
    (data_folder / "master.key").unlink()
    rows = re.findall(r"^\| ([a-zA-Z, ]+) \|", PAGES["upkeep.md"].split("## `facemeld backup`")[0], re.MULTILINE)
    told = {name.strip() for row in rows for name in row.split(",")} - {"check", "command"}
    # Without its key the data folder is not examined, but every check is listed.
    findings = json.loads(run_here("doctor", "--json", "--data", data_folder).stdout)
    assert "not checked" in {finding["found"] for finding in findings}
    assert told == {finding["check"] for finding in findings}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_unit_is_valid_and_tight(tmp_path: Path) -> None:
    unit = tmp_path / "facemeld.service"
    unit.write_text(PAGES["facemeld.service"].replace("/opt/facemeld/bin/facemeld", str(Path(sys.executable).with_name("facemeld"))))
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=60, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    rated = subprocess.run(["systemd-analyze", "security", "--offline=true", unit], capture_output=True, text=True, timeout=60, check=False)
    level = re.search(r"exposure level for \S+: ([\d.]+)", rated.stdout)
    assert level is not None
    assert float(level[1]) < 2


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for this machine, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return paths


# The example is about nginx; everything that the server itself does about proxies is tested without it too.
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_the_proxy_example_serves_the_official_client_over_tls(tmp_path: Path, world: World) -> None:
    server, helper = re.findall(r"```nginx\n(.*?)```", PAGES["security.md"], re.DOTALL)
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    cert, key = certificate(tmp_path)
    replaced = {
        "listen 443 ssl http2": f"listen 127.0.0.1:{port} ssl http2",
        "faces.example.com;": "localhost;",
        "/etc/ssl/faces.example.com.pem": str(cert),
        "/etc/ssl/faces.example.com.key": str(key),
        "127.0.0.1:8080": world.server.endpoint,
    }
    for old, new in replaced.items():
        assert old in server
        server = server.replace(old, new)
    http = f"events {{}}\nhttp {{ access_log off; client_body_temp_path {tmp_path}/body; proxy_temp_path {tmp_path}/proxy;\n"
    unused = "".join(f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in ("fastcgi", "uwsgi", "scgi"))
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(f"pid {tmp_path}/pid; error_log stderr; daemon off; master_process off;\n{http}{unused}{helper}{server}}}\n")
    command = ["nginx", "-p", tmp_path, "-c", configuration]
    with (tmp_path / "errors").open("w") as errors, subprocess.Popen(command, stderr=errors) as nginx:
        try:
            wait_for(port)
            http_profile = HttpProfile(protocol="https", endpoint=f"localhost:{port}", reqTimeout=60, certification=str(cert))
            profile = ClientProfile(httpProfile=http_profile)
            credential, region, _ = client_arguments("", world.campaign.key)
            client = facefusion_client.FacefusionClient(credential, region, profile)
            request = fuse_request(world.campaign.project_id, world.model(), photo(world.user))
            assert client.FuseFace(request).FusedImage
            request.ProjectId = "at_1"
            with pytest.raises(TencentCloudSDKException, match="ActivityIdNotFound"):
                client.FuseFace(request)
            assert status(port, cert, "/metrics") == 404
            assert status(port, cert, "/healthz") == 200
            assert status(port, cert, "/admin/v1/me") == 401
        finally:
            nginx.terminate()


def wait_for(port: int) -> None:
    """Until somebody listens."""
    end = time.monotonic() + 20
    while True:
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < end
        time.sleep(0.05)


def status(port: int, trusted: Path, path: str) -> int:
    """Status of a page behind the proxy."""
    import http.client

    connection = http.client.HTTPSConnection("localhost", port, timeout=30, context=ssl.create_default_context(cafile=str(trusted)))
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()
