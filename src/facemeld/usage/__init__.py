"""Usage: one record for every call, and totals over them."""

from facemeld.usage.search import CallFilter, UsageSearch
from facemeld.usage.store import Grouping, UsageStore
from facemeld.usage.types import Usage, UsageTotal

__all__ = ["CallFilter", "Grouping", "Usage", "UsageSearch", "UsageStore", "UsageTotal"]
