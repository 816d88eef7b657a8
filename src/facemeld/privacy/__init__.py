"""Consents of the people shown in results, the deletion of these results, and signed receipts of it."""
