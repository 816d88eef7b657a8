"""Commands are found without loading the others."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from facemeld.cli.main import COMMANDS, app
from tests.tables import table


@table("name", COMMANDS)
def test_every_command_loads(name: str) -> None:
    done = CliRunner().invoke(app, [name, "--help"])
    assert done.exit_code == 0
    assert f" {name} " in done.output


def test_help_names_every_command_in_order() -> None:
    output = CliRunner().invoke(app, ["--help"]).output
    listed = [line.split()[0] for line in output.split("Commands:")[1].splitlines() if line.strip()]
    assert listed == list(COMMANDS)


def test_an_unknown_command_is_refused() -> None:
    done = CliRunner().invoke(app, ["fuze"])
    assert done.exit_code == 2
    assert "No such command" in done.output


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import facemeld.cli", {"typer", "pydantic", "sqlalchemy", "numpy"}),
        ("import facemeld.cli.main", {"pydantic", "sqlalchemy", "numpy"}),
        ("import facemeld.cli.pictures", {"sqlalchemy", "fastapi", "facemeld.app.composition"}),
    ],
)
def test_nothing_is_loaded_before_it_is_needed(code: str, absent: set[str]) -> None:
    probe = f"{code}; import sys; print(sorted({absent!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout.strip() == "[]"
