"""Result addresses through HTTP: expiry by the right clock, HEAD, ranges, conditions; nothing but the signed file is served."""

from __future__ import annotations

import asyncio
import hmac
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from facemeld.public.routes import ResultFiles
from facemeld.results.local import LocalResultStore
from facemeld.results.types import ResultId
from tests.db.state import SettableClock
from tests.tables import table

KEY = bytes(range(32))
CONTENT = bytes(range(256)) * 4000
DAY = timedelta(days=1)


@dataclass
class Site:
    """Results behind HTTP; the store's clock and the API's are two."""

    folder: Path
    store: LocalResultStore
    stored: SettableClock
    served: SettableClock

    def put(self, life: timedelta = DAY, content: bytes = CONTENT) -> tuple[ResultId, str]:
        result = self.store.put(content, "image/png", self.stored.now + life)
        return result, self.store.sign(result)

    def call(self, address: str, method: str = "GET", **headers: str) -> httpx.Response:
        return self.send(address, method, {name.replace("_", "-"): value.encode() for name, value in headers.items()})

    def send(self, address: str, method: str, headers: Mapping[str, bytes]) -> httpx.Response:
        files = ResultFiles(self.store, self.served)
        app = Starlette(routes=[Route(files.path, files.serve, methods=["GET"])])

        async def send() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://results") as client:
                return await client.request(method, address, headers=[(name.encode(), value) for name, value in headers.items()])

        return asyncio.run(send())


@pytest.fixture
def site(tmp_path: Path) -> Site:
    stored, served = SettableClock(), SettableClock()
    return Site(tmp_path / "results", LocalResultStore(tmp_path / "results", KEY, stored), stored, served)


def test_a_whole_file_comes_with_all_that_caches_need(site: Site) -> None:
    result, address = site.put()
    reply = site.call(address)
    assert (reply.status_code, reply.content) == (200, CONTENT)
    assert reply.headers["Content-Type"] == "image/png"
    assert reply.headers["ETag"] == f'"{result.random}"'
    assert reply.headers["Accept-Ranges"] == "bytes"
    assert reply.headers["Cache-Control"] == "private, max-age=86400, immutable"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    head = site.call(address, "HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert {**head.headers} == {**reply.headers}


@table(
    ("asked", "first", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=1023990-", 1023990, 1024000),
        ("bytes=-10", 1023990, 1024000),
        ("bytes=-9999999", 0, 1024000),
        ("bytes=1000000-99999999", 1000000, 1024000),
        ("Bytes=5-6", 5, 7),
    ],
)
def test_a_range_is_sent_as_such(site: Site, asked: str, first: int, stop: int) -> None:
    _, address = site.put()
    reply = site.call(address, Range=asked)
    assert (reply.status_code, reply.content) == (206, CONTENT[first:stop])
    assert reply.headers["Content-Range"] == f"bytes {first}-{stop - 1}/{len(CONTENT)}"
    assert reply.headers["Content-Length"] == str(stop - first)


@table("asked", ["bytes=5-2", "bytes=-", "items=0-5", "bytes=0-1,3-4", "bytes=a-b", "bytes", "bytes=0-1" + "9" * 30, ""])
def test_a_range_that_cannot_be_read_gives_the_whole_file(site: Site, asked: str) -> None:
    _, address = site.put()
    reply = site.call(address, Range=asked)
    assert (reply.status_code, reply.content) == (200, CONTENT)


@pytest.mark.parametrize("asked", ["bytes=1024000-", "bytes=99999999-999999999", "bytes=-0"])
def test_a_range_beyond_the_file_is_refused(site: Site, asked: str) -> None:
    _, address = site.put()
    reply = site.call(address, Range=asked)
    assert (reply.status_code, reply.content, reply.headers["Content-Range"]) == (416, b"", "bytes */1024000")
    whole = site.call(address)
    for name in ("Cache-Control", "Content-Security-Policy", "Cross-Origin-Resource-Policy", "ETag", "X-Content-Type-Options"):
        assert reply.headers[name] == whole.headers[name], name


def test_a_head_has_no_range(site: Site) -> None:
    _, address = site.put()
    assert site.call(address, "HEAD", Range="bytes=0-0").headers["Content-Length"] == str(len(CONTENT))


def test_conditions_are_kept(site: Site) -> None:
    result, address = site.put()
    tag, other = f'"{result.random}"', '"0123"'
    table: list[tuple[dict[str, str], int]] = [
        ({"If_None_Match": tag}, 304),
        ({"If_None_Match": f"W/{tag}"}, 304),
        ({"If_None_Match": f"{other}, {tag}"}, 304),
        ({"If_None_Match": "*"}, 304),
        ({"If_None_Match": other}, 200),
        ({"If_None_Match": "nonsense"}, 200),
        ({"If_Match": tag}, 200),
        ({"If_Match": "*"}, 200),
        ({"If_Match": other}, 412),
        ({"If_Match": f"W/{tag}"}, 412),
        ({"If_Match": other, "If_None_Match": tag}, 412),
        ({"If_None_Match": tag, "Range": "bytes=0-9"}, 304),
        ({"If_Range": tag, "Range": "bytes=0-9"}, 206),
        ({"If_Range": other, "Range": "bytes=0-9"}, 200),
        ({"If_Range": "Wed, 01 Jul 2026 12:30:00 GMT", "Range": "bytes=0-9"}, 200),
    ]
    for headers, status in table:
        for method in ("GET", "HEAD"):
            expected = 200 if method == "HEAD" and status == 206 else status
            assert site.call(address, method, **headers).status_code == expected, (method, headers)


fields = st.binary(max_size=30) | st.from_regex(r"(W/)?\"?[a-z*, -]{0,8}\"?", fullmatch=True).map(str.encode)
ranges = st.from_regex(r"[Bb]ytes ?= ?[0-9]{0,3}-[0-9]{0,3}(, ?[0-9]{0,3}-[0-9]{0,3})?", fullmatch=True).map(str.encode)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["GET", "HEAD"]),
    st.dictionaries(st.sampled_from(["if-range", "if-match", "if-none-match"]), fields, max_size=2),
    st.none() | ranges | st.binary(max_size=20),
    st.integers(0, 30),
)
def test_no_header_leads_outside_the_file(site: Site, method: str, headers: dict[str, bytes], asked: bytes | None, size: int) -> None:
    content = CONTENT[:size]
    _, address = site.put(content=content)
    reply = site.send(address, method, headers | ({} if asked is None else {"range": asked}))
    assert reply.status_code in {200, 206, 304, 412, 416}
    match = re.fullmatch(rf"bytes ([0-9]+)-([0-9]+)/{size}", reply.headers.get("Content-Range", ""))
    if reply.status_code == 206:
        assert match is not None
        assert 0 <= int(match[1]) <= int(match[2]) < size
        assert reply.content == content[int(match[1]) : int(match[2]) + 1]
    else:
        assert match is None
        assert reply.content == (content if reply.status_code == 200 and method == "GET" else b"")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 20), st.one_of(st.none(), st.integers(0, 20)), st.integers(0, 20))
