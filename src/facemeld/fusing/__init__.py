"""Fuses faces: the use case of a call, for stored and sent templates, from the request to the delivered reply."""
