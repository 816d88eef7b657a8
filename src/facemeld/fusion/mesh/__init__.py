"""The mesh engine: the user's own pixels, moved by geometry into the template's pose, expression and light."""
