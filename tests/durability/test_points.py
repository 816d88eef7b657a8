"""After a kill, a power cut or a full disk at any point of anything that stores: what was promised is there, nothing is half there."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.durability.faults import Fault
from tests.durability.points import SCENARIOS

ROOT = Path(__file__).resolve().parents[2]

# How many points each has at least, so that a fault that never happens is noticed.
POINTS = {
    "first_start": 80,
    "first_signature": 5,
    "import_material": 20,
    "review": 8,
    "replace": 20,
    "renew_plan": 8,
    "delete": 10,
    "fuse": 18,
    "expire": 3,
    "purge": 9,
    "back_up": 100,
    "bring_back": 50,
}

QUICK = {("delete", Fault.POWER), ("renew_plan", Fault.KILL), ("expire", Fault.FULL)}


# The longest ones are tried at every n-th point, at others for each fault; by hand, the program tries all of them.
STEPS = {"first_start": 3, "back_up": 4, "bring_back": 2}


def every(scenario: str, fault: Fault, folder: Path) -> None:
    step = STEPS.get(scenario, 1)
    first = 1 + list(Fault).index(fault) % step
    command = [sys.executable, "-W", "error", "-m", "tests.durability.points", scenario, fault.value, str(folder), str(first), str(step)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["wrong"] == {}
    assert found["points"] >= POINTS[scenario] // step


def test_the_table_has_all_scenarios() -> None:
    assert set(POINTS) == set(SCENARIOS)


@pytest.mark.parametrize(("scenario", "fault"), sorted(QUICK))
def test_a_fault_at_any_point_breaks_no_promise(scenario: str, fault: Fault, tmp_path: Path) -> None:
    every(scenario, fault, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("scenario", "fault"), sorted(set(itertools.product(SCENARIOS, Fault)) - QUICK))
def test_no_fault_at_any_point_of_anything_breaks_a_promise(scenario: str, fault: Fault, tmp_path: Path) -> None:
    every(scenario, fault, tmp_path)
