"""Temporary and private files: where they lie, what is left of them, and paths that are safe to open."""
