"""The cloud API: its protocol, its actions, and the checks around every call."""
