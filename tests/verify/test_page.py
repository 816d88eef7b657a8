"""The public page and the address behind it: honest about any file, and no burden."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import re
import urllib.request
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.routing import Route

from facemeld.public.routes import VerifyPage
from facemeld.workers.pool.executor import DeadlineExceeded, QueueFull, WorkerDied
from tests.api.conftest import jpeg
from tests.tables import table
from tests.verify.conftest import Marked


def everything(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_size for path in folder.rglob("*") if path.is_file() and "sqlite" not in path.name}


def test_a_plain_photo_has_no_mark_and_nothing_is_stored(marked: Marked, astronaut: np.ndarray) -> None:
    before = everything(marked.data)
    status, report = marked.verify(jpeg(astronaut))
    assert status == 200
    assert report["Missing"] == ["Label", "Credentials", "InvisibleMark"]
    assert (report["Label"], report["Credentials"], report["InvisibleMark"], report["Consistent"]) == (None, None, None, None)
    assert everything(marked.data) == before


def test_a_webp_is_looked_at_too(marked: Marked, astronaut: np.ndarray) -> None:
    buffer = io.BytesIO()
    Image.fromarray(astronaut).save(buffer, "WEBP")
    assert marked.verify(buffer.getvalue())[1]["Format"] == "webp"


@table("body", [b"", b"no picture", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n" + b"\x00" * 50, b"GIF89a" + b"\x00" * 99])
def test_what_is_no_picture_is_refused(marked: Marked, body: bytes) -> None:
    status, answer = marked.verify(body)
    assert (status, answer["Error"]["Code"]) == (400, "unreadable")


def test_a_body_that_is_too_long_is_refused(marked: Marked) -> None:
    status, answer = marked.verify(b"\xff\xd8\xff" + bytes(4 << 20))
    assert (status, answer["Error"]["Code"]) == (413, "too_large")


def test_the_page_runs_its_own_script_only(marked: Marked) -> None:
    with urllib.request.urlopen(f"http://{marked.server.endpoint}/verify", timeout=30) as reply:
        page, policy = reply.read().decode(), reply.headers["Content-Security-Policy"]
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
    for tag in ("script", "style"):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none';")
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    assert "innerHTML" not in page


def test_both_languages_have_every_text() -> None:
    page = (Path(__file__).parents[2] / "src/facemeld/public/verifier.html").read_text("utf-8")
    blocks = re.findall(r"  (?:en|zh): \{(.*?)\n  \}", page, re.DOTALL)
    english, chinese = (set(re.findall(r"(?:^|,) *(\w+): \"", block, re.MULTILINE)) for block in blocks)
    assert english == chinese
    used = set(re.findall(r"say\(\"(\w+)\"\)", page)) | set(re.findall(r"data-text=\"(\w+)\"", page))
    assert used <= english
    assert len(used) >= 15


class FailingService:
    """A use case that ends as it is told."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    async def verify(self, _: bytes) -> dict[str, str]:
        if self.error is not None:
            raise self.error
        return {"Format": "jpeg"}


def post(error: Exception | None, count: int = 1, per_minute: int = 100) -> list[httpx.Response]:
    page = VerifyPage(FailingService(error), 1000, per_minute)  # type: ignore[arg-type]  # stands in for the use case
    application = Starlette(routes=[Route(page.path, page.verify, methods=["POST"])])

    async def send() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://test") as client:
            return [await client.post("/verify", content=b"x") for _ in range(count)]

    return asyncio.run(send())


@pytest.mark.parametrize(("error", "status"), [(QueueFull("full"), 503), (DeadlineExceeded("late"), 503), (WorkerDied("secret path"), 500)])
def test_failures_are_told_without_details(error: Exception, status: int) -> None:
    (reply,) = post(error)
    assert reply.status_code == status
    assert "secret" not in reply.text


def test_an_address_may_verify_so_many_pictures_a_minute() -> None:
    assert [reply.status_code for reply in post(None, count=5, per_minute=3)] == [200, 200, 200, 429, 429]
