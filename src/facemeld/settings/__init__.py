"""Settings: what an operator can set, and how it is read from the environment and the command line."""

from facemeld.settings.catalogue import GROUPS, SETTINGS, Setting, Settings
from facemeld.settings.environment import load_settings
from facemeld.settings.groups import split_list

__all__ = ["GROUPS", "SETTINGS", "Setting", "Settings", "load_settings", "split_list"]
