"""Reads back the marks of a picture."""
