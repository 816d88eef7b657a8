"""Settings: the values that an operator can set, and how they are read from the environment and the command line."""
