"""A worker process: messages through its pipes arrive whole, and freed memory stays with it."""

from __future__ import annotations

import multiprocessing
import os
import platform
import subprocess
import sys
import threading

import pytest

from facemeld.workers.pool.process import receive, send
from tests.tables import table

PROGRAM = """
import resource, sys
from facemeld.workers.pool.process import keep_freed_memory
import numpy as np
assert keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def use():
    pictures = [np.full((1080, 1080, 3), 7, np.uint8) for _ in range(8)]
    del pictures
use()
before = faults()
for _ in range(20):
    use()
print(faults() - before)
"""


@table("size", [0, 1, 4096, 65_536, 65_537, 5_000_003])
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


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such settings")
def test_pages_are_used_again() -> None:
    """Twenty rounds of eight pictures would be 136 000 pages."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 2000
