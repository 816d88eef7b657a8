"""The command line: ``facemeld``."""

from facemeld.cli.main import app, main

__all__ = ["app", "main"]
