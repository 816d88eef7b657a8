"""Model files: found, fetched once, verified by digest and cached."""
