"""Sessions of the console: sign-in, the guard in front of every request, preferences in cookies."""
