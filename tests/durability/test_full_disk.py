"""A full disk under a running server: the right codes, nothing half written, and everything works again once there is room."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.facefusion.v20181201 import facefusion_client as client_2018
from tencentcloud.facefusion.v20181201 import models as models_2018

from facemeld.accounts.types import AccountChange, NewKey
from facemeld.app.composition import open_application
from facemeld.settings.catalogue import Settings
from facemeld.users.types import Role, TokenKind
from tests.api.conftest import jpeg
from tests.api.live import Campaign, LiveServer, client_arguments, download, eventually, fuse_request, make_campaign, photo

pytestmark = pytest.mark.slow


@dataclass
class Site:
    """A server, its campaign, and what calls it."""

    server: LiveServer
    campaign: Campaign
    counted: NewKey
    counted_activity: str
    counted_material: str
    token: str
    user: bytes
    picture: bytes

    def fuse(self, version: str = "2022-09-27", kind: str = "url") -> str:
        """Code of a fusion, empty for success."""
        material = self.campaign.materials["hopper.jpg"].id
        try:
            if version == "2022-09-27":
                request = fuse_request(self.campaign.project_id, material, photo(self.user), kind=kind)
                self.server.client(self.campaign.key).FuseFace(request)
            else:
                old = models_2018.FuseFaceRequest()
                info = models_2018.MergeInfo()
                info.Image = photo(self.user).Image
                old.ProjectId, old.ModelId, old.RspImgType, old.MergeInfos = self.campaign.project_id, material, kind, [info]
                client_2018.FacefusionClient(*client_arguments(self.server.endpoint, self.campaign.key)).FuseFace(old)
        except TencentCloudSDKException as error:
            return str(error.code)
        return ""

    def fuse_counted(self) -> str:
        """Code of a fusion of an account that pays for each call."""
        request = fuse_request(self.counted_activity, self.counted_material, photo(self.user))
        try:
            self.server.client(self.counted).FuseFace(request)
        except TencentCloudSDKException as error:
            return str(error.code)
        return ""

    def admin(self, method: str, path: str, content: bytes | None = None, **query: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "image/jpeg" if content else "application/json"}
        url = f"http://{self.server.endpoint}/admin/v1{path}"
        return httpx.request(method, url, params=query, content=content or b"{}", headers=headers, timeout=60)

    def upload(self) -> httpx.Response:
        return self.admin("POST", f"/activities/{self.campaign.project_id}/materials", self.picture, name="a.jpg")

    def settings(self) -> Settings:
        return Settings(data=self.server.data)

    def unfinished(self) -> list[Path]:
        return list(self.server.data.rglob(".tmp-*"))


@contextmanager
def site_on(data: Path, bundle: Path, user: bytes, picture: bytes) -> Iterator[Site]:
    settings = Settings(data=data, model_dir=bundle.parent, workers={"count": 1})
    campaign = make_campaign(settings, {"hopper.jpg": picture})
    other = make_campaign(settings, {"hopper.jpg": picture}, account="counted")
    with open_application(settings) as opened:
        opened.accounts.change("counted", AccountChange(balance=5), actor="test")
        opened.users.create("owner", "correct horse battery", Role.OWNER, actor="test")
        token = opened.users.create_token("owner", life=timedelta(days=1), kind=TokenKind.PROGRAM, actor="test").text
    server = LiveServer(data, {"FACEMELD_WORKERS_COUNT": "1", "FACEMELD_MODEL_DIR": str(bundle.parent)})
    server.log = data.parent / "server.log"
    server.start()
    try:
        yield Site(server, campaign, other.key, other.project_id, other.materials["hopper.jpg"].id, token, user, picture)
    finally:
        server.stop()


def fill(path: Path) -> None:
    """Write a file until there is no room."""
    with path.open("wb") as file:
        while True:
            os.write(file.fileno(), bytes(4096))


def check(site: Site, full: Callable[[], AbstractContextManager[None]]) -> None:
    """The same story for every way in which a disk can be full."""
    made = site.upload().json()["id"]
    kept = site.server.client(site.campaign.key).FuseFace(
        fuse_request(site.campaign.project_id, site.campaign.materials["hopper.jpg"].id, photo(site.user), kind="url")
    )
    content, _ = download(kept.FusedImage)
    files = {path for path in site.server.data.rglob("*") if "sqlite3" not in path.name}

    with full():
        assert site.fuse() == "FailedOperation.InnerError"
        assert site.fuse("2018-12-01") == "FailedOperation.FuseSavePhotoFail"
        assert site.fuse(kind="base64") == ""
        assert site.fuse_counted() == "FailedOperation.InnerError"
        refused = site.upload()
        assert (refused.status_code, refused.json()["error"]["code"]) in {(503, "unavailable"), (507, "no_room")}
        refused = site.admin("POST", f"/materials/{made}/approve")
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "unavailable")
        assert site.admin("GET", f"/materials/{made}").json()["status"] == 0
        assert download(kept.FusedImage)[0] == content
        assert httpx.get(f"http://{site.server.endpoint}/readyz").status_code == 200
        assert site.unfinished() == []
        assert {path for path in site.server.data.rglob("*.*") if "sqlite3" not in path.name and path.is_file()} <= files

    assert eventually(lambda: site.fuse() == "")
    assert site.fuse("2018-12-01") == site.fuse_counted() == ""
    assert site.upload().status_code == 201
    assert site.admin("POST", f"/materials/{made}/approve").json()["status"] == 1
    assert site.unfinished() == []
    # Records made while the disk was full are there now, and no failed call was charged.
    with open_application(site.settings()) as opened:
        assert eventually(lambda: len([usage for _, usage in opened.usage.records() if usage.code]) == 3)
        assert opened.accounts.get("counted").balance == 4
        with opened.database.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"


@pytest.fixture
def pictures(hopper: NDArray[np.uint8], astronaut: NDArray[np.uint8]) -> tuple[bytes, bytes]:
    return jpeg(astronaut), jpeg(hopper)


def test_when_no_file_may_grow(tmp_path: Path, bundle_path: Path, pictures: tuple[bytes, bytes]) -> None:
    with site_on(tmp_path / "data", bundle_path, *pictures) as site:
        process = site.server.process
        assert process is not None

        @contextmanager
        def full() -> Iterator[None]:
            # The system itself refuses to write past this size; the log of the database is longer already.
            soft, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, hard))
            try:
                yield
            finally:
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (soft, hard))

        check(site, full)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"mounting is not permitted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_when_the_disk_has_no_room(small_disk: Path, bundle_path: Path, pictures: tuple[bytes, bytes], tmp_path: Path) -> None:
    with site_on(small_disk / "data", bundle_path, *pictures) as site:

        @contextmanager
        def full() -> Iterator[None]:
            filler = small_disk / "filler"
            with pytest.raises(OSError, match="No space left"):
                fill(filler)
            try:
                yield
            finally:
                filler.unlink()

        check(site, full)
