"""Messages between processes: whole, in order, of any size."""

from __future__ import annotations

import multiprocessing
import os
import threading

import pytest

from facemeld.workers.messages import receive, send


@pytest.mark.parametrize("size", [0, 1, 4096, 65_536, 65_537, 5_000_003])
def test_messages_arrive_as_they_were(size: int) -> None:
    """Also those that are larger than the pipe."""
    reader, writer = multiprocessing.Pipe(duplex=False)
    sent = [(bytes(range(256)) * (size // 256 + 1))[:size], "text", {"number": size}]

    def write() -> None:
        for message in sent:
            send(writer, message)

    thread = threading.Thread(target=write)
    thread.start()
    assert [receive(reader) for _ in sent] == sent
    thread.join()


def test_what_cannot_be_pickled_sends_nothing() -> None:
    reader, writer = multiprocessing.Pipe(duplex=False)
    with pytest.raises(AttributeError):
        send(writer, lambda: None)
    send(writer, "whole")
    assert receive(reader) == "whole"


@pytest.mark.parametrize("missing", ["all", "length", "end"])
def test_a_writer_that_is_gone_is_noticed(missing: str) -> None:
    """Before a message, and in the middle of one."""
    reader, writer = multiprocessing.Pipe(duplex=False)
    send(writer, "a message")
    message = os.read(reader.fileno(), 1000)
    os.write(writer.fileno(), message[: {"all": 0, "length": 3, "end": len(message) - 1}[missing]])
    writer.close()
    with pytest.raises(EOFError):
        receive(reader)


def test_a_reader_that_is_gone_is_noticed() -> None:
    reader, writer = multiprocessing.Pipe(duplex=False)
    reader.close()
    with pytest.raises(BrokenPipeError):
        send(writer, "a message")
