"""A running server with one campaign, shared by the tests of the API."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from facemeld.settings.catalogue import Settings
from tests.api.live import Campaign, LiveServer, file_server, make_campaign


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file of pixels."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def jpeg(pixels: NDArray[np.uint8], quality: int = 95) -> bytes:
    """A JPEG file of pixels."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


@dataclass(frozen=True)
class World:
    """A server, a campaign on it, photos of users, and where they can be fetched."""

    server: LiveServer
    campaign: Campaign
    settings: Settings
    user: bytes
    other_user: bytes
    template: NDArray[np.uint8]
    couple: NDArray[np.uint8]
    files: str

    def model(self, name: str = "hopper.png") -> str:
        """ModelId of a material."""
        return self.campaign.materials[name].id


@pytest.fixture(scope="session")
def world(
    tmp_path_factory: pytest.TempPathFactory, bundle_path: Path, hopper: NDArray[np.uint8], astronaut: NDArray[np.uint8]
) -> Iterator[World]:
    """One server for all tests that leave it as it was."""
    data = tmp_path_factory.mktemp("world") / "data"
    couple = np.concatenate([hopper[:512], astronaut], axis=1)
    pictures = {"hopper.png": png(hopper), "hopper.jpg": jpeg(hopper), "couple.png": png(couple)}
    settings = Settings(data=data, model_dir=bundle_path.parent, workers={"count": 1})
    campaign = make_campaign(settings, pictures)
    user, other_user = jpeg(astronaut), jpeg(hopper)
    with file_server({"/user.jpg": user, "/template.png": pictures["hopper.png"], "/empty.jpg": b"", "/text.jpg": b"no picture"}) as files:
        environment = {
            "FACEMELD_WORKERS_COUNT": "1",
            "FACEMELD_MODEL_DIR": str(bundle_path.parent),
            "FACEMELD_FETCH_ALLOW": "127.0.0.0/8",
            "FACEMELD_FETCH_SECONDS": "5",
            # Many tests compare the pixels of two calls; every result's invisible mark is its own.
            "FACEMELD_MARKS_INVISIBLE": "off",
        }
        server = LiveServer(data, environment)
        server.start()
        try:
            yield World(server, campaign, settings, user, other_user, hopper, couple, files)
        finally:
            server.stop()
