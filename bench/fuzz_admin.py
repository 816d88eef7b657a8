"""Runs schemathesis on the admin API of a real server, with a token of each role: ``python -m bench.fuzz_admin --examples 20``.

Requests are made from the API's own description, as it allows them and as it forbids them, alone and in sequences in which one uses
what another has created. Every reply must be described: its status, its type, its body; none may be an error of the server; what the
description forbids must be refused, a method that a path does not have gets status 405 with those that it has, and no endpoint may answer
without a token.

What the description cannot say, such as that a cursor comes from an earlier page, may be refused.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from bench.pictures import hopper, jpeg
from bench.world import World, new_world

from facemeld.app.composition import open_application
from facemeld.settings.catalogue import Settings
from facemeld.users.types import Role, TokenKind

PASSWORD = "correct horse battery"
DECOYS = 20
"""Tokens made before the run's own: requests with small token numbers revoke these instead."""

LEFT_OUT = ("logout",)
"""Operations that would end the run's own token; their tests are elsewhere."""

UNCHECKED = ("positive_data_acceptance",)
"""Checks that ask for more than is promised: data may be refused for reasons that a description cannot say."""


@dataclass(slots=True)
class Tally:
    """The outcome of a run with one token."""

    cases: int = 0
    checks: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    operations: dict[str, set[int]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def read(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Count what the report of schemathesis tells."""
        for event in events:
            if "ScenarioFinished" in event:
                self._scenario(event["ScenarioFinished"]["recorder"])
            elif "NonFatalError" in event or "FatalError" in event:
                (told,) = event.values()
                self.faults.append(f"{told.get('label')}: {json.dumps(told.get('value', told))[:500]}")

    def _scenario(self, recorder: Mapping[str, Any]) -> None:
        for name, interaction in recorder.get("interactions", {}).items():
            response = interaction["response"]
            status = response["status_code"] if response is not None else 0
            self.statuses[status] += 1
            self.operations.setdefault(recorder["label"], set()).add(status)
            checks = recorder.get("checks", {}).get(name, [])
            self.cases += 1
            self.checks += len(checks)
            self.faults += [
                f"{recorder['label']} answered {status}: {json.dumps(check)[:1000]}" for check in checks if check["status"] != "success"
            ]


def make_users(data: Path) -> Mapping[Role, str]:
    """A user of each role, with a name that is not easily guessed, and a token."""
    with open_application(Settings(data=data)) as application:
        users = application.users

        def token(role: Role) -> str:
            name = f"schemathesis-{role.value}"
            return users.create_token(name, life=timedelta(days=1), kind=TokenKind.PROGRAM, actor="bench").text

        for role in Role:
            users.create(f"schemathesis-{role.value}", PASSWORD, role, actor="bench")
        for _ in range(DECOYS):
            token(Role.VIEWER)
        return {role: token(role) for role in Role}


def attack(world: World, token: str, *, examples: int, seed: int) -> Tally:
    """Let schemathesis loose with one token.

    Raises:
        SystemExit: it did not come to its end.
    """
    folder = world.data.parent
    events = folder / "events.ndjson"
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{world.port}/admin/v1/openapi.json"),
        *("--header", f"Authorization: Bearer {token}", "--max-examples", str(examples), "--seed", str(seed)),
        *("--generation-database", "none", "--request-timeout", "30", "--no-color", "--warnings", "off", "--continue-on-failure"),
        *("--report", "ndjson", "--report-ndjson-path", str(events), "--exclude-checks", ",".join(UNCHECKED), "--no-shrink"),
        *(part for name in LEFT_OUT for part in ("--exclude-operation-id", name)),
    ]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode not in {0, 1} or not events.exists():
        raise SystemExit(f"schemathesis must come to its end, got status {done.returncode}: {done.stdout[-3000:]}")
    tally = Tally()
    tally.read(json.loads(line) for line in events.read_text().splitlines())
    events.unlink()
    if not tally.cases:
        raise SystemExit(f"schemathesis must make requests, got none: {done.stdout[-3000:]}")
    return tally


def run(examples: int, seed: int, roles: Sequence[Role]) -> dict[str, Any]:
    """A whole run, on a data folder and a server of its own.

    Args:
        examples: Of each operation and phase.
        seed: Of the run.
        roles: Whose tokens to use, one after the other.

    Returns:
        Counts and faults by role, ready for JSON.
    """
    found: dict[str, Any] = {}
    started = time.monotonic()
    with new_world({"template": jpeg(hopper().resize((160, 160)))}) as world:
        tokens = make_users(world.data)
        with world.running():
            for role in roles:
                found[role.value] = described(world, tokens[role], examples=examples, seed=seed)
                print(f"{time.strftime('%H:%M:%S')} {role.value} {found[role.value]}", file=sys.stderr, flush=True)
        log = (world.data.parent / "server.log").read_text()
    if "Traceback" in log:
        found["log"] = {"faults": [f"the server's log must have no tracebacks, got {log[log.index('Traceback') :][:3000]}"]}
    return {"examples": examples, "seed": seed, "seconds": round(time.monotonic() - started), **found}


def described(world: World, token: str, *, examples: int, seed: int) -> dict[str, Any]:
    """Return the outcome of a run with one token, ready for JSON."""
    tally = attack(world, token, examples=examples, seed=seed)
    headers = {"Authorization": f"Bearer {token}"}
    status = httpx.get(f"http://127.0.0.1:{world.port}/admin/v1/me", headers=headers, timeout=30).status_code
    if status != 200:
        tally.faults.append(f"the run's token must outlast it, got {status}: not all was tried that should have been")
    return {
        "operations": len(tally.operations),
        "operations_that_did_something": sum(any(status < 300 for status in statuses) for statuses in tally.operations.values()),
        "cases": tally.cases,
        "checks": tally.checks,
        "statuses": {str(status): count for status, count in sorted(tally.statuses.items())},
        "faults": tally.faults,
    }


def main() -> None:
    """Read the options, run, print the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=20, help="examples of each operation and phase")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--roles", type=Role, nargs="+", default=[Role.VIEWER, Role.REVIEWER, Role.OPERATOR, Role.OWNER])
    options = parser.parse_args()
    report = run(options.examples, options.seed, options.roles)
    print(json.dumps(report, indent=1, ensure_ascii=False))
    sys.exit(1 if any(part["faults"] for part in report.values() if isinstance(part, dict)) else 0)


if __name__ == "__main__":
    main()
