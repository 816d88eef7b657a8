"""Occlusion: what lies in front of a face, and the face that is left."""