def test_every_range_is_what_slicing_gives(site: Site, first: int, last: int | None, size: int) -> None:
    content = CONTENT[:size]
    _, address = site.put(content=content)
    reply = site.call(address, Range=f"bytes={first}-{'' if last is None else last}")
    if last is not None and last < first:
        assert (reply.status_code, reply.content) == (200, content)
    elif first >= size:
        assert (reply.status_code, reply.content) == (416, b"")
    else:
        assert (reply.status_code, reply.content) == (206, content[first : None if last is None else last + 1])


@table("method", ["GET", "HEAD"])
@table("headers", [{}, {"Range": "bytes=0-9"}], ids=str)
def test_a_result_that_is_erased_before_it_is_sent_is_not_found(site: Site, method: str, headers: dict[str, str]) -> None:
    result, address = site.put()
    files = ResultFiles(site.store, site.served)

    async def serve(request: Request) -> Response:
        file = await files.serve(request)
        site.store.erase(result)
        return file

    app = Starlette(routes=[Route(files.path, serve, methods=["GET"])])

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://results") as client:
            return await client.request(method, address, headers=headers)

    reply = asyncio.run(ask())
    if method == "GET":
        assert (reply.status_code, reply.text) == (404, "There is no such result.")
        assert reply.headers["Cache-Control"] == "no-store"
    else:
        assert reply.status_code == 200


def test_an_address_ends_by_the_clock_of_the_api_whatever_the_files_say(site: Site) -> None:
    result, address = site.put(timedelta(minutes=90))
    (file,) = site.folder.rglob("*.png")
    # A store on another machine stamps its files by its own clock.
    for stamp in (0, 4_000_000_000):
        os.utime(file, (stamp, stamp))
        os.utime(file.parent, (stamp, stamp))
        site.served.now = result.expires_at - timedelta(seconds=1)
        site.store.purge(site.served.now)
        assert site.call(address).status_code == 200
        site.served.now = result.expires_at
        assert site.call(address).status_code == 410


@table("skew", [timedelta(days=-400), timedelta(hours=-2), timedelta(hours=2), timedelta(days=400)], ids=str)
def test_the_clock_of_the_store_gives_nobody_a_longer_life(site: Site, skew: timedelta) -> None:
    result, address = site.put(timedelta(minutes=90))
    site.stored.now += skew
    site.served.now = result.expires_at + timedelta(seconds=1)
    assert site.call(address).status_code == 410
    # One that is behind changes nothing; one that is ahead may only end a result early.
    site.served.now = result.expires_at - timedelta(seconds=1)
    assert site.call(address).status_code == (200 if skew < timedelta(0) else 410)


def test_every_piece_of_an_address_is_signed(site: Site) -> None:
    result, address = site.put()
    other, _ = site.put()
    path, _, query = address.partition("?")
    expires, _, signature = query.partition("&")
    forged = [
        path,
        f"{path}?{expires}",
        f"{path}?{signature}",
        f"{path}?{signature}&{expires}",
        f"{path}?{query}&x=1",
        f"{path}?{query}&{expires}",
        f"{path}?expires={result.expiry + 1}&{signature}",
        f"{path}?expires=0{result.expiry}&{signature}",
        f"{path}?{query.upper()}",
        f"{path}?{query[:-1]}",
        f"{path}?{query}0",
        f"{path.replace('.png', '.jpg')}?{query}",
        f"/results/{other}?{query}",
        f"{path}%00?{query}",
        f"{path}%20?{query}",
        f"{path.replace('/results/', '/results/.%2F')}?{query}",
        f"{path.replace('/results/', '/results//')}?{query}",
    ]
    for one in forged:
        for method in ("GET", "HEAD"):
            reply = site.call(one, method, Range="bytes=0-9", If_None_Match="*")
            assert reply.status_code in {403, 404}, one
            assert CONTENT[:10] not in reply.content


def test_signatures_are_compared_in_constant_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[str, str]] = []

    def compare(left: str, right: str) -> bool:
        compared.append((left, right))
        return left == right

    monkeypatch.setattr(hmac, "compare_digest", compare)
    _, address = site.put()
    wrong = address[:-1] + ("0" if address[-1] != "0" else "1")
    assert site.call(wrong).status_code == 403
    assert site.call(address).status_code == 200
    assert [len(right) for _, right in compared] == [64, 64]
