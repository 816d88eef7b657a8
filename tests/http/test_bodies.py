"""Bodies of requests are read up to a limit, and rejected as soon as they exceed it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from facemeld.http.bodies import announced_bytes, read_bounded


@dataclass
class Connection:
    """A connection that delivers chunks of a body; with ``ends`` false, the client disconnects after the last one."""

    chunks: Sequence[bytes]
    ends: bool = True
    delivered: int = field(default=0, init=False)

    async def receive(self) -> Message:
        """Return the next message."""
        if self.delivered == len(self.chunks):
            return {"type": "http.disconnect"}
        self.delivered += 1
        return {
            "type": "http.request",
            "body": self.chunks[self.delivered - 1],
            "more_body": self.delivered < len(self.chunks) or not self.ends,
        }


@pytest.mark.parametrize(
    ("chunks", "content_length", "body", "delivered"),
    [
        ([b""], None, b"", 1),
        ([b"", b"ab", b"", b"cd"], None, b"abcd", 4),
        ([b"abcd"], "4", b"abcd", 1),
        ([b"abcde"], None, None, 1),
        ([b"abc", b"de", b"never read"], None, None, 2),
        ([b"a"], "5", None, 0),
        ([b"abc", b"de"], "1", None, 2),
        ([b"abc"], "nonsense", b"abc", 1),
    ],
)
def test_a_body_is_read_up_to_the_limit(chunks: list[bytes], content_length: str | None, body: bytes | None, delivered: int) -> None:
    connection = Connection(chunks)
    assert asyncio.run(read_bounded(connection.receive, 4, content_length)) == body
    assert connection.delivered == delivered


@pytest.mark.parametrize("chunks", [[], [b"ab"]])
def test_a_client_that_disconnects_early_leaves_no_body(chunks: list[bytes]) -> None:
    with pytest.raises(ClientDisconnect):
        asyncio.run(read_bounded(Connection(chunks, ends=False).receive, 4))


@pytest.mark.parametrize(("header", "announced"), [(None, 0), ("", 0), ("0", 0), ("12", 12), ("-1", 0), ("1.5", 0), ("²", 0), ("٣", 0)])
def test_only_plain_decimal_lengths_are_believed(header: str | None, announced: int) -> None:
    assert announced_bytes(header) == announced
