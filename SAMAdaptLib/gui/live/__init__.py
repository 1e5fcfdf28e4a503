"""Live annotation in Slicer: strokes go to a session in the worker, what it finds comes back as a preview."""
