"""Stored results with an expiry and signed addresses."""
