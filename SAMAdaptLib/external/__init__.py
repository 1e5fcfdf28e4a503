"""Third-party code that is not there everywhere, loaded with care."""
