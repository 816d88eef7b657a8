"""``facemeld fuse --profile`` says where the time went."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

from facemeld.cli.pictures import ALONE
from facemeld.timing import STAGES


def test_the_table_adds_up(tmp_path: Path, hopper_path: Path, astronaut_path: Path) -> None:
    out = tmp_path / "fused.jpg"
    command = [str(Path(sys.executable).with_name("facemeld")), "fuse", str(hopper_path), str(astronaut_path), "-o", str(out)]
    started = time.perf_counter()
    done = subprocess.run([*command, "--profile", "--data", str(tmp_path / "data")], capture_output=True, text=True, check=True)
    took = (time.perf_counter() - started) * 1000
    rows = {
        match[1]: (float(match[2]), float(match[3])) for match in re.finditer(r"^(\w+) +([\d.-]+) +([\d.-]+)", done.stdout, re.MULTILINE)
    }
    total, again = rows.pop("together")
    assert {"start", "load", "decode", "analyse", "plan", "fuse", "marks", "encode", "sign", "store", "between"} <= set(rows)
    assert set(rows) <= {*ALONE, *STAGES, "between"}
    assert abs(sum(first for first, _ in rows.values()) - total) < 1
    assert 0 < again < total <= took
    assert rows["start"][1] == 0
    assert out.read_bytes().startswith(b"\xff\xd8")
