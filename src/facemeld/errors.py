"""The root of every error that Facemeld raises on purpose."""


class FacemeldError(Exception):
    """Something expected went wrong; the message says what was expected and what came."""
