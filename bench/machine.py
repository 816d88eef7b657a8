"""What the machine is, and what processes have used of it, from ``/proc``."""

from __future__ import annotations

import os
import platform
from pathlib import Path

PROC = Path("/proc")


def description() -> dict[str, str]:
    """The machine in a few words, for the head of a report."""
    lines = (PROC / "cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    memory = next(int(line.split()[1]) for line in (PROC / "meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    return {
        "processor": f"{model}, {platform.machine()}",
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory / 2**20:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def below(pid: int) -> list[int]:
    """All processes below a process."""
    try:
        children = [int(child) for task in (PROC / str(pid) / "task").iterdir() for child in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return children + [grandchild for child in children for grandchild in below(child)]


def processor_seconds(pid: int) -> float:
    """Processor time of a process so far, all its threads together, in seconds.

    The scheduler's own count is exact to the nanosecond, but of living threads only; that is right for the difference of two looks at a
    process that keeps its threads. Where the kernel does not keep it, the clock ticks of ``stat`` serve.
    """
    try:
        threads = list((PROC / str(pid) / "task").iterdir())
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9
    except (FileNotFoundError, ValueError, IndexError):
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mb(pid: int) -> float:
    """The most memory of a process that was resident at one time since ``reset_peak``, in MiB; pages that it shares count in full."""
    return _status(pid, "VmHWM") / 1024


def reset_peak(pid: int) -> None:
    """Start over with ``peak_mb``."""
    (PROC / str(pid) / "clear_refs").write_text("5")


def own_mb(pid: int) -> float:
    """Memory of a process, each page divided by the number of processes that share it (PSS), in MiB."""
    lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _status(pid: int, name: str) -> int:
    lines = (PROC / str(pid) / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
