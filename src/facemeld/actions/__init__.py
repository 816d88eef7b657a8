"""One module for each API action: its request and response, and the way to its use case."""
