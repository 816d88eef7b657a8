"""The server with a record of every statement that it sends to its database: ``python -m bench.console_server RECORD serve …``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import Connection, Engine, ExecutionContext, event

from facemeld.cli.main import main


class Recorder:
    """Writes each statement with its parameters, one JSON object a line, when it has been sent."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        event.listen(Engine, "after_cursor_execute", self.write)

    def write(self, _: Connection, __: Any, sql: str, parameters: Any, ___: ExecutionContext, many: bool) -> None:
        """Write the line; several threads may do so at once, each in one call."""
        line = {"sql": sql, "parameters": [] if many else list(parameters)}
        self._file.write(json.dumps(line, default=repr) + "\n")
        self._file.flush()


if __name__ == "__main__":
    with Path(sys.argv.pop(1)).open("a") as file:
        Recorder(file)
        main()
