"""The protocol of the cloud API 3.0: authentication, decoding, envelope, errors; independent of actions."""
