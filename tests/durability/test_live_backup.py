"""A backup of a server that fuses and imports meanwhile; the restored one answers as the first one did."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from facemeld.app.composition import open_application
from facemeld.settings.catalogue import Settings
from facemeld.users.types import Role, TokenKind
from tests.api.conftest import jpeg, png
from tests.api.live import FACEMELD, Campaign, LiveServer, download, fuse_request, make_campaign, photo


def facemeld(*arguments: str | Path) -> str:
    done = subprocess.run([FACEMELD, *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pixels(text: str) -> NDArray[np.uint8]:
    """The picture in a base64 reply; its metadata name the request and differ."""
    with Image.open(io.BytesIO(base64.b64decode(text))) as image:
        return np.asarray(image)


@pytest.mark.slow
def test_a_backup_of_a_busy_server_answers_as_the_server_did(
    tmp_path: Path, bundle_path: Path, hopper: NDArray[np.uint8], astronaut: NDArray[np.uint8]
) -> None:
    settings = Settings(data=tmp_path / "data", model_dir=bundle_path.parent, workers={"count": 1})
    campaign = make_campaign(settings, {"hopper.png": png(hopper)})
    with open_application(settings) as opened:
        opened.users.create("owner", "correct horse battery", Role.OWNER, actor="test")
        token = opened.users.create_token("owner", life=timedelta(days=1), kind=TokenKind.PROGRAM, actor="test").text
    # Each result's invisible mark is its own, and pixels shall be compared.
    environment = {"FACEMELD_WORKERS_COUNT": "2", "FACEMELD_MODEL_DIR": str(bundle_path.parent), "FACEMELD_MARKS_INVISIBLE": "off"}
    server = LiveServer(settings.data, environment)
    server.start()
    user = jpeg(astronaut)
    try:
        first = answers(server, campaign, user)
        busy = Busy(server, campaign, user, jpeg(hopper), token)
        with busy:
            folder, file = tmp_path / "backup", tmp_path / "backup.tar"
            facemeld("backup", folder, "--include-keys", "--results", "--data", settings.data)
            facemeld("backup", file, "--include-keys", "--results", "--data", settings.data)
        assert busy.fused > 2
        assert len(busy.imported) > 2
    finally:
        server.stop()

    for number, source in enumerate((folder, file)):
        data = tmp_path / f"restored{number}"
        facemeld("restore", source, "--data", data)
        findings = json.loads(facemeld("doctor", "--data", data, "--json"))
        assert [finding for finding in findings if not finding["ok"]] == []
        again = LiveServer(data, environment)
        again.start()
        try:
            after = answers(again, campaign, user)
            np.testing.assert_array_equal(pixels(after[0]), pixels(first[0]))
            # What an address of before leads to is the same to the byte.
            path = "/results/" + first[1].partition("/results/")[2]
            assert download(f"http://{again.endpoint}{path}")[0] == first[2]
            with httpx.Client(base_url=f"http://{again.endpoint}/admin/v1", headers={"Authorization": f"Bearer {token}"}) as admin:
                known = {item["id"] for item in admin.get("/materials", params={"limit": 200}).json()["items"]}
            assert campaign.materials["hopper.png"].id in known
            # The backup was made while these came in: those that were answered before it began are all there, in their order.
            assert known - {campaign.materials["hopper.png"].id} <= set(busy.imported)
        finally:
            again.stop()


def answers(server: LiveServer, campaign: Campaign, user: bytes) -> tuple[str, str, bytes]:
    """A fused picture in a reply, an address of one, and what it leads to."""
    client = server.client(campaign.key)
    material = campaign.materials["hopper.png"].id
    inline = str(client.FuseFace(fuse_request(campaign.project_id, material, photo(user))).FusedImage)
    address = str(client.FuseFace(fuse_request(campaign.project_id, material, photo(user), kind="url")).FusedImage)
    return inline, address, download(address)[0]


class Busy:
    """Fuses and imports in threads during a block."""

    def __init__(self, server: LiveServer, campaign: Campaign, user: bytes, picture: bytes, token: str) -> None:
        self.fused = 0
        self.imported: list[str] = []
        self._over = threading.Event()

        def fuse() -> None:
            request = fuse_request(campaign.project_id, campaign.materials["hopper.png"].id, photo(user), kind="url")
            server.client(campaign.key).FuseFace(request)
            self.fused += 1

        def upload() -> None:
            url = f"http://{server.endpoint}/admin/v1/activities/{campaign.project_id}/materials?name=a.jpg"
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "image/jpeg"}
            self.imported.append(httpx.post(url, content=picture, headers=headers, timeout=60).json()["id"])

        self._threads = [threading.Thread(target=self._repeat, args=(act,)) for act in (fuse, upload)]

    def _repeat(self, act: Callable[[], None]) -> None:
        while not self._over.is_set():
            act()

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
