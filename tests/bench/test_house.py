"""The size of the package is counted by room."""

from __future__ import annotations

from pathlib import Path

from bench.house import modules


def test_lines_and_imports_are_counted_by_room(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "top.py").write_text("import os\n\nprint(os)\n")
    (tmp_path / "room" / "one.py").write_text("from a import (\n    b,\n    c,\n)\n\n\ndef f():\n    import d\n")
    assert [(one.room, one.lines, one.imports) for one in modules(tmp_path)] == [("room", 8, 5), ("", 3, 1)]
