"""A trained head as a thing: its card, its file."""
