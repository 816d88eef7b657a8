"""The pixel work of worker processes: read photos, fuse, mark, import templates, verify."""
