"""The admin API and the console of one server share their limits."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from facemeld.app.composition import open_application
from facemeld.settings.catalogue import Settings
from facemeld.users.types import Role, TokenKind
from tests.api.conftest import png
from tests.api.live import LiveServer, eventually, make_campaign
from tests.api.test_crashes import workers

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class World:
    """A server with four workers and three attempts to sign in.

    Attributes:
        materials: Ids of materials without thumbnails.
        token: A session of the owner.
    """

    server: LiveServer
    materials: tuple[str, ...]
    token: str

    def client(self) -> httpx.Client:
        """A client that is signed in at both the admin API and the console."""
        headers = {"Authorization": f"Bearer {self.token}", "Cookie": f"facemeld_session={self.token}"}
        return httpx.Client(base_url=f"http://{self.server.endpoint}", headers=headers, timeout=60)

    def busy(self) -> int:
        """Number of busy workers."""
        return int(httpx.get(f"http://{self.server.endpoint}/readyz").json()["busy"])

    def log_in(self, name: str, password: str) -> int:
        """Status of a sign-in at the admin API."""
        return httpx.post(f"http://{self.server.endpoint}/admin/v1/login", json={"name": name, "password": password}).status_code

    def sign_in(self, name: str, password: str) -> int:
        """Status of a sign-in at the console."""
        here = f"http://{self.server.endpoint}"
        form = {"name": name, "password": password}
        return httpx.post(f"{here}/console/sign-in", data=form, headers={"Origin": here}).status_code


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, bundle_path: Path, hopper: NDArray[np.uint8]) -> Iterator[World]:
    data = tmp_path_factory.mktemp("once") / "data"
    settings = Settings(data=data, model_dir=bundle_path.parent)
    campaign = make_campaign(settings, {str(number): png(hopper) for number in range(4)})
    with open_application(settings) as application:
        for name in ("owner", "other"):
            application.users.create(name, PASSWORD, Role.OWNER, actor="test")
        token = application.users.create_token("owner", life=timedelta(hours=1), kind=TokenKind.SESSION, actor="test")
    environment = {"FACEMELD_WORKERS_COUNT": "4", "FACEMELD_MODEL_DIR": str(bundle_path.parent), "FACEMELD_CONSOLE_SIGN_IN_ATTEMPTS": "3"}
    server = LiveServer(data, environment)
    server.start()
    yield World(server, tuple(material.id for material in campaign.materials.values()), token.text)
    assert server.stop() == 0


def test_attempts_at_the_admin_api_and_the_console_are_counted_together(world: World) -> None:
    assert [world.log_in("owner", "wrong"), world.sign_in("owner", "wrong"), world.log_in("owner", "wrong")] == [401] * 3
    assert (world.sign_in("owner", PASSWORD), world.log_in("owner", PASSWORD)) == (429, 429)
    assert world.log_in("other", PASSWORD) == 200


def test_two_thumbnails_are_made_at_once_whoever_asks_for_them(world: World) -> None:
    """Calls of the API must find a worker while pages full of thumbnails are loaded."""
    assert world.server.process is not None
    pids = workers(world.server.process.pid)
    assert len(pids) == 4
    first, second, third, fourth = world.materials
    addresses = [f"/admin/v1/materials/{one}/thumbnail" for one in (first, second)]
    addresses += [f"/console/files/materials/{one}/thumbnail" for one in (third, fourth)]
    with world.client() as client, ThreadPoolExecutor(4) as pool:
        try:
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            asked = [pool.submit(client.get, address) for address in addresses]
            assert eventually(lambda: world.busy() == 2)
            assert not eventually(lambda: world.busy() > 2, seconds=0.5)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        assert [reply.result().status_code for reply in asked] == [200] * 4
