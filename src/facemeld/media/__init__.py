"""Bytes of strangers in and out: container walks, header checks, guarded downloads, decoding and encoding of pictures."""
