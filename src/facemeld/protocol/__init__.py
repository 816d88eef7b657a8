"""Cloud API 3.0 on the wire: authentication, decoding, envelope, errors; it knows no action."""
