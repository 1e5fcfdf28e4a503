"""Sample volumes with annotation: a template brain as patient A, and simulated patients made from it."""
