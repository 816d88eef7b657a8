"""Pixel tasks and the executors that run them with a deadline, away from the API process."""
