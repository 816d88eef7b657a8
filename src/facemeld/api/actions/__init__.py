"""The API's actions: one module for each version."""
