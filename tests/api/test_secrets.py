"""Secrets, pictures and signed addresses sent to every action and every endpoint never appear in logs, metrics or records."""

from __future__ import annotations

import base64
import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from facemeld.accounts.types import NewKey
from facemeld.app.composition import open_application
from facemeld.settings.catalogue import Settings
from facemeld.users.types import Role
from tests.admin.test_roles import BODIES, MATRIX, NAMES
from tests.api.conftest import jpeg
from tests.api.live import Campaign, LiveServer, client_arguments, eventually, file_server, make_campaign, versioned_client

pytestmark = pytest.mark.slow

PASSWORD = "correct-horse-battery-staple"
METRICS_TOKEN = "token-of-the-one-who-reads-metrics"
ADDRESS_SECRET = "secretinthequeryofanaddress"


@dataclass
class House:
    """A server that logs as JSON, with its secrets and clients."""

    server: LiveServer
    campaign: Campaign
    picture: bytes
    token: str
    files: str
    data: Path
    secrets: dict[str, str] = field(default_factory=dict)

    @property
    def base64(self) -> str:
        return base64.b64encode(self.picture).decode()

    def sdk(self, action: str, version: str, parameters: Mapping[str, Any], **changes: Any) -> Any:
        """The reply of a call, or the code of its error."""
        credential, region, profile = client_arguments(self.server.endpoint, changes.get("key", self.campaign.key))
        credential.token = changes.get("token")
        client = versioned_client(version, credential, region, profile)
        try:
            return client.call_json(action, parameters)["Response"]
        except TencentCloudSDKException as error:
            return error.code

    def admin(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {options.pop('token', self.token)}", **options.pop("headers", {})}
        return httpx.request(method, f"http://{self.server.endpoint}/admin/v1{path}", headers=headers, timeout=60, **options)

    def written(self) -> dict[str, str]:
        """All output of the service that people or machines may read."""
        with contextlib.closing(sqlite3.connect(self.data / "facemeld.sqlite3")) as database:
            found = {
                table: "\n".join(str(row) for row in database.execute(f"SELECT * FROM {table}"))
                for table in ("usage_records", "audit_log", "consents", "deletion_receipts")
            }
        metrics = httpx.get(f"http://{self.server.endpoint}/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
        assert metrics.status_code == 200
        return {**found, "log": self.server.log.read_text(), "metrics": metrics.text}


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, bundle_path: Path, hopper: NDArray[np.uint8], astronaut: NDArray[np.uint8]
) -> Iterator[House]:
    data = tmp_path_factory.mktemp("secrets") / "data"
    settings = Settings(data=data, model_dir=bundle_path.parent)
    campaign = make_campaign(settings, {"one.jpg": jpeg(hopper)})
    with open_application(settings) as application:
        application.users.create("owner", PASSWORD, Role.OWNER, actor="test")
    environment = {
        "FACEMELD_WORKERS_COUNT": "1",
        "FACEMELD_MODEL_DIR": str(bundle_path.parent),
        "FACEMELD_LOG_FORMAT": "json",
        "FACEMELD_FETCH_ALLOW": "127.0.0.0/8",
        "FACEMELD_METRICS_TOKEN": METRICS_TOKEN,
    }
    picture = jpeg(astronaut)
    with file_server({f"/user.jpg?signature={ADDRESS_SECRET}": picture}) as files:
        server = LiveServer(data, environment)
        server.start()
        reply = httpx.post(f"http://{server.endpoint}/admin/v1/login", json={"name": "owner", "password": PASSWORD})
        made = House(server, campaign, picture, reply.json()["token"], files, data)
        made.secrets = {
            "the password": PASSWORD,
            "the token of a session": made.token,
            "the token of the metrics": METRICS_TOKEN,
            "a key's secret": campaign.key.secret_key,
            "a picture": made.base64[1000:1060],
            "a picture's bytes": str(picture[1000:1030])[2:-1],
            "the query of an address": ADDRESS_SECRET,
            "the master key": (data / "master.key").read_text(errors="replace").strip(),
        }
        try:
            yield made
        finally:
            server.stop()


def log_lines(house: House) -> list[dict[str, Any]]:
    """The log without the greeting that the inference library prints in each worker."""
    lines = [line for line in house.server.log.read_text().splitlines() if line and "XNNPACK delegate" not in line]
    return [json.loads(line) for line in lines]


def call_everything(house: House) -> None:
    """Call every action, rightly and wrongly, with secrets in every place where a careless client might put them."""
    picture, names = house.base64, {"ProjectId": house.campaign.project_id, "ModelId": house.campaign.materials["one.jpg"].id}
    address = f"{house.files}/user.jpg?signature={ADDRESS_SECRET}"
    missing = f"{house.files}/missing.jpg?signature={ADDRESS_SECRET}"
    users: list[Any] = [[{"Image": picture}], [{"Url": address}], [{"Url": missing}], [{"Url": f"ftp://127.0.0.1/?{ADDRESS_SECRET}"}]]
    users += [[{"Image": picture[:2000]}], [{"Image": "%" + picture}], picture, [picture], [{"Image": picture, picture[:3000]: 1}], None]
    users += [[{"Url": f"http://user:{PASSWORD}@127.0.0.1/"}], [{"Image": {"Nested": picture}}]]
    for merge in users:
        for version in ("2022-09-27", "2018-12-01"):
            answer = house.sdk("FuseFace", version, {**names, "RspImgType": "url", "MergeInfos": merge})
            if isinstance(answer, dict):
                signature = str(answer["FusedImage"]).partition("signature=")[2]
                house.secrets[f"the signature of a result by {version}"] = signature
                assert httpx.get(answer["FusedImage"]).status_code == 200
        house.sdk("FuseFaceUltra", "2022-09-27", {"RspImgType": "url", "ModelUrl": address, "MergeInfos": merge})
        house.sdk("FaceFusion", "2018-12-01", {**names, "RspImgType": "url", "Image": merge})
    house.sdk("FuseFaceUltra", "2022-09-27", {"RspImgType": "base64", "ModelImage": picture, "MergeInfos": users[0]})
    for version in ("2022-09-27", "2018-12-01"):
        listed = house.sdk("DescribeMaterialList", version, {"ActivityId": house.campaign.project_id, "Limit": 20, "Offset": 0})
        if version == "2018-12-01":
            url = str(listed["MaterialInfos"][0]["Url"])
            house.secrets["the address of a material"] = url.partition("?")[2]
            httpx.get(url)
        house.sdk("DescribeMaterialList", version, {"ActivityId": picture})
        house.sdk("SubmitVideoFaceFusionJob", version, {"ProjectId": picture})
        house.sdk(picture[:50], version, {})
    wrong = NewKey(secret_id=house.campaign.key.secret_id, secret_key="x" * 32)
    assert house.sdk("FuseFace", "2022-09-27", {**names, "MergeInfos": users[0]}, key=wrong) == "AuthFailure.SignatureFailure"
    _by_hand(house)


def _by_hand(house: House) -> None:
    """Send requests that the SDK cannot make."""
    root = f"http://{house.server.endpoint}/"
    signed = {"Authorization": f"TC3-HMAC-SHA256 Credential=AKID/x, SignedHeaders=host, Signature={house.campaign.key.secret_key}"}
    for headers in (
        signed,
        {**signed, "X-TC-Action": "FuseFace", "X-TC-Token": PASSWORD},
        {"Cookie": PASSWORD},
        {"X-Forwarded-For": PASSWORD},
    ):
        httpx.post(root, headers=headers, content=house.base64)
    httpx.get(root, params={"Action": "FuseFace", "SecretId": "x", "Signature": ADDRESS_SECRET, "Image": house.base64[:3000]})
    httpx.post(root, data={"Action": "FuseFace\nforged line", "Signature": ADDRESS_SECRET, "Image": house.base64})
    httpx.post(root, files={"Image": house.picture})
    httpx.post(f"{root}verify", content=house.picture, params={"x": ADDRESS_SECRET})
    httpx.post(f"{root}verify", content=house.picture[:5000])
    for path in ("results/x.jpg", "materials/x.jpg", "nowhere", "healthz", "metrics"):
        httpx.get(f"{root}{path}", params={"signature": ADDRESS_SECRET}, headers={"Authorization": f"Bearer {PASSWORD}"})


def visit_everything(house: House) -> None:
    """Call every endpoint of the admin API, rightly and wrongly."""
    secrets = {"password": PASSWORD, "current": PASSWORD, "secret": ADDRESS_SECRET, "picture": house.base64[:2000]}
    for method, path in MATRIX:
        if path == "/logout":
            continue
        address = path.format(**NAMES)
        bodies = [BODIES.get(path, {}), secrets, [PASSWORD], PASSWORD] if method in {"POST", "PATCH"} else [None]
        for body in bodies:
            house.admin(method, address, params={"token": house.token, "x": ADDRESS_SECRET}, json=body)
        house.admin(method, address, token=PASSWORD)
        house.admin(method, address, token=house.token, content=house.picture, headers={"Content-Type": "application/json"})
    for name, password in (("owner", "wrong-" + PASSWORD), ("nobody", PASSWORD), (ADDRESS_SECRET, PASSWORD)):
        assert httpx.post(f"http://{house.server.endpoint}/admin/v1/login", json={"name": name, "password": password}).status_code == 401
    created = house.admin("POST", "/users", json={"name": "second", "password": "x" + PASSWORD, "role": "viewer"})
    assert created.status_code == 201
    token = house.admin("POST", "/me/tokens", json={"label": "program"}).json()["token"]
    key = house.admin("POST", "/accounts/default/keys", json={}).json()
    house.secrets |= {"a program's token": token, "a new key's secret": key["secret_key"]}
    uploaded = house.admin(
        "POST",
        f"/activities/{house.campaign.project_id}/materials",
        params={"name": "two.jpg"},
        content=house.picture,
        headers={"Content-Type": "image/jpeg"},
    )
    assert uploaded.status_code == 201, uploaded.text
    assert house.admin("GET", f"/materials/{uploaded.json()['id']}/picture").status_code == 200
    assert house.admin("POST", "/me/password", json={"current": PASSWORD, "new": "new-" + PASSWORD}).status_code == 204


def test_nothing_secret_is_written_down(house: House) -> None:
    call_everything(house)
    visit_everything(house)
    with contextlib.closing(sqlite3.connect(house.data / "facemeld.sqlite3")) as database:
        assert eventually(lambda: database.execute("SELECT count(*) FROM usage_records").fetchone()[0] > 50)
    written = house.written()
    assert len(written["log"].splitlines()) > 150
    assert len(house.secrets) == 13
    found = [
        (name, where)
        for name, secret in house.secrets.items()
        for where, text in written.items()
        if secret in text or secret.lower() in text
    ]
    assert found == []


def test_every_line_of_the_log_is_json_and_none_is_forged(house: House) -> None:
    lines = log_lines(house)
    assert {"time", "level", "logger"} <= set.intersection(*(set(line) for line in lines))
    assert not [line for line in lines if "forged" in str(line)]
    assert not [line for line in lines if line.get("exception")]


def test_why_a_picture_could_not_be_fetched_is_told_to_the_operator(house: House) -> None:
    told = [line["message"] for line in log_lines(house) if "could not be fetched" in line.get("message", "")]
    assert any("answered with status 404" in message for message in told)


def test_a_temporary_keys_token_is_not_written_down(house: House) -> None:
    with open_application(Settings(data=house.data)) as application:
        key = application.accounts.create_temporary_key(house.campaign.key.secret_id, timedelta(hours=1), actor="test")
    ask = {"ActivityId": house.campaign.project_id, "Limit": 1, "Offset": 0}
    for token, answers in ((key.token, True), ("x" + key.token, False)):
        answer = house.sdk("DescribeMaterialList", "2022-09-27", ask, key=NewKey(key.secret_id, key.secret_key), token=token)
        assert isinstance(answer, dict) is answers
    for text in house.written().values():
        assert key.token not in text
        assert key.secret_key not in text
