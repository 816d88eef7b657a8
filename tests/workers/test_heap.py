"""Freed memory stays with the process: pictures of the same size cost no new pages."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from facemeld.workers.heap import keep_freed_memory
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


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such settings")
def test_pages_are_used_again() -> None:
    """Twenty rounds of eight pictures would be 136 000 pages."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 2000
