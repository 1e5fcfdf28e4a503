"""Volumes over time: files that hold several of them, one frame after the other, and results for all frames."""
