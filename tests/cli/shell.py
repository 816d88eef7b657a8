"""Runs ``facemeld`` commands: in this process, which takes a tenth of the time, or in a process of their own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from facemeld.cli import run as entry_point

FACEMELD = str(Path(sys.executable).with_name("facemeld"))


def run_here(*arguments: str | Path, environment: Mapping[str, str] | None = None) -> CompletedProcess[str]:
    """Run a command through the entry point of ``facemeld`` in this process, with further variables of the environment."""
    command = [FACEMELD, *map(str, arguments)]
    status = 0
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as errors, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", command)
        for name, value in (environment or {}).items():
            patch.setenv(name, value)
        try:
            entry_point()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
    return CompletedProcess(command, status, out.getvalue(), errors.getvalue())


def run_process(*arguments: str | Path, environment: Mapping[str, str] | None = None) -> CompletedProcess[str]:
    """Run a command in a process of its own."""
    command = [FACEMELD, *map(str, arguments)]
    variables = {**os.environ, **(environment or {})}
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120, check=False)


class Shell:
    """Runs commands on one data folder."""

    def __init__(self, data: Path, models: Path) -> None:
        self.environment = {"FACEMELD_DATA": str(data), "FACEMELD_MODEL_DIR": str(models), "COLUMNS": "200"}

    def run(self, *arguments: str | Path) -> CompletedProcess[str]:
        """What a command prints. A server has a process of its own; every other command runs in this one."""
        run = run_process if arguments[0] == "serve" else run_here
        return run(*arguments, environment=self.environment)

    def process(self, *arguments: str | Path) -> CompletedProcess[str]:
        """What a command prints that runs in a process of its own."""
        return run_process(*arguments, environment=self.environment)

    def json(self, *arguments: str | Path) -> Any:
        """The answer of a command that succeeds."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def error(self, *arguments: str | Path) -> str:
        """The line that a command fails with."""
        return error_line(self.run(*arguments))


def error_line(done: CompletedProcess[str]) -> str:
    """The only line on standard error that begins with ``facemeld: ``."""
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("facemeld: "))
    return line
