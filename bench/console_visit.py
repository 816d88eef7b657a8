"""Asks for pages of the console as a browser does, and turns their lists over the page's socket, without a browser."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import time
from collections.abc import Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import socketio

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
