"""Operators' users: who may administer the service, their passwords and bearer tokens."""
