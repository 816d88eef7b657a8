"""The composition root: builds each stateful thing once, runs the server."""
