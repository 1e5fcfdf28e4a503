"""How good a segmentation is, in numbers, pictures and pages."""
