"""The imaging engine: pure functions on arrays and small frozen value types."""
