"""Usage: one record for every call, and totals over the records."""
