"""Keeps an installation sound: examines and repairs its data, backs it up while it serves, restores it."""
