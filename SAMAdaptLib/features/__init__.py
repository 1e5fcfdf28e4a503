"""Features of slices, encoded once and kept."""
