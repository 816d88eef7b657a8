"""The console over a large installation: how long the server takes for each page, and which plans its queries have.

``python -m bench.console_pages --folder FOLDER`` (``--help`` for more). A server in a process of its own works on a folder that
``bench.console_store`` writes once. An owner asks for every page as a browser does, one after the other, connects it and leaves it; a
page's time ends with its last byte. Pages are drawn whole before they are sent: what a connected page still asks the database for is looked
at, and must be nothing. Lists are turned over the page's socket, which is spoken here without a browser; a turn ends with the new rows.

The server keeps a page for ten seconds after it was left. Visits follow one another after ``--pause`` seconds, faster than a person's:
without it, dozens of pages are kept, and looking through them for garbage takes longer than drawing one.

A page fails that ever takes longer than ``--limit``, and so does one with a statement that reads a large table from end to end. Whether
one does is found by running it again under SQLite's own count of its steps.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import http.client
import json
import re
import sqlite3
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import socketio
from bench.console_plans import Plans, Statement, distinct, read_statements
from bench.console_store import OWNER, Known, Size, prepare
from bench.world import Catalogue, World, processor_seconds

from facemeld.accounts.types import NewKey
from facemeld.app.composition import open_application
from facemeld.settings.catalogue import Settings
from facemeld.users.types import TokenKind

_QUERY = re.compile(r"query: \{'client_id': '([0-9a-f-]+)', 'next_message_id': (\d+)")
_ELEMENTS = re.compile(r"parseElements\(String\.raw`(.*?)`\)", re.DOTALL)
_ESCAPED = {"&#36;": "$", "&#96;": "`", "&gt;": ">", "&lt;": "<", "&amp;": "&"}
_SECONDS = 30


class Visitor:
    """One session.

    Args:
        port: Of the server on this machine.
        token: Of the session.
    """

    def __init__(self, port: int, token: str) -> None:
        self._host = f"127.0.0.1:{port}"
        self._cookie = f"facemeld_session={token}"
        self._connection = http.client.HTTPConnection(self._host, timeout=60)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def get(self, path: str) -> tuple[float, str]:
        """A page: milliseconds from the question to the last byte of the answer, and its text.

        Raises:
            SystemExit: the answer is no page.
        """
        headers = {"Cookie": self._cookie, "Accept": "text/html", "Accept-Encoding": "gzip"}
        started = time.perf_counter()
        self._connection.request("GET", f"/console{path}", headers=headers)
        reply = self._connection.getresponse()
        body = reply.read()
        took = (time.perf_counter() - started) * 1000
        if reply.status != 200:
            raise SystemExit(f"/console{path} must be answered with 200, got {reply.status}")
        return took, (gzip.decompress(body) if reply.getheader("Content-Encoding") == "gzip" else body).decode()

    async def turn(self, html: str, most: int = 0) -> list[float]:
        """Connect a page, turn its first list to the next page until the list ends, ``most`` times at most, and leave the page.

        Args:
            html: What ``get`` gave; each page can be connected once.
            most: 0 to leave it at once.

        Returns:
            Milliseconds of each turn, from the press of the button to the arrival of the rows.
        """
        async with self._connected(html) as (socket, client):
            times: list[float] = []
            if (found := _list_of(html)) is None:
                return times
            number, listener, last = found
            while len(times) < most and not last:
                started = time.perf_counter()
                await socket.emit("event", {"id": number, "client_id": client, "listener_id": listener, "args": ['"next"']})
                last = await _rows(socket, number)
                times.append((time.perf_counter() - started) * 1000)
            return times

    @asynccontextmanager
    async def _connected(self, html: str) -> Any:
        match = _QUERY.search(html)
        if match is None:
            raise SystemExit("the page must name its client, got none")
        named = {
            "client_id": match[1],
            "next_message_id": match[2],
            "implicit_handshake": "true",
            "document_id": match[1],
            "tab_id": match[1],
        }
        async with socketio.AsyncSimpleClient() as socket:
            await socket.connect(
                f"http://{self._host}?{urlencode(named)}",
                headers={"Cookie": self._cookie, "Origin": f"http://{self._host}"},
                transports=["websocket"],
                socketio_path="/console/_nicegui_ws/socket.io",
            )
            yield socket, match[1]


def _list_of(html: str) -> tuple[int, str, bool] | None:
    """Number and listener of the first list of a page, and whether it has one page only."""
    match = _ELEMENTS.search(html)
    if match is None:
        raise SystemExit("the page must hold its elements, got none")
    text = match[1]
    for escaped, meant in _ESCAPED.items():
        text = text.replace(escaped, meant)
    elements: Mapping[str, Mapping[str, Any]] = json.loads(text)
    for number, element in elements.items():
        for event in element.get("events", ()):
            if event["type"] == "turn":
                return int(number), event["listener_id"], bool(element["props"]["last"])
    return None


async def _rows(socket: socketio.AsyncSimpleClient, number: int) -> bool:
    """Wait for the list's new rows; whether they are the last ones."""
    while True:
        name, *arguments = await socket.receive(timeout=_SECONDS)
        news = arguments[0] if arguments else {}
        if name == "update" and str(number) in news:
            return bool(news[str(number)]["props"]["last"])


