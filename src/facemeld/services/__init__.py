"""The use cases: the only place where stores and workers meet."""
