"""A server that writes every mark, and one result of each format."""

from __future__ import annotations

import base64
import io
import json
import struct
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

from facemeld.settings.catalogue import Settings
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


def thumbnail(pixels: NDArray[np.uint8]) -> bytes:
    """The thumbnail that cameras put beside a photo."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((160, 160)).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def exif_block(small: bytes) -> bytes:
    """An EXIF block with an owner's name, a place and a thumbnail: two directories one after the other (TIFF 6.0, EXIF 2.3)."""
    owner, latitude = b"Secret Owner\x00", struct.pack("<6I", 31, 1, 13, 1, 49, 1)
    first, second = 8, 8 + 2 + 2 * 12 + 4
    place = second + 2 + 3 * 12 + 4
    data = place + 2 + 2 * 12 + 4

    def entry(tag: int, kind: int, count: int, value: int | bytes) -> bytes:
        return struct.pack("<HHI", tag, kind, count) + (value if isinstance(value, bytes) else struct.pack("<I", value))

    directories = [
        [entry(0x013B, 2, len(owner), data), entry(0x8825, 4, 1, place)],
        [entry(0x0103, 3, 1, 6), entry(0x0201, 4, 1, data + len(owner) + len(latitude)), entry(0x0202, 4, 1, len(small))],
        [entry(1, 2, 2, b"N\x00\x00\x00"), entry(2, 5, 3, data + len(owner))],
    ]
    following = [second, 0, 0]
    blocks = [
        struct.pack("<H", len(one)) + b"".join(one) + struct.pack("<I", after) for one, after in zip(directories, following, strict=True)
    ]
    return b"Exif\x00\x00II*\x00" + struct.pack("<I", first) + b"".join(blocks) + owner + latitude + small


def photo_with_secrets(pixels: NDArray[np.uint8]) -> bytes:
    """A user's photo with a place, an owner's name, a comment and a thumbnail in its metadata."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95, exif=exif_block(thumbnail(pixels)), comment=b"Secret Comment")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def pictures(hopper: NDArray[np.uint8]) -> Mapping[str, bytes]:
    """The files of the materials."""
    return {"photo.jpg": jpeg(hopper), "large.png": png(np.asarray(Image.fromarray(hopper).resize((922, 1080))))}


@pytest.fixture(scope="session")
def marked(
    tmp_path_factory: pytest.TempPathFactory, bundle_path: Path, pictures: Mapping[str, bytes], astronaut: NDArray[np.uint8]
) -> Iterator[Marked]:
    """One server for all tests of this folder."""
    data = tmp_path_factory.mktemp("marked") / "data"
    settings = Settings(data=data, model_dir=bundle_path.parent, workers={"count": 1})
    campaign = make_campaign(settings, pictures)
    environment = {"FACEMELD_WORKERS_COUNT": "1", "FACEMELD_MODEL_DIR": str(bundle_path.parent), "FACEMELD_VERIFY_PER_MINUTE": "1000"}
    server = LiveServer(data, environment | {"FACEMELD_VERIFY_MAX_MB": "4"})
    server.start()
    try:
        world = Marked(server, campaign, data, photo_with_secrets(astronaut), {})
        yield Marked(server, campaign, data, world.user, {name: world.fuse(name) for name in campaign.materials})
    finally:
        server.stop()
