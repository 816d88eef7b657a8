"""Results: ids, storage, expiry, purge, signed addresses, crashes."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facemeld.db.errors import utc_now
from facemeld.results.local import LocalResultStore
from facemeld.results.types import ResultExpired, ResultId, ResultNotFound, ResultNotSaved, ResultStore, SignatureInvalid
from tests.db.state import SettableClock, promised_until_killed
from tests.tables import table

KEY = bytes(range(32))
WEEK = timedelta(days=7)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
PUT_FOR_EVER = """
import hashlib, os, sys
from datetime import timedelta
from pathlib import Path
from facemeld.db.errors import utc_now
from facemeld.results.local import LocalResultStore
store = LocalResultStore(Path(sys.argv[1]), bytes(range(32)))
while True:
    body = os.urandom(200_000)
    print(store.put(hashlib.sha256(body).digest() + body, "image/jpeg", utc_now() + timedelta(days=7)), flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture
def store(folder: Path, clock: SettableClock) -> LocalResultStore:
    return LocalResultStore(folder, KEY, clock)


def content(store: ResultStore, result: ResultId) -> bytes:
    with store.open(result).stream as stream:
        return stream.read()


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(("media_type", "extension"), [("image/jpeg", "jpg"), ("image/png", "png"), ("video/mp4", "mp4")])
def test_a_result_comes_back_as_it_was_stored(store: LocalResultStore, clock: SettableClock, media_type: str, extension: str) -> None:
    result = store.put(b"pixels", media_type, clock.now + WEEK)
    assert str(result).endswith(f".{extension}")
    opened = store.open(ResultId.parse(str(result)))
    with opened.stream as stream:
        assert stream.read() == b"pixels"
    assert (opened.size, opened.media_type, opened.expires_at) == (6, media_type, clock.now + WEEK)


def test_ids_cannot_be_guessed(store: LocalResultStore, clock: SettableClock) -> None:
    results = {store.put(b"same", "image/png", clock.now + WEEK) for _ in range(50)}
    randoms = {result.random for result in results}
    assert len(randoms) == 50
    assert all(len(bytes.fromhex(random)) * 8 >= 128 for random in randoms)
    # Each bit of the random part takes both values: no part of it is fixed.
    numbers = [int(random, 16) for random in randoms]
    assert all(0 < sum(number >> bit & 1 for number in numbers) < 50 for bit in range(160))


def test_an_expired_result_is_refused_before_it_is_purged(store: LocalResultStore, folder: Path, clock: SettableClock) -> None:
    result = store.put(b"pixels", "image/jpeg", clock.now + timedelta(minutes=10))
    clock.advance(minutes=9, seconds=59)
    assert content(store, result) == b"pixels"
    clock.advance(seconds=1)
    with pytest.raises(ResultExpired):
        store.open(result)
    assert store.purge(clock.now) == 0
    assert len(files(folder)) == 1


def test_a_longer_life_cannot_be_written_into_an_id(store: LocalResultStore, clock: SettableClock) -> None:
    result = store.put(b"pixels", "image/jpeg", clock.now + timedelta(minutes=10))
    with pytest.raises(ResultNotFound):
        store.open(ResultId(result.expiry + 60, result.random, result.extension))


def test_a_purge_removes_what_has_expired_and_nothing_else(store: LocalResultStore, folder: Path, clock: SettableClock) -> None:
    lives = [timedelta(hours=1), timedelta(hours=2), timedelta(days=1), WEEK]
    results = [store.put(b"pixels", "image/jpeg", clock.now + life) for life in lives for _ in range(3)]
    open_before = store.open(results[0])
    assert store.purge(clock.now + timedelta(days=1, hours=1)) == 9
    assert [content(store, result) for result in results[9:]] == [b"pixels"] * 3
    with pytest.raises(ResultNotFound):
        store.open(results[0])
    with open_before.stream as stream:
        assert stream.read() == b"pixels"
    assert store.purge(clock.now + timedelta(days=8)) == 3
    assert list(folder.iterdir()) == []
    assert content(store, store.put(b"later", "image/png", clock.now + timedelta(hours=1))) == b"later"


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 10_000), st.integers(0, 12_000)), max_size=3))
def test_no_living_result_is_ever_purged(tmp_path_factory: pytest.TempPathFactory, minutes: list[tuple[int, int]]) -> None:
    clock, folder = SettableClock(), tmp_path_factory.mktemp("results")
    store = LocalResultStore(folder, KEY, clock)
    for life, purge in minutes:
        result = store.put(b"pixels", "image/jpeg", clock.now + timedelta(minutes=life))
        store.purge(clock.now + timedelta(minutes=purge))
        if purge < life:
            assert content(store, result) == b"pixels"
        elif purge >= life + 60:
            assert str(result) not in {path.name for path in files(folder)}


