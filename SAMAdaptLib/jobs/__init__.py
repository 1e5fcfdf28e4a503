"""One frozen dataclass a job, and what turns it into calls of the library."""
