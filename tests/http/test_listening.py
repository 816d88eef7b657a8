"""The socket that the server listens on."""

from __future__ import annotations

import socket

from facemeld.http.server import listen


def test_replies_are_not_held_back() -> None:
    """A reply goes out in parts, and no part waits for the client's acknowledgement of the one before."""
    with listen("127.0.0.1", 0) as listening:
        listening.listen()
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
