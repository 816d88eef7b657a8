"""The cloud API 3.0 on the wire: authentication, decoding, envelope, errors. Knows no action."""
