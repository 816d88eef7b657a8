"""The geometry of a face: where its points are, where they go, and the maps that move pixels there."""
