"""Stands in for a library that does not work on a machine."""

raise ImportError("no such instruction set")
