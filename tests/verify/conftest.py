"""A server that writes every mark, and one result of each format."""

from __future__ import annotations

import base64
import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from facemeld.settings import Settings
from tests.api.conftest import jpeg, png
from tests.api.live import Campaign, LiveServer, fuse_request, make_campaign, photo


@dataclass(frozen=True)
class Marked:
    """A server, a campaign on it, and results with the ids of their calls."""

    server: LiveServer
    campaign: Campaign
    data: Path
    user: bytes
    results: Mapping[str, tuple[bytes, str]]

    def fuse(self, material: str, **fields: Any) -> tuple[bytes, str]:
        """One result as a file, and the id of the call."""
        request = fuse_request(self.campaign.project_id, self.campaign.materials[material].id, photo(self.user), **fields)
        reply = self.server.client(self.campaign.key).FuseFace(request)
        return base64.b64decode(reply.FusedImage), str(reply.RequestId)

    def verify(self, picture: bytes) -> tuple[int, Any]:
        """Status and body of a verification."""
        request = urllib.request.Request(f"http://{self.server.endpoint}/verify", data=picture, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return int(reply.status), json.loads(reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())


def photo_with_secrets(pixels: NDArray[np.uint8]) -> bytes:
    """A user's photo with a place, an owner's name and a thumbnail-like comment in its metadata."""
    exif = Image.Exif()
    exif[0x013B] = "Secret Owner"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (31.0, 13.0, 49.0)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95, exif=exif, comment=b"Secret Comment")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def marked(
    tmp_path_factory: pytest.TempPathFactory, bundle_path: Path, hopper: NDArray[np.uint8], astronaut: NDArray[np.uint8]
) -> Iterator[Marked]:
    """One server for all tests of this folder."""
    data = tmp_path_factory.mktemp("marked") / "data"
    settings = Settings(data=data, workers=1, model_dir=bundle_path.parent)
    large = np.asarray(Image.fromarray(hopper).resize((922, 1080)))
    campaign = make_campaign(settings, {"photo.jpg": jpeg(hopper), "large.png": png(large)})
    environment = {"FACEMELD_WORKERS": "1", "FACEMELD_MODEL_DIR": str(bundle_path.parent), "FACEMELD_VERIFY_PER_MINUTE": "1000"}
    server = LiveServer(data, environment | {"FACEMELD_VERIFY_MAX_MB": "4"})
    server.start()
    try:
        world = Marked(server, campaign, data, photo_with_secrets(astronaut), {})
        yield Marked(server, campaign, data, world.user, {name: world.fuse(name) for name in campaign.materials})
    finally:
        server.stop()