LIMIT_MS = 300.0
TURNS = 40
"""Number of pages by which a list is turned: 1,000 rows of 25 a page."""

_TURN = "turn "


@dataclass(slots=True)
class Visited:
    """A page and what was measured.

    Attributes:
        name: Name in the report.
        path: Its address below ``/console``.
        times: Milliseconds of each visit.
        processor: Milliseconds of the server's processor time for each visit, which do not grow when other programs are at work.
        statements: What it asked the database, of the last visit or of all turns.
        late: What it asked for after it was sent.
    """

    name: str
    path: str
    times: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    late: list[Statement] = field(default_factory=list)

    def row(self, turns: int = 1) -> str:
        """A line of the table."""
        measured = [find(one) for one in (self.times, self.processor) for find in (statistics.median, max)]
        return f"| {self.name} | {' | '.join(f'{one:.0f}' for one in measured)} | {len(self.statements) / turns:.0f} |"


def pages(known: Known) -> tuple[tuple[str, str], ...]:
    """All pages by name, those with searches once for each kind of search."""
    span = f"since={known.since}&until={known.until}"
    return (
        ("home", "/"),
        ("activities", "/activities"),
        ("activities by name", "/activities?search=campaign+5"),
        ("new activity", "/activities/new"),
        ("activity", f"/activities/{known.activity}"),
        ("activity, refused materials", f"/activities/{known.activity}?status=refused"),
        ("activity, settings", f"/activities/{known.activity}?view=settings"),
        ("material", f"/materials/{known.material}"),
        ("review, waiting", "/review"),
        ("review, appeals", "/review?queue=appealed"),
        ("review, approved", "/review?queue=usable"),
        ("playground", "/playground"),
        ("requests", "/requests"),
        ("requests, all failures", "/requests?code=error"),
        ("requests, a frequent code", "/requests?code=FailedOperation.NoFaceDetected"),
        ("requests, a rare code", "/requests?code=InternalError"),
        ("requests of an activity", f"/requests?activity={known.activity}"),
        ("requests of an account", f"/requests?account={known.account}"),
        ("requests, six hours long ago", f"/requests?{span}"),
        ("requests, failures of six hours", f"/requests?code=error&{span}"),
        ("requests, all conditions", f"/requests?code=error&account={known.account}&activity={known.activity}&{span}"),
        ("requests, nothing to find", f"/requests?code=InternalError&account=account0499&{span}"),
        ("request by RequestId", f"/requests/{known.request}"),
        ("request, not there", "/requests/00000000-0000-4000-8000-000000000000"),
        ("results", "/results"),
        ("verify", "/verify"),
        ("keys", "/keys"),
        ("keys of an account", f"/keys?account={known.account}"),
        ("accounts", "/accounts"),
        ("account", f"/accounts/{known.account}"),
        ("users", "/users"),
        ("audit", "/audit"),
        ("audit, a frequent act", "/audit?act=material.review"),
        ("audit, a rare act", "/audit?act=key.disable"),
        ("audit, a kind of object", "/audit?act=key"),
        ("audit, an actor", "/audit?actor=user%3Auser005"),
        ("audit, a rare actor", "/audit?actor=cli%3Aroot"),
        ("audit of a material", f"/audit?subject={known.material}"),
        ("audit, six hours long ago", f"/audit?{span}"),
        ("audit, nothing to find", f"/audit?actor=nobody&act=material.review&{span}"),
        ("settings", "/settings"),
    )


def lists(known: Known) -> tuple[tuple[str, str], ...]:
    """Lists that are turned from page to page."""
    return (
        ("requests", "/requests"),
        ("requests, all failures", "/requests?code=error"),
        ("requests of an account", f"/requests?account={known.account}"),
        ("results", "/results"),
        ("keys", "/keys"),
        ("accounts", "/accounts"),
        ("audit", "/audit"),
        ("audit, a frequent act", "/audit?act=material.review"),
    )


