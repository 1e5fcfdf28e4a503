"""The words for the planes of slices, wherever they are written: head files, jobs, command line, panel."""

from __future__ import annotations

PLANES = ("axial", "sagittal", "coronal")

PLANE_CHOICES = ("auto", *PLANES)
"""What may be asked for: "auto" takes it from the grid and the annotation."""
