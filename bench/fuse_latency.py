"""Latency, throughput and memory of FuseFace over HTTP: ``python -m bench.fuse_latency``.

A 1080x1080 material, a user photo of one megapixel, base64 in and an address out, warm. The reference in the same run is
decoding and encoding the same pictures alone: the physical floor of a picture API.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import platform
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import skimage
from PIL import Image
from scripts.demo import facemeld, start_server
from scripts.tc3 import Client


def picture(path: Path, side: int) -> bytes:
    """A square JPEG of a portrait."""
    with Image.open(path) as image:
        square = image.convert("RGB").crop((0, 0, min(image.size), min(image.size))).resize((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    square.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def floor_ms(template: bytes, user: bytes) -> float:
    """Milliseconds to decode both pictures and encode one of the template's size, median of 20."""

    def once() -> None:
        Image.open(io.BytesIO(user)).load()
        image = Image.open(io.BytesIO(template))
        image.load()
        image.save(io.BytesIO(), "JPEG", quality=95, subsampling=0)

    return median_ms(once, 20)


def median_ms(work: Callable[[], object], runs: int) -> float:
    """Median milliseconds of some work."""
    work()
    return statistics.median(timed(work) for _ in range(runs))


def timed(work: Callable[[], object]) -> float:
    """Milliseconds of some work."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def resident_mb(pid: int) -> dict[str, float]:
    """Memory of the server and of each process below it that no other process shares or that it was charged with (PSS), in MiB."""
    found = {}
    for process in [pid, *below(pid)]:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        found[str(process)] = next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    return found


def below(pid: int) -> list[int]:
    """All processes below a process."""
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return children + [grandchild for child in children for grandchild in below(child)]


def parallel(port: int, key: dict[str, str], parameters: dict[str, Any], clients: int, calls: int) -> tuple[list[float], float]:
    """Milliseconds of each call and calls per second, with a number of clients that each wait for their reply."""
    times: list[float] = []

    def client() -> None:
        connection = Client(port, key["SecretId"], key["SecretKey"])
        times.extend([timed(lambda: connection.call("FuseFace", parameters)) for _ in range(calls // clients)])

    threads = [threading.Thread(target=client) for _ in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, len(times) / (time.perf_counter() - started)


def measure(arguments: argparse.Namespace, data: Path) -> dict[str, Any]:
    """Start a server on an empty data folder and measure it."""
    template = picture(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg", 1080)
    user = picture(Path(skimage.__file__).parent / "data" / "astronaut.png", 1024)
    (data / "template.jpg").write_bytes(template)
    where = ("--data", str(data), "--json")
    key = facemeld("key", "create", *where)
    project = facemeld("activity", "create", "bench", *where)["ProjectId"]
    model = facemeld("material", "add", project, str(data / "template.jpg"), "--approve", *where)["ModelId"]
    parameters = {"ProjectId": project, "ModelId": model, "RspImgType": "url", "MergeInfos": [{"Image": base64.b64encode(user).decode()}]}
    os.environ["FACEMELD_WORKERS"] = str(arguments.workers)
    server, port = start_server(data)
    try:
        at_rest = resident_mb(server.pid)
        parallel(port, key, parameters, arguments.workers, 4 * arguments.workers)
        warm = resident_mb(server.pid)
        single, _ = parallel(port, key, parameters, 1, arguments.calls)
        _, throughput = parallel(port, key, parameters, 4, 2 * arguments.calls)
        for _ in range(0, arguments.soak, 100):
            parallel(port, key, parameters, 4, 100)
        after = resident_mb(server.pid)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=60)
    reference = floor_ms(template, user)
    quantiles = statistics.quantiles(single, n=20)
    return {
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}",
        "workers": arguments.workers,
        "p50_ms": round(statistics.median(single), 1),
        "p95_ms": round(quantiles[18], 1),
        "throughput_at_4_per_s": round(throughput, 2),
        "decode_and_encode_alone_ms": round(reference, 1),
        "p50_over_decode_and_encode": round(statistics.median(single) / reference, 2),
        "memory_at_rest_mb": round(sum(at_rest.values())),
        "memory_warm_mb": round(sum(warm.values())),
        f"memory_after_{arguments.soak + 3 * arguments.calls}_calls_mb": round(sum(after.values())),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=60, help="calls for latency; twice as many for throughput")
    parser.add_argument("--soak", type=int, default=0, help="further calls before memory is measured again")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="facemeld-bench-") as folder:
        print(json.dumps(measure(arguments, Path(folder)), indent=2))


if __name__ == "__main__":
    sys.exit(main())
