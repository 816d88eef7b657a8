"""Addresses that anyone may open: stored results, pictures of materials, the verifier."""
