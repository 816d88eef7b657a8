"""A server of its own on an empty data folder, with a key and materials, and what its processes use."""

from __future__ import annotations

import asyncio
import base64
import http.server
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.load import Load, Run, apart

from facemeld.accounts.types import NewKey
from facemeld.app.composition import open_application
from facemeld.settings.catalogue import Settings

PROC = Path("/proc")


def machine() -> dict[str, str]:
    """Describe the machine in a few words, for the head of a report."""
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

    The scheduler's own count is exact to the nanosecond, but of living threads only; that suits the difference between two
    readings of a process that keeps its threads. Kernels without that count have the clock ticks of ``stat``.
    """
    try:
        threads = list((PROC / str(pid) / "task").iterdir())
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9
    except (FileNotFoundError, ValueError, IndexError):
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mb(pid: int) -> float:
    """Peak resident memory of a process in MiB; pages that it shares count in full."""
    return _status(pid, "VmHWM") / 1024


def own_mb(pid: int) -> float:
    """Memory of a process, each page divided by the number of processes that share it (PSS), in MiB."""
    lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _status(pid: int, name: str) -> int:
    lines = (PROC / str(pid) / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


PROGRAM = str(Path(sys.executable).parent / "facemeld")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The server's materials by name, in one activity."""

    key: NewKey
    project_id: str
    models: Mapping[str, str]


@dataclass(slots=True)
class World:
    """A data folder with a catalogue, and the server on it while one runs; ``program`` is what is started for it."""

    data: Path
    workers: int
    catalogue: Catalogue
    program: tuple[str, ...] = (PROGRAM,)
    process: subprocess.Popen[str] | None = None
    port: int = 0
    _bodies: dict[str, Path] = field(default_factory=dict)

    def start(self, **settings: str) -> None:
        """Start the server, with settings of its own; returns once all workers have loaded their models."""
        own = {"workers_count": str(self.workers), "fetch_allow": "127.0.0.0/8", **settings}
        environment = {**os.environ, **{f"FACEMELD_{name.upper()}": value for name, value in own.items()}}
        command = [*self.program, "serve", "--port", "0", "--data", str(self.data)]
        with (self.data.parent / "server.log").open("a") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("Facemeld is ready on http://"):
                self.port = int(line.rsplit(":", 1)[1])
                return
        raise SystemExit(f"the server ended with status {self.process.wait()}: {(self.data.parent / 'server.log').read_text()}")

    def stop(self) -> None:
        """Stop it in good order."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=60)
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None

    @contextmanager
    def running(self, **settings: str) -> Iterator[World]:
        """Run the server for a block, with settings of its own."""
        self.start(**settings)
        try:
            yield self
        finally:
            self.stop()

    @property
    def pid(self) -> int:
        """Process id of the server."""
        assert self.process is not None
        return self.process.pid

    def processes(self) -> dict[str, list[int]]:
        """Process ids: the server itself, its workers, and the helpers that the standard library starts for them."""
        found: dict[str, list[int]] = {"server": [self.pid], "workers": [], "helpers": []}
        for pid in below(self.pid):
            command = (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace")
            parent = int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
            # Workers are forks of the fork server, which is a child of the server itself.
            found["workers" if parent != self.pid and "forkserver" in command else "helpers"].append(pid)
        return found

    def processor(self) -> dict[str, float]:
        """Processor seconds so far, by part."""
        return {part: sum(map(processor_seconds, pids)) for part, pids in self.processes().items()}

    def request(self, name: str, *photos: bytes | str, model: str, kind: str = "url", **more: Any) -> str:
        """Keep the body of a FuseFace call under a name; photos are files, or addresses of files."""
        users = [{"Url": one} if isinstance(one, str) else {"Image": base64.b64encode(one).decode()} for one in photos]
        catalogue = self.catalogue
        parameters = {
            "ProjectId": catalogue.project_id,
            "ModelId": catalogue.models[model],
            "RspImgType": kind,
            "MergeInfos": users,
            **more,
        }
        path = self.data.parent / f"{name}.json"
        path.write_text(json.dumps(parameters))
        self._bodies[name] = path
        return name

    def load(self, *names: str, **how: Any) -> Run:
        """Send kept requests again and again, in turn, from a process of its own.

        Raises:
            RuntimeError: no call succeeded.
        """
        key = self.catalogue.key
        bodies = tuple(str(self._bodies[name]) for name in names)
        run = apart(Load(self.port, key.secret_id, key.secret_key, "FuseFace", bodies, **how))
        if not run.latencies:
            raise RuntimeError(f"{', '.join(names)}: at least one call must succeed, got {run.failures}")
        return run

    def watched(self, *names: str, **how: Any) -> tuple[Run, dict[str, float]]:
        """A load, and the processor milliseconds of each part of the server for one call."""
        before = self.processor()
        run = self.load(*names, **how)
        after = self.processor()
        calls = len(run.latencies) + sum(run.failures.values())
        return run, {part: (after[part] - before[part]) * 1000 / calls for part in after}


@contextmanager
def new_world(materials: Mapping[str, bytes], workers: int = 2) -> Iterator[World]:
    """A data folder with approved materials by name; the server is not started yet."""
    with tempfile.TemporaryDirectory(prefix="facemeld-bench-") as folder:
        data = Path(folder) / "data"
        yield World(data, workers, _fill(data, materials))


def _fill(data: Path, materials: Mapping[str, bytes]) -> Catalogue:
    with open_application(Settings(data=data)) as application:
        owner = application.accounts.ensure("bench", actor="bench")
        key = application.accounts.create_key("bench", actor="bench")
        activity = application.activities.create(owner.id, "bench", actor="bench")

        async def add() -> dict[str, str]:
            async with application.working() as services:
                service = services.importing
                return {
                    name: (await service.add(activity.id, data, name, approve=True, actor="bench")).id for name, data in materials.items()
                }

        return Catalogue(key, activity.id, asyncio.run(add()))


@contextmanager
def file_server(files: Mapping[str, bytes]) -> Iterator[str]:
    """A web server on this machine for photos that are named by address; yields its own address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = files.get(self.path.removeprefix("/"))
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def percentile(values: Sequence[float], share: float) -> float:
    """The value that a share of all values does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1))]
