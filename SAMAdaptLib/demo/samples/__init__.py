"""Sample volumes with annotation: a template brain as patient A, and simulated patients B, C and D made from it.

    from SAMAdaptLib.demo import samples

    brain = samples.load("A")
    brain.volume, brain.labelmap

Importing this package imports nothing heavy.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from .patients import SamplePatient, files, load

__all__ = ["SamplePatient", "files", "load"]


def __getattr__(name: str) -> object:
    """Load what is asked for when it is asked for (PEP 562)."""
    if name in __all__:
        from . import patients

        return getattr(patients, name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
