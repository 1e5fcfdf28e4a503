"""Annotated cases in, a head out: the method, from the plane of the slices to the card."""
