"""The actions of API version 2018-12-01, with types and codes of their own."""

VERSION = "2018-12-01"

OFFLINE = ((VERSION, "FaceFusionLite"),)
"""Actions that the version once had."""
