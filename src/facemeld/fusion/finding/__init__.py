"""Find faces in a picture, and choose among several photos of one person."""
