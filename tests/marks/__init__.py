"""Tests of the marks room."""
