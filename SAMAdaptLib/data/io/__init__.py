"""Volumes and labelmaps in files: what is read, what is written, what is refused, and why."""