def measure(world: World, visitor: Visitor, known: Known, record: Path, rounds: int, pause: float) -> Iterator[Visited]:
    """Visit every page so many times, then turn the lists."""
    record.touch()
    seen = read_statements(record, 0)[1]
    for name, path in pages(known):
        visited = Visited(name, path)
        for _ in range(rounds):
            time.sleep(pause)
            before = processor_seconds(world.pid)
            took, html = visitor.get(path)
            visited.processor.append((processor_seconds(world.pid) - before) * 1000)
            visited.times.append(took)
            visited.statements, seen = read_statements(record, seen)
            asyncio.run(visitor.turn(html))
            late, seen = read_statements(record, seen)
            # The socket itself asks once whether the session is in force.
            visited.late += [one for one in late if "user_tokens" not in one.sql]
        yield visited
    for name, path in lists(known):
        visited = Visited(_TURN + name, path)
        html = visitor.get(path)[1]
        _, seen = read_statements(record, seen)
        before = processor_seconds(world.pid)
        visited.times = asyncio.run(visitor.turn(html, TURNS))
        visited.processor = [(processor_seconds(world.pid) - before) * 1000 / len(visited.times)]
        visited.statements, seen = read_statements(record, seen)
        yield visited


def judge(found: Sequence[Visited], plans: Plans, limit: float) -> Iterator[str]:
    """Print the plans of all pages; what is wrong."""
    for visited in found:
        print(f"\n### {visited.name}: /console{visited.path}")
        for text, statements in distinct(visited.statements).items():
            # Of the same statement with several parameters, the one that is the most work speaks for all.
            plan = max((plans.explain(one) for one in statements), key=lambda one: one.steps)
            print(f"{len(statements)} x, {plan.milliseconds:.1f} ms, {plan.steps:,} steps: {text}")
            for line in plan.lines:
                print(f"    {line}")
            for table in plan.whole:
                yield f"{visited.name}: all {plans.rows[table]:,} rows of {table} are read"
        if max(visited.times) > limit:
            yield f"{visited.name}: must take at most {limit:.0f} ms, got {max(visited.times):.0f}"
        if visited.late:
            yield f"{visited.name}: must have asked for everything before it was sent, got {len(visited.late)} statements later"


def main() -> int:
    """Measure, print the table and the plans; 1 if something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the installation is kept; written if it is not there")
    parser.add_argument("--materials", type=int, default=Size().materials)
    parser.add_argument("--calls", type=int, default=Size().calls)
    parser.add_argument("--results", type=int, default=Size().results)
    parser.add_argument("--rounds", type=int, default=7, help="visits of each page")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between visits")
    parser.add_argument("--limit", type=float, default=LIMIT_MS, help="milliseconds that a page may take")
    asked = parser.parse_args()
    size = Size(materials=asked.materials, calls=asked.calls, results=asked.results)
    data, record = asked.folder / "data", asked.folder / "statements.jsonl"
    asked.folder.mkdir(parents=True, exist_ok=True)
    known = prepare(data, size)
    with open_application(Settings(data=data)) as application:
        token = application.users.create_token(OWNER, life=timedelta(hours=1), kind=TokenKind.SESSION, actor="bench").text
        file = application.database.file
    assert file is not None
    record.unlink(missing_ok=True)
    program = (sys.executable, "-m", "bench.console_plans", str(record))
    world = World(data, 1, Catalogue(NewKey("", ""), known.activity, {}), program)
    # Records are as old as the folder is: they must not be cleared away.
    with world.running(usage_days="36500"), closing(Visitor(world.port, token)) as visitor:
        found = list(measure(world, visitor, known, record, asked.rounds, asked.pause))
    print(f"{size.materials:,} materials, {size.calls:,} calls, {size.results:,} results; milliseconds, {asked.rounds} visits each\n")
    print("| page | middle | worst | processor | worst | queries |\n|---|---:|---:|---:|---:|---:|")
    for visited in found:
        print(visited.row(len(visited.times) if visited.name.startswith(_TURN) else 1))
    with closing(sqlite3.connect(file)) as connection:
        troubles = list(judge(found, Plans(connection), asked.limit))
    print("\n" + "\n".join(troubles or ["every page is in time, and none reads a large table from end to end"]))
    return bool(troubles)


if __name__ == "__main__":
    raise SystemExit(main())
