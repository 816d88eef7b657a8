"""Previews of a material: permission, the stored consent, and the effect of degrees."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from facemeld.app.composition import Application, Services, open_application
from facemeld.fusing.service import PreviewRequest, PreviewService
from facemeld.materials.types import FaceNotFound, Material, MaterialNotFound
from facemeld.privacy.types import ConsentMissing
from facemeld.settings.catalogue import Settings
from facemeld.workers.tasks.inputs import NoFaceFound
from tests.inline import Inline


def encoded(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def decoded(data: bytes) -> NDArray[np.int16]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.int16)


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory, bundle_path: Path) -> Iterator[Application]:
    settings = Settings(data=tmp_path_factory.mktemp("previews") / "data", model_dir=bundle_path.parent)
    with open_application(settings) as application:
        yield application


@pytest.fixture(scope="module")
def previews(application: Application, bundle_path: Path) -> PreviewService:
    return Services(application, Inline.unmarked(bundle_path)).previewing


@pytest.fixture(scope="module")
def material(application: Application, bundle_path: Path, hopper: NDArray[np.uint8]) -> Material:
    """A material without approval, in an activity that requires consents."""
    owner = application.accounts.ensure("acme", actor="test")
    activity = application.activities.create(owner.id, "spring", actor="test", consent_required=True)
    importing = Services(application, Inline.unmarked(bundle_path)).importing
    return asyncio.run(importing.add(activity.id, encoded(hopper), "hopper.png", approve=False, actor="test"))


def test_a_consent_is_needed_and_kept_where_it_can_be_deleted(
    application: Application, previews: PreviewService, material: Material
) -> None:
    assert previews.needs_consent(material.activity_id)
    for reference in (None, "", "ä", "x" * 129, "a\nb"):
        with pytest.raises(ConsentMissing):
            previews.begin(material.id, reference, actor="user:ann")
    assert application.audit.entries(subject=material.id)[0].act == "material.add"
    permit = previews.begin(material.id, "form-1", actor="user:ann")
    (consent,) = application.privacy.consents(permit.request_id)
    assert (consent.reference, consent.activity_id) == ("form-1", material.activity)
    entry = application.audit.entries(subject=material.id)[0]
    assert (entry.actor, entry.act) == ("user:ann", "material.preview")
    assert entry.detail == {"request_id": permit.request_id, "with_consent": True}


def test_degrees_lead_from_the_person_to_the_template(
    application: Application, previews: PreviewService, material: Material, hopper: NDArray[np.uint8], astronaut: NDArray[np.uint8]
) -> None:
    permit, photo, template = previews.begin(material.id, "form-1", actor="user:ann"), encoded(astronaut), hopper.astype(np.int16)

    def change(degree: int) -> float:
        made = asyncio.run(previews.fuse(PreviewRequest(material.id, photo, 1, degree, degree), permit))
        assert (made.width, made.height, made.format) == (material.width, material.height, "png")
        return float(np.abs(decoded(made.data) - template).mean())

    assert change(0) > 1.5 * change(100) > 0
    assert application.usage.records(limit=1) == ()
    assert not any((application.settings.data / "results").rglob("*.*"))


def test_what_cannot_be_previewed(
    application: Application, previews: PreviewService, material: Material, astronaut: NDArray[np.uint8]
) -> None:
    permit, photo = previews.begin(material.id, "form-1", actor="user:ann"), encoded(astronaut)
    blank = encoded(np.full((200, 200, 3), 128, np.uint8))
    with pytest.raises(MaterialNotFound):
        previews.begin("mt_1", None, actor="user:ann")
    for request, error in (
        (PreviewRequest("mt_1", photo, 1, 50, 50), MaterialNotFound),
        (PreviewRequest(material.id, photo, 2, 50, 50), FaceNotFound),
        (PreviewRequest(material.id, blank, 1, 50, 50), NoFaceFound),
    ):
        with pytest.raises(error):
            asyncio.run(previews.fuse(request, permit))
    owner = application.accounts.get("acme")
    other = application.activities.create(owner.id, "other", actor="test")
    assert not previews.needs_consent(other.id)
    stranger = type(permit)(other.id, permit.request_id)
    with pytest.raises(ConsentMissing):
        asyncio.run(previews.fuse(PreviewRequest(material.id, photo, 1, 50, 50), stranger))
