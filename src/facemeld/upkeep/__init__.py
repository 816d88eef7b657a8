"""Upkeep of an installation: checks and repairs its data, backs it up while it serves, and restores it."""
