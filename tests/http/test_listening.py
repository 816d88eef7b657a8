"""The socket that the server listens on."""

from __future__ import annotations

import socket

from facemeld.http.server import listen


def test_replies_are_not_held_back() -> None:
    """Parts of a reply are sent without waiting for the acknowledgement of the part before (TCP_NODELAY)."""
    with listen("127.0.0.1", 0) as listening:
        listening.listen()
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
