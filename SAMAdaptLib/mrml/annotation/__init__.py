"""Annotations in the scene: segments, label volumes, and their labels on the grid of a volume."""