def test_foreign_files_in_the_store_are_left_alone(store: LocalResultStore, folder: Path, clock: SettableClock) -> None:
    store.put(b"pixels", "image/jpeg", clock.now + WEEK)
    (folder / "0000-notes").mkdir()
    (folder / "0000-notes" / "file").write_text("mine")
    assert store.purge(clock.now + timedelta(days=30)) == 1
    assert [path.name for path in files(folder)] == ["file"]


def test_a_full_disk_is_reported_and_leaves_nothing(
    store: LocalResultStore, folder: Path, clock: SettableClock, small_files_only: None
) -> None:
    with pytest.raises(ResultNotSaved, match="too large"):
        store.put(bytes(100_000), "image/jpeg", clock.now + WEEK)
    assert files(folder) == []
    assert content(store, store.put(b"small", "image/jpeg", clock.now + WEEK)) == b"small"


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path, clock: SettableClock) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultNotSaved):
        LocalResultStore(tmp_path / "file" / "results", KEY, clock).put(b"", "image/jpeg", clock.now + WEEK)


def test_wrong_use_is_refused(store: LocalResultStore, clock: SettableClock, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be one of image/jpeg"):
        store.put(b"", "text/html", clock.now + WEEK)
    with pytest.raises(ValueError, match="must lie ahead"):
        store.put(b"", "image/jpeg", clock.now)
    with pytest.raises(ValueError, match="at least 32 bytes"):
        LocalResultStore(tmp_path, b"short")


@given(MOMENTS, st.sampled_from(["image/jpeg", "image/png", "video/mp4"]))
def test_an_id_survives_its_text_form(moment: datetime, media_type: str) -> None:
    result = ResultId.new(media_type, moment)
    assert ResultId.parse(str(result)) == result
    assert timedelta(0) <= moment - result.expires_at < timedelta(seconds=1)


VALID = "6a445a80-" + "0123456789abcdef" * 2 + "01234567.jpg"


@given(st.one_of(st.text(st.characters(exclude_categories=())), st.from_regex(r"[0-9a-f]{8}-[0-9a-f./]{30,50}")))
def test_a_text_that_is_no_id_is_not_found(text: str) -> None:
    with pytest.raises(ResultNotFound):
        ResultId.parse(text)


@table(
    "text",
    [
        "",
        VALID.upper(),
        VALID + "\n",
        f"../{VALID}",
        f"0{VALID}",
        VALID.replace(".jpg", ".exe"),
        VALID.replace(".jpg", ""),
        VALID[1:],
        VALID.replace("-", "/"),
        "٠" * 8 + VALID[8:],
    ],
)
def test_nearly_an_id_is_not_found(text: str) -> None:
    with pytest.raises(ResultNotFound):
        ResultId.parse(text)


def split(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return parts.path, parts.query


def test_a_signed_address_leads_to_its_result_until_it_expires(store: LocalResultStore, clock: SettableClock) -> None:
    result = store.put(b"pixels", "image/jpeg", clock.now + WEEK)
    path, query = split(store.sign(result, clock.now + timedelta(hours=1)))
    assert path == f"/results/{result}"
    assert store.verify(path, query, clock.now + timedelta(minutes=59)) == result
    with pytest.raises(ResultExpired):
        store.verify(path, query, clock.now + timedelta(hours=1))


def test_an_address_does_not_outlive_its_result(store: LocalResultStore, clock: SettableClock) -> None:
    result = store.put(b"pixels", "image/jpeg", clock.now + WEEK)
    assert store.sign(result) == store.sign(result, clock.now + WEEK) == store.sign(result, clock.now + timedelta(days=400))


@given(st.data())
def test_no_changed_address_is_accepted(data: st.DataObject) -> None:
    store = LocalResultStore(Path("unused"), KEY)
    now = datetime(2026, 7, 1, tzinfo=UTC)
    path, query = split(store.sign(ResultId.new("image/png", now + WEEK)))
    address = f"{path}?{query}"
    position = data.draw(st.integers(0, len(address)))
    cut = data.draw(st.integers(0, 2))
    inserted = data.draw(st.text(st.characters(exclude_categories=()), max_size=2))
    changed = address[:position] + inserted + address[position + cut :]
    if changed == address:
        return
    changed_path, _, changed_query = changed.partition("?")
    with pytest.raises(SignatureInvalid):
        store.verify(changed_path, changed_query, now)


@table("form", ["{q}&expires=1", "{q}&x=1", "&{q}", "", "signature=0", "expires=0&signature=" + "0" * 64])
def test_an_address_in_another_form_is_refused(store: LocalResultStore, clock: SettableClock, form: str) -> None:
    path, query = split(store.sign(ResultId.new("image/png", clock.now + WEEK)))
    with pytest.raises(SignatureInvalid):
        store.verify(path, form.format(q=query), clock.now)


def test_another_key_signs_differently(store: LocalResultStore, clock: SettableClock, tmp_path: Path) -> None:
    stranger = LocalResultStore(tmp_path, bytes(32), clock)
    path, query = split(stranger.sign(ResultId.new("image/png", clock.now + WEEK)))
    with pytest.raises(SignatureInvalid):
        store.verify(path, query, clock.now)


@pytest.mark.slow
def test_a_kill_loses_no_promised_result_and_serves_no_partial_one(folder: Path) -> None:
    store = LocalResultStore(folder, KEY)
    for seed in range(4):
        promised = promised_until_killed(PUT_FOR_EVER, str(folder), seed=seed)
        assert promised
        for name in promised:
            data = content(store, ResultId.parse(name))
            assert hashlib.sha256(data[32:]).digest() == data[:32]
    served = [path for path in files(folder) if not path.name.startswith(".tmp-")]
    for path in served:
        data = content(store, ResultId.parse(path.name))
        assert hashlib.sha256(data[32:]).digest() == data[:32]
    assert store.purge(utc_now() + timedelta(days=8)) == len(served)
    assert files(folder) == []


@given(hours=st.lists(st.integers(1, 72), max_size=12), limit=st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_pages_hold_every_result_once_in_the_order_of_expiry(
    tmp_path_factory: pytest.TempPathFactory, hours: list[int], limit: int
) -> None:
    clock = SettableClock()
    store = LocalResultStore(tmp_path_factory.mktemp("pages"), KEY, clock)
    made = [store.put(b"x" * hour, "image/jpeg", clock.now + timedelta(minutes=20 * hour)) for hour in hours]
    clock.advance(hours=1)
    listed: list[ResultId] = []
    while page := store.results(after=listed[-1] if listed else None, limit=limit):
        assert len(page) <= limit
        listed += [summary.id for summary in page]
    assert [result.expiry for result in listed] == sorted(result.expiry for result in listed)
    assert sorted(map(str, listed)) == sorted(str(result) for result in made if result.expires_at > clock.now)


def test_a_removed_result_is_gone_and_cannot_be_removed_again(store: LocalResultStore, clock: SettableClock) -> None:
    kept, removed = (store.put(b"pixels", "image/png", clock.now + WEEK) for _ in range(2))
    store.remove(removed)
    for act in (store.open, store.remove):
        with pytest.raises(ResultNotFound):
            act(removed)
    assert [(summary.id, summary.size) for summary in store.results()] == [(kept, 6)]
