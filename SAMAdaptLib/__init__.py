"""SAMAdapt: learn a structure from one annotated volume, segment the others.

    import SAMAdaptLib as samadapt

    head = samadapt.train([("ct.nii.gz", "ct-labels.seg.nrrd")], budget="fast")
    labelmap = samadapt.segment("another-ct.nii.gz", head)

Importing this package imports nothing heavy: the functions below load what they need at their first use.
"""

from __future__ import annotations

from ._version import __version__

TYPE_CHECKING = False
"""As typing's, without its import: what is imported before ``__main__`` runs, a Ctrl-C would end with a traceback."""

if TYPE_CHECKING:
    from .api import LiveSession, channels, evaluate, frames, load_head, save_head, segment, train
    from .data.case import Case
    from .data.io.volumes import Labelmap, Volume
    from .training.config import TrainingConfig

_HOME = {
    "Case": "data.case",
    "Labelmap": "data.io.volumes",
    "TrainingConfig": "training.config",
    "Volume": "data.io.volumes",
    **dict.fromkeys(
        ("LiveSession", "channels", "evaluate", "frames", "load_head", "save_head", "segment", "train"), "api"
    ),
}
"""Where each public name is loaded from when it is asked for."""

__all__ = [
    "Case",
    "Labelmap",
    "LiveSession",
    "TrainingConfig",
    "Volume",
    "__version__",
    "channels",
    "evaluate",
    "frames",
    "load_head",
    "save_head",
    "segment",
    "train",
]


def __getattr__(name: str) -> object:
    """Load a public name when it is asked for (PEP 562)."""
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
