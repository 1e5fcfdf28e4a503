"""From a volume to the square gray slices that an encoder sees, and the exact way back."""
